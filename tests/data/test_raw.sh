#!/usr/bin/env bash
# CIFAR, NPY and HDF5: the same pixels from every format, features, targets, and what is refused.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import h5py, numpy' 2>/dev/null; then
    echo "skipped: python3-h5py or python3-numpy is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_raw.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD_BUILD/tests/data_bench_dataset"
