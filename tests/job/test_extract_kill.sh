#!/usr/bin/env bash
# Killed or stopped while features are computed: rows on disk are not computed again, on any number
# of ranks, and the cache ends with the same bytes.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 3000 6000
write_job
options=(--set "experiments.1.baseline=pixels" --set "experiments.0.target=own"
    --set "experiments.1.target=other" --set "heads.softmax.optimizer.steps=5")

# rows_in CACHE: rows that have a check in all its files, 0 if there is none
rows_in() {
    "$python" - "$1" <<'PY'
import glob, sys
import h5py
total = 0
for path in glob.glob(f"{sys.argv[1]}/features/*.h5"):
    try:
        with h5py.File(path, "r", locking=False) as file:
            total += int((file["check"][()] != 0).sum())
    except OSError:
        pass
print(total)
PY
}

# extracting CACHE ROWS: a file of it holds at least so many rows
extracting() {
    [ -d "$1/features" ] && [ "$(rows_in "$1")" -ge "$2" ]
}

"$python" -c 'import h5py' 2>/dev/null || skip "python3-h5py is needed"
must_run 2 whole "${options[@]}" --set cache=whole-cache
all=$(rows_in whole-cache)
[ "$all" -gt 6000 ] || fail "only $all rows in the whole cache"

# Whether the signal finds the computing in its midst is up to the machine: a few attempts, each anew.
for k in 0 1; do
    for attempt in 1 2 3 4 5; do
        rm -rf "cache$k" "part$k"
        read -r first second signal <<<"$([ $k = 0 ] && echo "3 2 KILL" || echo "2 3 USR1")"
        start "$first" "part$k" "${options[@]}" --set "cache=cache$k"
        wait_until 60 extracting "cache$k" 1500 || fail "no such moment"
        if [ "$signal" = KILL ]; then
            kill_started
        else
            kill -USR1 "$started"
            code=0
            wait "$started" || code=$?
            started=
            [ "$code" = 75 ] || [ "$code" = 0 ] || fail "SIGUSR1 while computing features: $code: $(cat "part$k.err")"
            [ "$code" = 0 ] || grep -q '^judd: .*run the same command again' "part$k.err" || fail "no word on what to do"
        fi
        at=$(rows_in "cache$k")
        [ "$at" -ge "$all" ] || break
        [ "$attempt" -lt 5 ] || fail "$signal came too late five times: all rows were there"
    done
    before=$([ -e "part$k/timing.jsonl" ] && sum_of "part$k" computed || echo 0)
    must_run "$second" "part$k" "${options[@]}" --set "cache=cache$k"
    now=$(($(sum_of "part$k" computed) - before))
    [ "$now" -eq $((all - at)) ] || fail "$signal: $at of $all rows were there, $now computed"
    [ "$(sum_of "part$k" damaged)" = 0 ] || fail "damaged rows after a kill"
    same_results whole "part$k"
    for file in whole-cache/features/*.h5; do same "$file" "${file/#whole-cache/cache$k}"; done
done
