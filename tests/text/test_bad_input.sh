#!/usr/bin/env bash
# Damaged word vectors and texts: one line that names place and fact, from all ranks together.
set -euo pipefail
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || { echo "skipped: python3-h5py or python3-numpy is missing"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder
"$python" "$JUDD_SOURCE/tests/text/test_bad_input.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh" \
    "$JUDD_BUILD/tests/text_bench_files"
