# judd bench features on a real model: the keys, Winograd on and off, a tap, bad arguments.
. "$JUDD_SOURCE/tests/scratch.sh"
model="$JUDD_SOURCE/../shared/models/resnet20-cifar10.onnx"
[ -f "$model" ] || skip "no $model"
run() { "$JUDD_SOURCE/tests/mpirun.sh" 1 "$JUDD" bench features "$@"; }
run "$model" --batch 16 --layers --json > "$folder/on.json"
run "$model" --batch 16 --no-winograd --json > "$folder/off.json"
run "$model" --batch 16 --tap penultimate --layers > "$folder/text"
grep -q images_per_s "$folder/text"
"$python" - "$folder" <<'PY'
import json, sys
on, off = (json.load(open(f"{sys.argv[1]}/{k}.json")) for k in ("on", "off"))
for r in (on, off):
    assert r["images_per_s"] > 0 and r["gflop_per_s"] > 0 and 0 < r["peak_share"] < 4, r
    # ResNet-20 on 32 x 32 pixels: 40.8 million multiply-adds an image (He et al. 2015, section 4.2)
    assert abs(r["gflop_per_s"] / r["images_per_s"] / (2 * 0.0408) - 1) < 0.02, r
wide = on["isa"] in ("avx2", "avx512_core")
assert off["winograd_layers"] == 0 and on["winograd_layers"] == (16 if wide else 0), on
assert sum(l["winograd"] for l in on["layers"]) == on["winograd_layers"]
PY
refused() {
    status=0
    run "$@" > "$folder/out" 2>&1 || status=$?
    [ "$status" = 64 ] || { echo "exit $status, not 64: $*"; cat "$folder/out"; exit 1; }
}
refused
refused "$model" --batch 0
refused "$model" --batch
refused "$model" --colour red
# bench read names data sets; it has one option
refused() {
    status=0
    "$JUDD" bench read "$@" > "$folder/out" 2>&1 || status=$?
    [ "$status" = 64 ] || { echo "exit $status, not 64: bench read $*"; cat "$folder/out"; exit 1; }
}
refused
refused --json
