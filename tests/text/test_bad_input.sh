#!/usr/bin/env bash
# Damaged word vectors and texts: one line that names place and fact, from all ranks together.
. "$JUDD_SOURCE/tests/scratch.sh"
need h5py numpy
export PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder
"$python" "$JUDD_SOURCE/tests/text/test_bad_input.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh" \
    "$JUDD_BUILD/tests/text_bench_files"
