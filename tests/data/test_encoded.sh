#!/usr/bin/env bash
# Folders, tar shards and lists of JPEG and PNG files: what is read, what is refused, at 1 to 3 ranks.
. "$JUDD_SOURCE/tests/scratch.sh"
need PIL numpy
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_encoded.py" "$JUDD_SOURCE/tests/mpirun.sh" \
    "$JUDD_BUILD/tests/data_bench_dataset"
