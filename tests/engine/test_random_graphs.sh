# Random networks, some in the manner of tf2onnx, against PyTorch in float64.
. "$JUDD_SOURCE/tests/scratch.sh"
need torch onnx
"$python" "$JUDD_SOURCE/tests/engine/random_graphs.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$folder"
