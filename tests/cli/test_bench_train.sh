#!/usr/bin/env bash
# judd bench train: the head has the same bits from rows in memory and rows streamed from a cache, at 1 and 2 ranks.
. "$JUDD_SOURCE/tests/scratch.sh"
export TMPDIR=$folder
head_of() {
    "$JUDD_SOURCE/tests/mpirun.sh" "$@" --json >"$folder/out" || { echo "failed: $*"; cat "$folder/out"; exit 1; }
    sed -n 's/.*"head_sha256": "\([0-9a-f]*\)".*/\1/p' "$folder/out"
}
bench="$JUDD bench train --samples 20000 --features 96 --batch 256 --steps 20"
expected=$(head_of 1 $bench)
[ ${#expected} = 64 ] || { echo "no hash of the head: $(cat "$folder/out")"; exit 1; }
for ranks in 1 2; do
    rm -rf "$folder/rows"
    for turn in new again; do # the second finds the file
        found=$(head_of $ranks $bench --memory-mib 2 --folder "$folder/rows")
        [ "$found" = "$expected" ] || { echo "$turn, $ranks ranks, streamed: $found, in memory: $expected"; exit 1; }
    done
    [ -n "$(ls "$folder"/rows/features/*.h5)" ] || { echo "nothing was streamed"; exit 1; }
done
