#!/usr/bin/env bash
# Real vectors and texts: what fastText and scikit-learn say of them.
shared=$(realpath "${JUDD_SHARED:-$JUDD_SOURCE/../shared}") # before the folder changes
. "$JUDD_SOURCE/tests/scratch.sh"
[ -d "$shared/vectors" ] || skip "no vectors in $shared"
need h5py numpy sklearn
command -v fasttext >/dev/null || skip "Debian's fasttext is missing"
export PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder OMP_NUM_THREADS=1
"$python" "$JUDD_SOURCE/tests/text/test_real.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh" "$shared"
