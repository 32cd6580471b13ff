#!/usr/bin/env bash
# Files written in parallel are read by HDF5's own tools and by h5py.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/f.h5
"$JUDD_SOURCE/tests/mpirun.sh" 3 "$JUDD_BUILD/tests/io_bench_h5" "$file" 11 5

ran=0
if command -v h5dump >/dev/null; then
    ran=1
    text=$(h5dump "$file")
    for words in '"cat"' 'CSET H5T_CSET_UTF8' \
                 'DATASPACE  SIMPLE { ( 11, 5 ) / ( 11, 5 ) }' '(10,0): 12.5, 12.75, 13, 13.25, 13.5'; do
        grep -qF -- "$words" <<<"$text" || { echo "h5dump does not show: $words"; exit 1; }
    done
    layout=$(h5dump -pH -d /train/features "$file")
    for words in CONTIGUOUS H5D_FILL_TIME_NEVER H5D_ALLOC_TIME_EARLY; do
        grep -qF "$words" <<<"$layout" || { echo "not $words"; exit 1; }
    done
fi

for python in python3 /usr/bin/python3; do
    "$python" -c 'import h5py, numpy' 2>/dev/null || continue
    ran=1
    "$python" - "$file" <<'PYTHON'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f:
    x = f["train/features"]
    assert x.dtype == np.dtype("<f4") and x.chunks is None and x.compression is None
    assert np.array_equal(x[:], 0.25 * np.arange(55, dtype=np.float32).reshape(11, 5))
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    assert text(x.attrs["description"]).startswith("row i holds")
    assert text(f.attrs["name"]) == "d\u00e9j\u00e0 vu", f.attrs["name"]
    assert f["train"].attrs["step"] == -12 and x.attrs["scale"] == 0.25
    assert list(f["classes"].asstr()[:]) == ["cat", "dog", "\u00e9l\u00e9phant"]
PYTHON
    break
done
[ "$ran" = 1 ] || { echo "neither h5dump nor h5py is here"; exit 77; }
