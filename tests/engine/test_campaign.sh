# A few small models of torchvision against PyTorch in float64; campaign_models.py runs all of them.
. "$JUDD_SOURCE/tests/scratch.sh"
need torchvision onnx
"$python" "$JUDD_SOURCE/tests/engine/campaign_models.py" \
    "$JUDD_BUILD/tests/engine_bench_forward" "$folder" --short
