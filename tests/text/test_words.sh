#!/usr/bin/env bash
# Texts through word vectors: the features of fastText's own program, of NumPy and of scikit-learn, at any
# number of ranks.
set -euo pipefail
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, sklearn' 2>/dev/null && command -v fasttext >/dev/null ||
    { echo "skipped: Debian's fasttext, python3-h5py, python3-numpy or python3-sklearn is missing"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder
"$python" "$JUDD_SOURCE/tests/text/test_words.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh"
