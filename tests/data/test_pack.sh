#!/usr/bin/env bash
# judd pack: the same samples, labels and identity from one file; damage is found.
. "$JUDD_SOURCE/tests/scratch.sh"
need h5py numpy PIL
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_pack.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD_BUILD/tests/data_bench_dataset" "$JUDD"
