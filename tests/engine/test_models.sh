# Real model files against PyTorch's functional operators: relative error of the logits <= 1e-4.
. "$JUDD_SOURCE/tests/scratch.sh"
models="$JUDD_SOURCE/../shared/models"
[ -d "$models" ] || skip "no $models"
need torch onnx
"$python" "$JUDD_SOURCE/tests/engine/models_oracle.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$models" "$folder"
