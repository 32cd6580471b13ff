#!/usr/bin/env bash
# judd pack: the same samples, labels and identity from one file; damage is found.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import h5py, numpy, PIL' 2>/dev/null; then
    echo "skipped: python3-h5py, python3-numpy or python3-pil is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_pack.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD_BUILD/tests/data_bench_dataset" "$JUDD"
