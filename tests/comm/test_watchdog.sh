#!/usr/bin/env bash
# What the watchdog says and how soon, for every way in which ranks can keep each other waiting.
. "$JUDD_SOURCE/tests/scratch.sh"
program=$JUDD_BUILD/tests/comm_bench_watchdog

# expect MODE CODE PATTERN: three ranks, a deadline of one second
expect() {
    local code=0 began=$SECONDS
    timeout -k 1 60 "$JUDD_SOURCE/tests/mpirun.sh" 3 "$program" "$folder" 1 "$1" \
        >"$folder/out" 2>"$folder/err" || code=$?
    [ $((SECONDS - began)) -le 15 ] || fail "$1: took $((SECONDS - began)) s"
    case $2 in
        any) [ "$code" != 0 ] || fail "$1: exit code 0" ;;
        *) [ "$code" = "$2" ] || fail "$1: exit code $code, not $2: $(cat "$folder/err")" ;;
    esac
    [ -z "$3" ] || grep -q "$3" "$folder/err" || fail "$1: $(cat "$folder/err")"
    [ "$(grep -c '^judd: ' "$folder/err")" -le 1 ] || fail "$1: more than one line"
}

expect computes 70 '^judd: rank 1 (host .*) has computed without a sign for 1 s in "the sum"'
expect diverges 70 '^judd: the ranks wait for each other since 1 s: rank 0 (host .*) in "another way", rank 2 (host .*) in "the sum"; please report this'
expect beats 0 ''
expect exits any ''
