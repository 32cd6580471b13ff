#!/usr/bin/env bash
# Augmented views against torchvision: the boxes by their distribution, the pixels one by one.
. "$JUDD_SOURCE/tests/scratch.sh"
need torchvision scipy
"$python" "$JUDD_SOURCE/tests/image/test_views.py" \
    "$JUDD_BUILD/tests/image_bench_views" "$folder"
