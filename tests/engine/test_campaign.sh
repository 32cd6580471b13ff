# A few small models of torchvision against PyTorch in float64; campaign_models.py runs all of them.
set -eu
/usr/bin/python3 -c 'import torchvision, onnx' 2>/dev/null ||
    { echo "skipped: no torchvision or onnx"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$JUDD_SOURCE/tests/engine/campaign_models.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$work" --short
