#!/usr/bin/env bash
# What cmake --install leaves works where it is moved to: presets, batch scripts, and the library for a
# program of others, built with pkg-config and with CMake; its answers are NumPy's.
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "no python3-h5py, python3-numpy"
cmake --install "$JUDD_BUILD" --prefix "$folder/first" >install.log || fail "cmake --install: $(tail -n 3 install.log)"
mv first moved
prefix=$folder/moved
! grep -rlF "$JUDD_SOURCE" moved/share moved/lib*/pkgconfig moved/lib*/*/pkgconfig moved/lib*/cmake 2>/dev/null ||
    fail "installed files name the source tree (above)"

# Links of the documents lead to something.
for file in $(find moved/share -name '*.md'); do
    for link in $(grep -o '](\([^)#]*\)' "$file" | cut -c 3- | grep -v '^https\?:'); do
        [ -e "$(dirname "$file")/$link" ] || fail "$file: $link is not installed"
    done
done

# run RANKS ARGUMENT ...
run() {
    timeout -k 5 100 "$JUDD_SOURCE/tests/mpirun.sh" "$1" "$JUDD" "${@:2}"
}

make_data 400 100
write_job
sed -i 's,^@include ".*/configs/\(.*\)",@include "\1",' job.cfg
grep -q '^@include "backbones/fashion-resnet.cfg"' job.cfg || fail "the job names no preset"
JUDD=$prefix/bin/judd
run 2 features job.cfg --all >features.txt || fail "features: $(cat features.txt)"
"$JUDD" submit "$prefix/share/judd/jobs/quickstart.cfg" --set cache=\"cache\" >submit.txt || fail "submit"
grep -qF "JUDD_SLURM='$prefix/share/judd/slurm'" submit.txt || fail "batch scripts: $(grep SLURM= submit.txt)"
mv moved/share/judd share
! "$JUDD" plan job.cfg >/dev/null 2>error.txt || fail "presets that are gone were found"
grep -q "neither beside this file nor in the presets" error.txt || fail "presets that are gone: $(cat error.txt)"
JUDD_SHARE=$folder/share "$JUDD" plan job.cfg >/dev/null || fail "JUDD_SHARE"

flags=
! grep -q '^CMAKE_C_FLAGS_DEBUG:.*fsanitize=address' "$JUDD_BUILD/CMakeCache.txt" ||
    ! grep -q '^CMAKE_BUILD_TYPE:.*=Debug' "$JUDD_BUILD/CMakeCache.txt" || flags=-fsanitize=address,undefined
example=$(echo moved/share/doc/*/example)
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name judd.pc)")
# shellcheck disable=SC2046,SC2086 # lists of words
cc -std=gnu17 -Wall -Werror $flags "$example/neighbours.c" -o by-pkg-config $(pkg-config --cflags --libs judd) -lm ||
    fail "pkg-config: does not build"
{ cmake -S "$example" -B by-cmake -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="$flags" && cmake --build by-cmake; } \
    >cmake.log 2>&1 || fail "find_package(judd): $(tail -n 20 cmake.log)"

export LD_LIBRARY_PATH=$PKG_CONFIG_PATH/..
for cache in $(find cache -name "*.h5"); do
    JUDD=$PWD/by-pkg-config run 2 "$cache" 17 7 >pkg.tsv || fail "neighbours $cache"
    JUDD=$PWD/by-cmake/neighbours run 1 "$cache" 17 7 >cmake.tsv || fail "neighbours $cache, by CMake"
    cmp pkg.tsv cmake.tsv || fail "other neighbours at another number of ranks"
    "$python" - "$cache" pkg.tsv <<'PY' || fail "$cache: not NumPy's neighbours"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as file:
    x, there = file["features"][:].astype(np.float64), file["check"][:] != 0
x /= np.linalg.norm(x, axis=1, keepdims=True) + (np.linalg.norm(x, axis=1, keepdims=True) == 0)
cosine = np.where(there, x @ x[17], -9.0)
cosine[17] = -9.0
got = np.loadtxt(sys.argv[2])
assert len(got) == 7
assert np.allclose(got[:, 1], np.sort(cosine)[::-1][:7], atol=1e-6), (got, np.sort(cosine)[::-1][:7])
assert np.allclose(cosine[got[:, 0].astype(int)], got[:, 1], atol=1e-6)
PY
done
status=0
./by-pkg-config "$cache" 100000 >/dev/null 2>error.txt || status=$?
[ $status -eq 64 ] && grep -q "has no features of row 100000" error.txt || fail "no such row: $(cat error.txt)"
