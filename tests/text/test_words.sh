#!/usr/bin/env bash
# Texts through word vectors: the features of fastText's own program, of NumPy and of scikit-learn, at any
# number of ranks.
. "$JUDD_SOURCE/tests/scratch.sh"
need h5py numpy sklearn
command -v fasttext >/dev/null || skip "Debian's fasttext is missing"
export PYTHONPATH=$JUDD_SOURCE/tests/text TMPDIR=$folder
"$python" "$JUDD_SOURCE/tests/text/test_words.py" "$JUDD" "$JUDD_SOURCE/tests/mpirun.sh"
