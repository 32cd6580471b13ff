#!/usr/bin/env bash
# Killed at any moment, with any number of ranks before and after: the same bits as undisturbed, and
# no work repeated but what lies behind the last checkpoint.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
interval=100
steps=1000
options=(--set limits.groups=1 --set "limits.checkpoint_steps=$interval" --set "heads.softmax.optimizer.steps=$steps"
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]"
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")

results_of() {
    cat "$1/results.jsonl" 2>/dev/null | wc -l
}

# newest OUTPUT: STEP of the newest checkpoint of the bank in training; nothing if there is none
newest() {
    find "$1/checkpoints" -mindepth 2 -maxdepth 2 -name 'step-*' 2>/dev/null |
        sed -n 's/.*step-\([0-9]*\)$/\1/p' | sort -n | tail -1
}

# in_training OUTPUT RESULTS STEP: so many trials done and a bank past STEP, or more trials done and
# a bank with a checkpoint
in_training() {
    local results step
    results=$(results_of "$1")
    step=$(newest "$1")
    [ "$results" -ge "$2" ] || return 1
    [ "${step:-0}" -ge $((results > $2 ? interval : $3)) ]
}

# resumed OUTPUT: the step that the last run resumed after
resumed() {
    sed -n 's/.*resumed after step \([0-9]*\) of .*/\1/p' "$1/judd.log" | tail -1
}

# check_resumed OUTPUT STEP: it went on from the newest checkpoint on disk, so that at most one
# interval was repeated
check_resumed() {
    local after
    after=$(resumed "$1")
    [ -n "$after" ] && [ "$after" -gt 0 ] || fail "$1: not resumed: $(cat "$1/judd.log")"
    [ "$after" -eq "$2" ] || fail "$1: resumed after step $after, but step $2 was on disk"
}

must_run 2 whole "${options[@]}"

# kill -9 of everything, twice in each run, then to the end on yet another number of ranks
moments=("0 $interval" "3 $((2 * interval))")
ranks=("1 4 3" "3 2 6")
for k in 0 1; do
    read -r results step <<<"${moments[k]}"
    read -r first second third <<<"${ranks[k]}"
    start "$first" "kill$k" "${options[@]}"
    kill_when in_training "kill$k" "$results" "$step"
    at=$(newest "kill$k")
    done_before=$(results_of "kill$k")
    [ ! -e "kill$k/COMPLETED" ] || fail "kill$k: complete before the kill"
    start "$second" "kill$k" "${options[@]}"
    kill_when in_training "kill$k" "$done_before" $((at + interval))
    check_resumed "kill$k" "$at"
    at=$(newest "kill$k")
    must_run "$third" "kill$k" "${options[@]}"
    check_resumed "kill$k" "$at"
    [ "$(grep -c 'resumed after step' "kill$k/judd.log")" = 2 ] || fail "kill$k: not resumed twice"
    same_results whole "kill$k"
    [ ! -e "kill$k/checkpoints" ] || fail "kill$k: checkpoints left after the end"
    for file in whole/heads/* whole/predictions/*; do same "$file" "${file/#whole/kill$k}"; done
done

# more_than OUTPUT RESULTS
more_than() {
    [ "$(results_of "$1")" -gt "$2" ]
}

# SIGUSR1: a checkpoint at once, exit code 75, and the next run goes on from it. A signal between two
# trainings finds no state to save: then the job goes on and another one is tried.
at=
for try in 1 2 3 4; do
    done_before=$(results_of signal)
    start 3 signal "${options[@]}" --set limits.checkpoint_steps=0
    wait_until 60 more_than signal "$done_before" || fail "signal: no trial"
    kill -USR1 "$started"
    code=0
    wait "$started" || code=$?
    [ "$code" = 75 ] || fail "SIGUSR1, try $try: exit code $code, not 75: $(cat signal.err)"
    started=
    grep -q '^judd: .*run the same command again' signal.err || fail "no word on what to do next"
    at=$(newest signal)
    [ -z "$at" ] || break
done
[ -n "$at" ] || fail "SIGUSR1: no checkpoint"
must_run 2 signal "${options[@]}" --set limits.checkpoint_steps=0
check_resumed signal "$at"
same_results whole signal

# A damaged newest checkpoint: the one before it is used, and the log says so.
start 2 damaged "${options[@]}"
kill_when in_training damaged 0 $((3 * interval))
at=$(newest damaged)
state=$(find damaged/checkpoints -path "*step-$at/state.h5")
printf 'x' | dd of="$state" bs=1 seek=$(($(stat -c %s "$state") / 2)) conv=notrunc status=none
must_run 3 damaged "${options[@]}"
check_resumed damaged $((at - interval))
grep -q "warning: .*step-$at passed over" damaged/judd.log || fail "the log does not name step-$at"
same_results whole damaged
