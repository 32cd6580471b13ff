# Valid networks with something made wrong are refused with one line, or run. Longer: mutated_models.py with a program of the asan
# build and thousands of seeds.
set -eu
/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null || { echo "skipped: no torch or onnx"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
PYTHONPATH="$JUDD_SOURCE/tests/engine" PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 \
    "$JUDD_SOURCE/tests/onnx/mutated_models.py" "$JUDD_BUILD/tests/engine_bench_forward" "$work"
