#!/usr/bin/env bash
# Pretrained networks on the images they were made for: top-1 as published, logits as PyTorch's on
# what Pillow decodes; the same cache bytes at 1 and 2 ranks.
. "$JUDD_SOURCE/tests/scratch.sh"
shared=$JUDD_SOURCE/../shared
[ -e "$shared/data/imagenet-sample-200.tar" ] || skip "the sample images and models are not beside the source"
need PIL numpy h5py torch onnx
PYTHONPATH=$JUDD_SOURCE/tools "$python" "$JUDD_SOURCE/tests/features/test_pretrained.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD" "$shared" "$@"
