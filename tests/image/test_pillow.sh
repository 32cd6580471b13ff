#!/usr/bin/env bash
# Decoded, resized and cropped pixels against Pillow: equal; bad images: refused, never a crash.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import PIL, numpy' 2>/dev/null; then
    echo "skipped: python3-pil or python3-numpy is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" "$JUDD_SOURCE/tests/image/test_pillow.py" "$JUDD_BUILD/tests/image_bench_pixels" \
    "$folder" "$JUDD_SOURCE/../shared/data/imagenet-sample-200.tar"
