#!/usr/bin/env bash
# Pretrained networks on the images they were made for: top-1 as published, logits as PyTorch's on
# what Pillow decodes; the same cache bytes at 1 and 2 ranks.
set -euo pipefail
python=/usr/bin/python3
shared=$JUDD_SOURCE/../shared
if [ ! -e "$shared/data/imagenet-sample-200.tar" ]; then
    echo "skipped: the sample images and models are not beside the source"
    exit 77
fi
if ! "$python" -c 'import PIL, numpy, h5py, torch, onnx' 2>/dev/null; then
    echo "skipped: one of python3-pil, -numpy, -h5py, -torch, -onnx is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
PYTHONPATH=$JUDD_SOURCE/tools "$python" "$JUDD_SOURCE/tests/features/test_pretrained.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD" "$shared" "$@"
