#!/usr/bin/env bash
# Groups of ranks that train heads side by side: the bytes of one group alone; a kill repeats no more
# than the heads in training; a signal, an error or a stalled rank in one group ends all of them.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
steps=150
options=(--set "limits.checkpoint_steps=25" --set "heads.softmax.optimizer.steps=$steps"
    --set "experiments.0.target=own" --set "experiments.1.target=other")

# records OUTPUT: trials whose record is whole and on disk, in all parts, sorted
records() {
    cat "$1/results.jsonl" "$1"/parts/results-*.jsonl 2>/dev/null |
        sed -n 's/.*"trial":"\([^"]*\)".*"check":"[0-9a-f]*"}$/\1/p' | sort
}

n_records() {
    records "$1" | wc -l
}

at_least() {
    [ "$(n_records "$1")" -ge "$2" ]
}

must_run 1 one "${options[@]}"
for at in "2 2" "3 2" "4 3"; do
    read -r ranks groups <<<"$at"
    out=at$ranks.$groups
    must_run "$ranks" "$out" "${options[@]}" --set "limits.groups=$groups"
    same_results one "$out"
    same_table one.out "$out.out"
    for file in one/heads/* one/predictions/*; do same "$file" "${file/#one/$out}"; done
    [ ! -e "$out/parts" ] || fail "$out: parts are left"
    "$python" - "$out/timing.jsonl" <<'PY'
import json, sys
banks = [r["bank"] for r in map(json.loads, open(sys.argv[1])) if r["phase"] == "train"]
assert len(banks) == len(set(banks)), "a head was trained twice"
PY
done

# More ranks than lanes, which one group could not use.
must_run 3 lanes1 "${options[@]}" --set lanes=2
must_run 1 lanes2 "${options[@]}" --set lanes=2
same_results lanes1 lanes2

# kill -9: what was recorded stays; what is trained again is at most one head a group.
for after in 1 4; do
    out=kill$after
    start 3 "$out" "${options[@]}" --set limits.groups=3
    kill_when at_least "$out" "$after"
    records "$out" >before
    [ ! -e "$out/COMPLETED" ] || fail "$out: complete before the kill"
    cat "$out/timing.jsonl" "$out"/parts/timing-*.jsonl 2>/dev/null >timing.before || true # no such part yet
    must_run 2 "$out" "${options[@]}" --set limits.groups=2
    same_results one "$out"
    "$python" - "$out/timing.jsonl" timing.before before "$out/results.jsonl" <<'PY'
import collections, json, sys
def banks(path):
    return collections.Counter(r["bank"] for r in map(json.loads, open(path)) if r["phase"] == "train")
after, before = banks(sys.argv[1]), banks(sys.argv[2])
n_records, n_trials = (len(open(path).readlines()) for path in sys.argv[3:5])
assert n_records < n_trials, "killed too late"
assert set(before) <= set(after), "times are lost"
assert all(n == 1 for bank, n in after.items() if bank in before), "a recorded head was trained again"
PY
done

# A signal to one rank only: all end with 75, soon, with checkpoints.
start 3 signal "${options[@]}" --set limits.groups=3 --set heads.softmax.optimizer.steps=200000
in_training() {
    [ "$(find "$1/checkpoints" -mindepth 2 -maxdepth 2 -name 'step-*' 2>/dev/null |
        grep -E 'step-[0-9]+$' | xargs -r -n 1 dirname | sort -u | wc -l)" -ge 3 ]
}
wait_until 60 in_training signal || fail "no three heads in training"
kill -USR1 "$(process_of 1)"
ended_within 20 || fail "still there 20 s after the signal"
[ "$code" = 75 ] || fail "signal to rank 1: exit code $code, not 75: $(cat signal.err)"
[ "$(grep -c '^judd: ' signal.err)" = 1 ] || fail "not one line: $(cat signal.err)"

# One group cannot write its predictions: all end with its error.
cp -r one broken
rm broken/results.jsonl broken/COMPLETED
obstacle=broken/predictions/$(ls one/predictions | sed -n 9p).tmp
mkdir "$obstacle"
start 3 broken "${options[@]}" --set limits.groups=3
ended_within 60 || fail "still there after an error in one group"
[ "$code" = 74 ] || fail "error in one group: exit code $code, not 74: $(cat broken.err)"
grep -q "$obstacle" broken.err || fail "the file is not named: $(cat broken.err)"
[ "$(grep -c '^judd: ' broken.err)" = 1 ] || fail "not one line: $(cat broken.err)"
rmdir "$obstacle"
must_run 2 broken "${options[@]}"
same_results one broken

# A rank that stands still in one group, when the others have nothing left to do.
start 2 stalled "${options[@]}" --set limits.groups=2 --set limits.watchdog_s=3
wait_until 60 at_least stalled 1 || fail "no record"
kill -STOP "$(process_of 1)"
ended_within 60 || fail "still there 60 s after rank 1 stood still"
[ "$code" = 70 ] || fail "rank 1 stood still: exit code $code, not 70: $(cat stalled.err)"
grep -q '^judd: rank 1 (host .*) has given no sign of life for 3 s' stalled.err ||
    fail "rank 1 is not named: $(cat stalled.err)"
must_run 2 stalled "${options[@]}"
same_results one stalled
