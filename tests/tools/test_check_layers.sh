#!/usr/bin/env bash
# check-layers accepts a good tree and refuses every kind of bad include, naming file and line.
set -eu
check=$JUDD_SOURCE/tools/check-layers
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# put FILE LINE ...: a source below the tree
put() {
    mkdir -p "$dir/tree/${1%/*}"
    printf '%s\n' "${@:2}" >"$dir/tree/$1"
}

good() {
    rm -rf "$dir/tree"
    put include/judd/base/status.h '#include <stdint.h>'
    put include/judd/data/dataset.h '#include <judd/base/status.h>'
    put src/base/status.c '#include <judd/base/status.h>'
    put src/io/h5.h '#include <hdf5.h>'
    put src/data/reader.h ''
    put src/data/dataset.c '#include <judd/data/dataset.h>' '#include "reader.h"' '#include "io/h5.h"'
    put src/onnx/graph.c '#include <onnx/onnx.pb-c.h>'
    put src/engine/onednn.c '#include <dnnl.h>' '#include "onnx/onnx.pb-c.h"'
    put src/job/parse.c '#include <libconfig.h>' '#include "data/reader.h"' \
        '/* MPI_Init() is not' '#include "nowhere.h"' ' * called here */' \
        'const char *glob = "src/*.c";' '// MPI_Init(): nor here' 'int x; /* nor MPI_Init(0, 0) */' \
        'MPI_Initialized(&x);'
    put src/cli/main.c '#include "job/private.h"' 'MPI_Init(&argc, &argv);'
    put src/linalg/scalapack.c 'extern void pdpotrf_(const char *uplo);' 'Cblacs_gridexit(0);'
    put src/job/private.h ''
    put src/cli/commands.h ''
}

good
if ! output=$("$check" "$dir/tree" 2>&1) || [ -n "$output" ]; then
    echo "a good tree was refused: $output"
    failures=1
fi

# refuses FILE:LINE TEXT FILE LINE ...: the good tree with FILE changed fails at that place with TEXT
refuses() {
    local place=$1 text=$2 output status=0
    good
    put "${@:3}"
    output=$("$check" "$dir/tree" 2>&1) || status=$?
    if [ "$status" -ne 1 ] || [ "$(wc -l <<<"$output")" -ne 1 ] ||
        [[ $output != "$place: "*"$text"* ]]; then
        echo "expected exit code 1 and '$place: ...$text...', got exit code $status and:"
        echo "$output"
        failures=1
    fi
}

refuses src/base/up.c:2 'data stands below base' src/base/up.c '' '#include <judd/data/dataset.h>'
refuses src/io/up.c:1 'data stands below io' src/io/up.c '#include "data/reader.h"'
refuses src/data/pb.c:1 'onnx stands below data' src/data/pb.c '#include <onnx/onnx.pb-c.h>'
refuses include/judd/base/up.h:1 'data stands below base' include/judd/base/up.h \
    '#include <judd/data/dataset.h>'
refuses src/job/after.c:2 'cli stands below job' src/job/after.c 'char *glob = "/*";' \
    '#include "cli/commands.h"'
refuses src/data/x.c:1 'relative path' src/data/x.c '#include "../io/h5.h"'
refuses src/data/x.c:1 'included as <judd/base/status.h>' src/data/x.c \
    '#include "judd/base/status.h"'
refuses src/data/x.c:1 'no public header' src/data/x.c '#include <judd/base/none.h>'
refuses src/data/x.c:1 'no private header' src/data/x.c '#include "io/none.h"'
refuses src/data/x.c:1 'not in src/data' src/data/x.c '#include "h5.h"'
refuses src/data/x.c:1 'included as "io/h5.h"' src/data/x.c '#include <io/h5.h>'
refuses include/judd/data/x.h:1 'may not include a private one' include/judd/data/x.h \
    '#include "data/reader.h"'
refuses include/judd/onnx/x.h:1 'may not include a private one' include/judd/onnx/x.h \
    '#include <onnx/onnx.pb-c.h>'
refuses src/job/x.c:3 'only src/cli may' src/job/x.c '/* a' 'b */ int c; /* d */' \
    'if (MPI_Init_thread (0, 0, 0, 0)) return;'
refuses src/job/x.c:1 'only src/cli may' src/job/x.c "char q = '\"'; MPI_Init(0, 0); char *p = \"\";"
refuses src/learn/x.c:1 'only src/linalg/scalapack.c may' src/learn/x.c 'pdgemm_ ("N");'
refuses src/linalg/x.c:2 'only src/linalg/scalapack.c may' src/linalg/x.c '/* */' 'Cblacs_gridinit(&c);'
refuses src/data/x.c:1 'only src/job may' src/data/x.c '#include <libconfig.h>'
refuses src/engine/x.c:1 'only src/engine/onednn.c may' src/engine/x.c '#  include <oneapi/dnnl/dnnl.h>'
refuses src/extra/x.c:1 'lies in no layer' src/extra/x.c ''
refuses src/x.c:1 'lies in no layer' src/x.c ''

# An empty tree proves nothing, so it is refused.
mkdir -p "$dir/empty/src" "$dir/empty/include/judd"
if "$check" "$dir/empty" 2>/dev/null; then
    echo "a tree without sources was accepted"
    failures=1
fi

# A header that leans on what stands before it.
if command -v mpicc >/dev/null; then
    good
    if ! output=$("$check" --headers "$dir/tree" 2>&1); then
        echo "good headers were refused: $output"
        failures=1
    fi
    put include/judd/data/dataset.h 'int32_t n;'
    if "$check" --headers "$dir/tree" >/dev/null 2>&1; then
        echo "a header that does not compile alone was accepted"
        failures=1
    fi
fi
exit "$failures"
