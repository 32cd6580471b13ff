#!/usr/bin/env bash
# Real vectors and texts: what fastText and scikit-learn say of them.
set -euo pipefail
python=/usr/bin/python3
shared=${JUDD_SHARED:-$JUDD_SOURCE/../shared}
[ -d "$shared/vectors" ] || { echo "skipped: no vectors in $shared"; exit 77; }
shared=$(cd "$shared" && pwd)
"$python" -c 'import h5py, numpy, sklearn' 2>/dev/null && command -v fasttext >/dev/null ||
    { echo "skipped: Debian's fasttext, python3-h5py, python3-numpy or python3-sklearn is missing"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder OMP_NUM_THREADS=1
"$python" "$JUDD_SOURCE/tests/text/test_real.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh" "$shared"
