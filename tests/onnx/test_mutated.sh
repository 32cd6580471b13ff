# Valid networks with something made wrong are refused with one line, or run. Longer: mutated_models.py with a program of the asan
# build and thousands of seeds.
. "$JUDD_SOURCE/tests/scratch.sh"
need torch onnx
export OMP_NUM_THREADS=1
PYTHONPATH="$JUDD_SOURCE/tests/engine" "$python" \
    "$JUDD_SOURCE/tests/onnx/mutated_models.py" "$JUDD_BUILD/tests/engine_bench_forward" "$folder"
