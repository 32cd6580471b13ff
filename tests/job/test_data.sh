#!/usr/bin/env bash
# Jobs on ready features and on a test set divided off by seed; data.jsonl; judd inspect DATASET.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import PIL, numpy' 2>/dev/null; then
    echo "skipped: python3-pil or python3-numpy is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
JUDD_CACHE=$folder/cache "$python" "$JUDD_SOURCE/tests/job/test_data.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD"
