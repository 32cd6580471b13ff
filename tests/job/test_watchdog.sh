#!/usr/bin/env bash
# A rank that stands still, leaves or dies ends the job on every rank in the stated time, with its
# rank and phase in the last line; a job that was suspended as a whole, or is only slow, goes on.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
deadline=3
options=(--set limits.groups=1 --set "limits.checkpoint_steps=50" --set "limits.watchdog_s=$deadline"
    --set "heads.softmax.optimizer.steps=200000"
    --set "heads.softmax.optimizer.learning_rate=[0.01]"
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]"
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")

in_training() {
    find "$1/checkpoints" -mindepth 2 -maxdepth 2 -name 'step-*' 2>/dev/null | grep -qE 'step-[0-9]+$'
}

start 3 stalled "${options[@]}"
wait_until 60 in_training stalled || fail "no training"
kill -STOP "$(process_of 1)"
ended_within $((deadline + 10)) || fail "still there $((deadline + 10)) s after rank 1 stood still"
[ "$code" = 70 ] || fail "rank 1 stood still: exit code $code, not 70: $(cat stalled.err)"
grep -q '^judd: rank 1 (host .*, process [0-9]*) has given no sign of life for 3 s in ".*"' \
    stalled.err || fail "rank 1 is not named: $(cat stalled.err)"
[ ! -e stalled/watchdog ] || fail "reports are left"

# The same while features are computed alone, where the cache takes the reports.
setsid "$JUDD_SOURCE/tests/mpirun.sh" 2 "$JUDD" features job.cfg --quiet --set cache=watched --all \
    --set datasets.own.views=900 --set "limits.watchdog_s=$deadline" >features.out 2>features.err &
started=$!
wait_until 60 eval '[ -n "$(find watched/features -name "*.h5" 2>/dev/null | head -1)" ]' || fail "no features"
kill -STOP "$(process_of 1)"
ended_within $((deadline + 10)) || fail "still there $((deadline + 10)) s after rank 1 of features stood still"
[ "$code" = 70 ] || fail "rank 1 of features stood still: exit code $code, not 70: $(cat features.err)"
grep -q '^judd: rank 1 (host .*) has given no sign of life for 3 s in "features"' features.err ||
    fail "rank 1 of features is not named: $(cat features.err)"

start 3 died "${options[@]}"
wait_until 60 in_training died || fail "no training"
kill -KILL "$(process_of 2)"
ended_within 10 || fail "still there 10 s after rank 2 died"
[ "$code" != 0 ] || fail "rank 2 died, exit code 0"

# The whole job stands still for longer than the deadline, as under gang scheduling: no fault of it.
start 2 suspended "${options[@]}"
wait_until 60 in_training suspended || fail "no training"
send STOP
sleep $((deadline + 2))
send CONT
sleep 3
[ -n "$(members)" ] || fail "a suspended job was ended: $(cat suspended.err)"
kill_started

# Checkpoints survive the stall: the next run goes on.
start 2 stalled "${options[@]}" --set limits.watchdog_s=60
wait_until 60 grep -qs 'resumed after step' stalled/judd.log ||
    fail "the job did not go on after the stall: $(cat stalled.err)"
