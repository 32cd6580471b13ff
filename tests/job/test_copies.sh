#!/usr/bin/env bash
# Two copies of one job alive at once, as after a requeue while old processes linger: one winner, and
# nothing damaged. Several jobs that fill one cache at once, one of them killed.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
shim=$JUDD_BUILD/tests/libfault_shim.so
asan=$(ldd "$JUDD" | awk '/libasan/ { print $3 }') # has to come first
shim=${asan:+$asan:}$shim
options=(--set limits.checkpoint_steps=50 --set limits.groups=1 --set heads.softmax.optimizer.steps=200
    --set "heads.softmax.optimizer.learning_rate=[0.01, 0.1]" --set "heads.softmax.l2=[0.01]"
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]" --set "verdict.seeds=1"
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")
must_run 2 whole "${options[@]}"

has_checkpoint() {
    compgen -G "$1/checkpoints/*/step-*/MANIFEST" >/dev/null
}

# begin_copy OUTPUT [VARIABLE=VALUE ...]: two ranks, stopped once they have a checkpoint
begin_copy() {
    local output=$1
    shift
    setsid env "$@" "$JUDD_SOURCE/tests/mpirun.sh" 2 env "LD_PRELOAD=$shim" "$JUDD" run job.cfg \
        --quiet --set "output=$output" "${options[@]}" >"$output.out" 2>"$output.err" &
    started=$!
    wait_until 60 has_checkpoint "$output" || fail "$output: no checkpoint: $(cat "$output.err")"
    send STOP
}

# end_copy: let it go on; its exit code
end_copy() {
    send CONT
    code=0
    wait "$started" || code=$?
    started=
}

same_output() {
    same_results whole "$1"
    for file in whole/heads/* whole/predictions/*; do same "$file" "${file/#whole/$1}"; done
    "$JUDD" verify "$1" >/dev/null || fail "$1: damaged"
}

# Stopped, not dead: the kernel says so, and the second copy goes at once.
begin_copy stopped
SECONDS=0
code=0
judd_at 2 stopped "${options[@]}" || code=$?
[ "$code" = 75 ] && [ "$SECONDS" -le 5 ] || fail "second copy: exit code $code after $SECONDS s"
grep -q "LOCK: in use by host $(hostname), process [0-9]*, since" stopped.err ||
    fail "the owner is not named: $(cat stopped.err)"
end_copy
[ "$code" = 0 ] || fail "the stopped copy ended with $code"
same_output stopped

# Its rank 0 and the launcher are dead, rank 1 lingers: the second copy has the folder, the old rank
# goes when it wakes.
begin_copy lingering
rank0=$(sed -n 's/.*process \([0-9]*\).*/\1/p' lingering/LOCK)
for process in $(members); do
    if [ "$process" = "$rank0" ] || [ "$process" = "$started" ]; then kill -KILL "$process"; fi
done
must_run 2 lingering "${options[@]}"
send CONT
wait_until 20 eval '[ -z "$(members)" ]' || fail "an old rank lives on"
started=
same_output lingering

# On another machine that feels no lock of ours, while the first is stopped: it is silent, so the
# second takes over; when the first wakes it finds out before it writes anything.
begin_copy elsewhere FAULT_HOST=node1 FAULT_FLOCK=ENOLCK
FAULT_HOST=node2 FAULT_FLOCK=ENOLCK LD_PRELOAD=$shim must_run 0 elsewhere "${options[@]}"
same_output elsewhere
cp -r elsewhere taken
end_copy
[ "$code" = 75 ] || fail "the copy that lost ended with $code: $(cat elsewhere.err)"
diff -r -x judd.log elsewhere taken >&2 || fail "the copy that lost changed the folder"

# Two and three jobs on one cold cache at once, the first killed in its extraction.
for jobs in 2 3; do
    cache="cold$jobs"
    pids=()
    for k in $(seq "$jobs"); do
        setsid "$JUDD_SOURCE/tests/mpirun.sh" $((k % 2 + 1)) "$JUDD" run job.cfg --quiet --set "cache=$cache" \
            --set "output=job$jobs$k" "${options[@]}" >"job$jobs$k.out" 2>"job$jobs$k.err" &
        pids+=($!)
    done
    started=${pids[0]}
    wait_until 60 compgen -G "$cache/features/*.h5" >/dev/null || fail "no cache is begun"
    kill_started
    for k in $(seq 2 "$jobs"); do
        wait "${pids[k - 1]}" || fail "job $k of $jobs: $(cat "job$jobs$k.err")"
        same_output "job$jobs$k"
    done
    must_run 1 "job${jobs}1" --set "cache=$cache" "${options[@]}"
    same_output "job${jobs}1"
    "$JUDD" verify "$cache" | grep -q " 0 damaged" || fail "$cache is damaged"
done
