# Real model files against PyTorch's functional operators: relative error of the logits <= 1e-4.
set -eu
models="$JUDD_SOURCE/../shared/models"
[ -d "$models" ] || { echo "skipped: no $models"; exit 77; }
/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null || { echo "skipped: no torch or onnx"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$JUDD_SOURCE/tests/engine/models_oracle.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$models" "$work"
