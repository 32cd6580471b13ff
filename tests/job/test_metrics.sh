#!/usr/bin/env bash
# Selection, metrics and predictions of whole jobs: what the records say, scikit-learn says too, from
# the files that the jobs leave; the same bytes at any number of ranks.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
"$python" -c 'import h5py, sklearn' 2>/dev/null || skip "python3-h5py and python3-sklearn are needed"
"$python" "$JUDD_SOURCE/tests/job/test_metrics.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh"
