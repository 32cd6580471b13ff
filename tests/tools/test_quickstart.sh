#!/usr/bin/env bash
# tools/quickstart on a small stand-in project: from any folder, twice, with its options passed on,
# and readable when the build or the run fails.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
top="$dir/a checkout"
mkdir -p "$top/jobs" "$dir/elsewhere"
cp -r "$JUDD_SOURCE/tools" "$top/"
echo 'schema = 1;  name = "quick";  seed = 1;' >"$top/jobs/quickstart.cfg"
cp "$JUDD_SOURCE/CMakePresets.json" "$top/"
cat >"$top/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(stand_in LANGUAGES C)
find_package(MPI REQUIRED COMPONENTS C)
add_executable(judd main.c)
target_link_libraries(judd PRIVATE MPI::MPI_C)
CMAKE
cat >"$top/main.c" <<'C'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
int main(int argc, char **argv) {
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank == 0) {
        printf("ranks=%d", ranks);
        for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
        printf("\n");
        mkdir("runs", 0777);
        mkdir("runs/quick", 0777);
        fclose(fopen("runs/quick/verdicts.jsonl", "w"));
    }
    MPI_Finalize();
    return getenv("STATUS") ? atoi(getenv("STATUS")) : 0;
}
C
failures=0
# expect STATUS TEXT ARGUMENT ...: quickstart from another folder ends so and says so
expect() {
    local want=$1 text=$2 got=0
    shift 2
    output=$(cd "$dir/elsewhere" && bash "$top/tools/quickstart" --no-install "$@" 2>&1) || got=$?
    if [ "$got" -ne "$want" ] || ! grep -qF -- "$text" <<<"$output"; then
        printf '%s: exit code %s (expected %s), or no "%s" in:\n%s\n' "$*" "$got" "$want" "$text" "$output"
        failures=1
    fi
}
expect 0 'ranks=2 [run] [jobs/quickstart.cfg]'
grep -qF "Results in $top/runs/quick:" <<<"$output" && grep -q verdicts.jsonl <<<"$output" || {
    echo "no word of the results in: $output"
    failures=1
}
expect 0 'ranks=3 [run] [jobs/quickstart.cfg] [--fresh] [--set] [seed=2 3]' \
    --ranks 3 --fresh -- --set 'seed=2 3'
expect 64 '--ranks takes a whole number' --ranks
expect 64 '--ranks takes a whole number' --ranks 2x
expect 64 "unknown option '--rank'" --rank 2
STATUS=65 expect 65 'judd run failed (exit code 65)'
STATUS=75 expect 75 'continues from there'

# A moved checkout builds again.
mv "$top" "$dir/moved" && top=$dir/moved
expect 0 "Results in $top/runs/quick:"

echo 'syntax error' >>"$top/main.c"
expect 1 "whole output: $top/build/quickstart.log"
grep -q 'main.c:[0-9]*:[0-9]*: error' <<<"$output" || {
    echo "the compiler's message is not shown: $output"
    failures=1
}
[ -z "$(ls "$dir/elsewhere")" ] || {
    echo "left behind where it was called: $(ls "$dir/elsewhere")"
    failures=1
}
exit "$failures"
