#!/usr/bin/env bash
# Augmented views against torchvision: the boxes by their distribution, the pixels one by one.
set -eu
python=/usr/bin/python3
"$python" -c 'import torchvision, scipy' 2>/dev/null || { echo "skipped: python3-torchvision and python3-scipy are needed"; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/judd-XXXXXX")
trap 'rm -rf "$folder"' EXIT
PYTHONDONTWRITEBYTECODE=1 "$python" "$JUDD_SOURCE/tests/image/test_views.py" \
    "$JUDD_BUILD/tests/image_bench_views" "$folder"
