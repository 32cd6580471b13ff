# Random networks, some in the manner of tf2onnx, against PyTorch in float64.
set -eu
/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null || { echo "skipped: no torch or onnx"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$JUDD_SOURCE/tests/engine/random_graphs.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$work"
