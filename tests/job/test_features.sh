#!/usr/bin/env bash
# judd features, views and float16 from the job file to the records, and judd verify.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
"$python" -c 'import h5py, onnx' 2>/dev/null || skip "python3-h5py and python3-onnx are needed"
make_data 400 300
write_job
quick=(--set limits.checkpoint_s=60 --set heads.softmax.optimizer.steps=20)
views=(--set datasets.own.views=3 --set "datasets.own.augment.scale=[0.5, 1.0]")

# features RANKS ARGUMENT ...: exit code 0 is demanded; the table in table
features() {
    local ranks=$1
    shift
    "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" "$JUDD" features job.cfg --quiet "$@" >table 2>err ||
        fail "features on $ranks ranks: $(cat err)"
}

# column NAME: the sum of a column of the table, over train and test
column() {
    awk -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; at-- ; next }
                      { sum += $at } END { print sum + 0 }' table
}

# judd verify with an exit code and a word that must be in what it prints
verify() {
    local expected=$1 path=$2 word=$3 code=0
    "$JUDD" verify "$path" >out 2>&1 || code=$?
    [ "$code" = "$expected" ] || fail "verify $path: $code, not $expected: $(cat out)"
    grep -q -- "$word" out || fail "verify $path says nothing of \"$word\": $(cat out)"
}

