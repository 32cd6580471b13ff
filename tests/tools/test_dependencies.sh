#!/usr/bin/env bash
# Configuring names each missing dependency in exactly one line, with a package that install-deps
# knows and a hint; NAME_ROOT hints win over the system's places.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
libdir=$(pkg-config --variable pc_path pkg-config)

# without NAME.pc: a folder with every other .pc file; prints it
without() {
    local hidden=$dir/pc-$1 folder
    mkdir "$hidden"
    for folder in ${libdir//:/ }; do
        [ ! -d "$folder" ] || cp -sn "$folder"/*.pc "$hidden/" 2>/dev/null || true
    done
    rm -f "$hidden/$1.pc"
    echo "$hidden"
}

# missing WHAT PACKAGES [CMAKE-OPTION ...]: one background check; complaints go to a file
missing() {
    local what=$1 packages=$2 out=$dir/$1.out lines package
    shift 2
    if cmake -S "$JUDD_SOURCE" -B "$dir/build-$what" -G "Unix Makefiles" "$@" >"$out" 2>&1; then
        echo "$what: configured all the same" >>"$dir/complaints"
        return
    fi
    lines=$(grep -c "^ *$what not found: install $packages (Debian/Ubuntu) or load its module; hint: ." "$out" || true)
    if [ "$lines" -ne 1 ] || [ "$(grep -c '^CMake Error' "$out")" -ne 1 ]; then
        {
            echo "$what: expected one error of one line, naming $packages, got:"
            grep -A 6 '^CMake Error' "$out"
        } >>"$dir/complaints"
    fi
    for package in $packages; do
        grep -qw -- "$package" "$JUDD_SOURCE/tools/install-deps" ||
            echo "$what: install-deps does not know $package" >>"$dir/complaints"
    done
}
missing_pc() {
    local hidden
    hidden=$(without "$1")
    shift
    PKG_CONFIG_LIBDIR=$hidden missing "$@"
}

# A prefix of one's own must win over the system's oneDNN and pkg-config's zlib.
hints() {
    local prefix=$dir/prefix
    mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"
    touch "$prefix/include/dnnl.h" "$prefix/lib/libdnnl.so"
    printf 'Name: zlib\nDescription: none\nVersion: 9.9\nLibs:\nCflags:\n' >"$prefix/lib/pkgconfig/zlib.pc"
    if ! ZLIB_ROOT=$prefix cmake -S "$JUDD_SOURCE" -B "$dir/build-hints" -G "Unix Makefiles" \
        -DJUDD_TESTS=OFF -Ddnnl_ROOT="$prefix" >"$dir/hints.out" 2>&1; then
        { echo "hints: does not configure:"; cat "$dir/hints.out"; } >>"$dir/complaints"
    fi
    grep -qx "DNNL_LIBRARY:FILEPATH=$prefix/lib/libdnnl.so" "$dir/build-hints/CMakeCache.txt" ||
        echo "hints: dnnl_ROOT was not followed" >>"$dir/complaints"
    grep -qx "ZLIB_PC_VERSION:INTERNAL=9.9" "$dir/build-hints/CMakeCache.txt" ||
        echo "hints: ZLIB_ROOT in the environment was not followed" >>"$dir/complaints"
}

touch "$dir/complaints"
pids=()
start() {
    "$@" &
    pids+=($!)
}
start missing pkg-config pkg-config -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
start missing "MPI for C" "libopenmpi-dev openmpi-bin" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON
start missing_pc hdf5-openmpi "Parallel HDF5" libhdf5-openmpi-dev -DCMAKE_DISABLE_FIND_PACKAGE_HDF5=ON
start missing_pc jansson Jansson libjansson-dev
start missing ScaLAPACK libscalapack-openmpi-dev -DSCALAPACK_LIBRARY=
start missing oneDNN libdnnl-dev -DDNNL_LIBRARY=
start missing onnx.proto libonnx-dev -DONNX_PROTO_DIR=
start missing_pc cmocka cmocka libcmocka-dev -DJUDD_TESTS=ON
start hints
for pid in "${pids[@]}"; do
    wait "$pid" || echo "a check ended early" >>"$dir/complaints"
done
cat "$dir/complaints"
[ ! -s "$dir/complaints" ]
