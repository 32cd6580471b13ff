#!/usr/bin/env bash
# Folders, tar shards and lists of JPEG and PNG files: what is read, what is refused, at 1 to 3 ranks.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import PIL, numpy' 2>/dev/null; then
    echo "skipped: python3-pil or python3-numpy is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_encoded.py" "$JUDD_SOURCE/tests/mpirun.sh" \
    "$JUDD_BUILD/tests/data_bench_dataset"
