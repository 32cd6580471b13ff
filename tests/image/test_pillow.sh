#!/usr/bin/env bash
# Decoded, resized and cropped pixels against Pillow: equal; bad images: refused, never a crash.
. "$JUDD_SOURCE/tests/scratch.sh"
need PIL numpy
"$python" "$JUDD_SOURCE/tests/image/test_pillow.py" "$JUDD_BUILD/tests/image_bench_pixels" \
    "$folder" "$JUDD_SOURCE/../shared/data/imagenet-sample-200.tar"
