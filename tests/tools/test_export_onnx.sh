# tools/export-onnx: the presets in configs/backbones are what it writes; a job that includes an exported network computes
# what PyTorch computes on images prepared by torchvision.
. "$JUDD_SOURCE/tests/scratch.sh"
need torchvision PIL h5py onnx
export JUDD_CACHE=$folder/cache
"$python" "$JUDD_SOURCE/tools/export-onnx" --random squeezenet1_1 net 2>/dev/null
"$JUDD" inspect net/squeezenet1_1.onnx | grep -E '^sum +1235496 +0\.69' >/dev/null
status=0
"$python" "$JUDD_SOURCE/tools/export-onnx" squezenet net 2>/dev/null || status=$?
[ "$status" = 64 ]
mkdir presets
"$python" "$JUDD_SOURCE/tools/export-onnx" --presets presets
for preset in presets/*.cfg; do
    cmp "$preset" "$JUDD_SOURCE/configs/backbones/${preset#*/}"
done
exec "$python" "$JUDD_SOURCE/tests/tools/check_presets.py" "$JUDD" "$JUDD_SOURCE"
