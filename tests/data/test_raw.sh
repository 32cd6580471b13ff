#!/usr/bin/env bash
# CIFAR, NPY and HDF5: the same pixels from every format, features, targets, and what is refused.
. "$JUDD_SOURCE/tests/scratch.sh"
need h5py numpy
PYTHONPATH="$JUDD_SOURCE/tests/data" "$python" "$JUDD_SOURCE/tests/data/test_raw.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD_BUILD/tests/data_bench_dataset"