# Any number of ranks; what is there is not computed again; --all is more than what trials draw.
for ranks in 1 2 3; do
    features "$ranks" "${views[@]}" --set "cache=cache$ranks"
    [ "$(column needed)" = "$(column computed)" ] || fail "a cold cache: $(cat table)"
    for file in cache1/features/*.h5; do same "$file" "${file/#cache1/cache$ranks}"; done
done
[ ! -e runs ] || fail "judd features made an output folder"
needed=$(column needed)
features 2 "${views[@]}" --set cache=cache1
[ "$(column computed)" = 0 ] || fail "a warm cache: $(cat table)"
features 2 "${views[@]}" --set cache=cache1 --all
[ "$(column needed)" -gt "$needed" ] || fail "--all needs no more: $(cat table)"
[ "$(column computed)" = $(($(column needed) - needed)) ] || fail "--all: $(cat table)"

# View 0 is the plain image: a job without views finds it there, and other views are other files.
features 1 --set cache=cache2
[ "$(column computed)" = 0 ] || fail "views and no views share nothing: $(cat table)"
[ "$(ls cache2/features | wc -l)" -gt "$(wc -l <table)" ] || fail "no files of views"

# Training reads all views: three rows an image, the same results at any number of ranks.
must_run 1 one "${quick[@]}" "${views[@]}" --set cache=cache3
must_run 3 three "${quick[@]}" "${views[@]}" --set cache=cache2
same_results one three
must_run 2 plain "${quick[@]}" --set cache=cache3
"$python" - one plain <<'PY' || fail "n_train"
import json, sys
one, plain = ([json.loads(l) for l in open(f"{f}/results.jsonl")] for f in sys.argv[1:3])
plain = {r["trial"]: r for r in plain}
for r in one:
    factor = 3 if r["target"] == "own" else 1
    assert r["n_train"] == factor * plain[r["trial"]]["n_train"], r
    assert r["n_test"] == plain[r["trial"]]["n_test"], r
    same = r["head_sha256"] == plain[r["trial"]]["head_sha256"]
    assert same == (factor == 1), r
PY

# A model whose weights lie in a file beside it: the same numbers of its own identity, which those
# weights are a part of, in a job, judd inspect and judd export.
"$python" - "$JUDD_SOURCE/jobs/models/fashion-resnet.onnx" <<'PY'
import onnx, sys
model = onnx.load(sys.argv[1])
onnx.save_model(model, "data/outside.onnx", save_as_external_data=True, location="weights.bin",
                size_threshold=0)
PY
outside=(--set cache=outside-cache --set backbones.0.file=data/outside.onnx)
must_run 2 outside "${quick[@]}" "${outside[@]}"
"$python" - plain outside <<'PY' || fail "a model with external data"
import json, sys
one, other = ([json.loads(l)["head_sha256"] for l in open(f"{f}/results.jsonl")] for f in sys.argv[1:3])
assert sorted(one) == sorted(other)
PY
identity=$("$JUDD" inspect data/outside.onnx | sed -n 's/.*sha256 //p')
grep -q "data/outside.onnx\": *\"$identity\"" outside/versions.json ||
    fail "judd inspect says $identity: $(cat outside/versions.json)"
"$JUDD" export "$(ls outside/heads/against-pixels*own*.h5 | head -1)" -o grown.onnx >out 2>&1 ||
    fail "judd export: $(cat out)"
features 1 "${outside[@]}"
[ "$(column computed)" = 0 ] || fail "a warm cache of a model with external data: $(cat table)"
printf '\001' | dd of=data/weights.bin bs=1 seek=4096 conv=notrunc 2>/dev/null
features 2 "${outside[@]}"
[ "$(column computed)" -gt 0 ] || fail "other weights beside the model, and nothing is computed"
mv data/weights.bin data/elsewhere.bin
code=0
judd_at 2 gone "${outside[@]}" || code=$?
grep -q "data/outside.onnx: external data 'weights.bin': No such file" gone.err && [ "$code" = 74 ] ||
    fail "a model without its weights: $code, $(cat gone.err)"

# float16: the rounded numbers of float32, half the bytes, and verdicts to the same effect.
must_run 2 half "${quick[@]}" --set cache=half-cache --set backbones.0.storage=float16
"$python" - half-cache cache3 <<'PY' || fail "float16"
import glob, json, sys
import h5py, numpy as np
def read(folder):
    for path in glob.glob(f"{folder}/features/*.h5"):
        with h5py.File(path, "r") as file:
            key = json.loads(file.attrs["key"])
            if "view" not in key:
                yield key, file["features"][()], file["check"][()]
plain = [x for x in read(sys.argv[2]) if x[0]["storage"] == "f32"]
n = 0
for key, x, check in read(sys.argv[1]):
    if key["storage"] == "f32":
        continue
    assert x.dtype == np.float16, x.dtype
    key["storage"] = "f32"
    [(full, there)] = [(y, c) for k, y, c in plain if k == key]
    rows = (check != 0) & (there != 0)
    assert rows.sum() > 20 and (full[rows].astype(np.float16) == x[rows]).all()
    n += 1
assert n > 0
PY

# judd verify knows its own files, and damage.
cache=$(ls half-cache/features/*.h5 | head -1)
verify 0 "$cache" " 0 damaged"
verify 0 half-cache " 0 damaged"
cp "$cache" half-cache/features/another.h5
verify 65 half-cache "another.h5: no run finds it"
verify 0 half-cache/features/another.h5 " 0 damaged"
rm half-cache/features/another.h5
verify 0 half "output folder of a complete job, 32 finished trials, 0 damaged"
head=$(ls half/heads/*.h5 | head -1)
verify 0 "$head" "head_sha256"
verify 0 "${head/heads/predictions}" "as their sha256 says"
verify 65 job.cfg "job.cfg"
verify 74 nowhere "nowhere"
verify 65 data "no folder that judd verify knows"
"$python" - "$cache" "${head/heads/predictions}" <<'PY'
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as file:
    row = int((file["check"][()] != 0).nonzero()[0][0])
    file["features"][row, 0] += 1
with h5py.File(sys.argv[2], "r+") as file:
    file["predicted"][0] = (file["predicted"][0] + 1) % 5
PY
verify 65 "$cache" " 1 damaged"
verify 65 half-cache "1 rows are damaged"
verify 65 half "are not what its record says"
verify 65 "${head/heads/predictions}" "damaged"
# seeds = "auto": networks with random weights of the first look's five seeds; all ten on demand.
auto=(--set cache=auto-cache --set verdict.seeds=auto --set verdict.max_seeds=10 --set "experiments.1.shots=[5]")
features 1 "${auto[@]}"
[ "$(grep -c '^resnet-random *other *test' table)" = 5 ] || fail "first look: $(cat table)"
features 1 "${auto[@]}" --all
[ "$(grep -c '^resnet-random *other *test' table)" = 10 ] || fail "all looks: $(cat table)"

features 1 --set cache=half-cache --set backbones.0.storage=float16
[ "$(column computed) $(column damaged)" = "1 1" ] || fail "a damaged row: $(cat table)"
verify 0 "$cache" " 0 damaged"

# A checkpoint, as a killed job leaves it.
start 1 killed --set cache=cache3 --set limits.checkpoint_steps=20 --set heads.softmax.optimizer.kind=sgd \
    --set heads.softmax.optimizer.steps=3000
wait_until 60 eval 'compgen -G "killed/checkpoints/*/step-*/MANIFEST" >/dev/null' || fail "no checkpoint"
kill_started
step=$(ls -d killed/checkpoints/*/step-* | grep -v tmp | tail -1)
verify 0 "$step" "checkpoint, as its manifest says"
printf x | dd of="$step/state.h5" bs=1 seek=2000 conv=notrunc 2>/dev/null
verify 65 "$step" "MANIFEST"
