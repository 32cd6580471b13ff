#!/bin/bash
# Loaded graphs against the onnx package and PyTorch: see check_models.py.
set -u
PYTHON=${PYTHON:-/usr/bin/python3}
if ! "$PYTHON" -c 'import numpy, onnx, torch' 2>/dev/null; then
    echo "skipped: $PYTHON has no numpy, onnx and torch (python3-onnx, python3-torch)"
    exit 77
fi
export OMP_NUM_THREADS=1
exec "$PYTHON" "$JUDD_SOURCE/tests/onnx/check_models.py" \
    "$JUDD_BUILD/tests/onnx_bench_dump" "$JUDD_SOURCE/../shared/models"
