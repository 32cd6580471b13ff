#!/usr/bin/env bash
# slurm/ on a real Slurm of two nodes: what ends a job early, queues it again, and it comes to the
# results of an undisturbed run; what cannot end well is not tried again. JUDD_SLURM_ALL=1: also power
# loss of the other node, the time limit, a bad job file, features and an array of shards.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
# Minutes of waiting, and daemons that a busy machine may delay: on demand until many runs have passed.
[ -n "${JUDD_CLUSTER:-}${JUDD_SLURM_ALL:-}" ] || skip "a real Slurm is started with JUDD_CLUSTER=1"
lacks=$(cluster_lacks)
[ -z "$lacks" ] || skip "no Slurm cluster here: $lacks"
need_fashion
make_data 600 300
write_job

# As root and in containers, over loopback, with more ranks than cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
export JUDD JUDD_SLURM=$JUDD_SOURCE/slurm JUDD_SITE=$folder/site.conf
printf '%s\n' SBATCH_PARTITION=main JUDD_RANKS_PER_NODE=1 >site.conf
trap 'cluster_stop; rm -rf "$folder"' EXIT
cluster_start "$folder/cluster" 2 2 || fail "Slurm does not start: $(tail -n 5 cluster/log/*)"
options=(--quiet --set limits.groups=1 --set limits.checkpoint_steps=20 --set heads.softmax.optimizer.steps=200
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]"
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")

# batch SCRIPT OUTPUT [SBATCH-OPTION ...]: job.cfg; prints the job's id
batch() {
    local script=$1 output=$2
    shift 2
    JUDD_OUTPUT=$output sbatch --parsable --time=5 --output="$output.log" "$@" "$JUDD_SLURM/$script" \
        job.cfg --set "output=$output" "${options[@]}"
}

# submit OUTPUT [SBATCH-OPTION ...]: on one rank of each node; sets $id
submit() {
    local output=$1
    shift
    id=$(batch judd.sbatch "$output" -N 2 --ntasks-per-node=1 "$@")
}

state() {
    scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | sort -u
}

ended() {
    local now
    now=$(state "$1")
    [ "$now" != RUNNING ] && [ "$now" != PENDING ] && ! [[ $now =~ CONFIGURING|COMPLETING|REQUEUED ]]
}

# ends ID STATE LOG: the job comes to an end, and to this one
ends() {
    wait_until 100 ended "$1" || fail "job $1 does not end: $(state "$1"): $(cat "$3")"
    [ "$(state "$1")" = "$2" ] || fail "job $1 ended as $(state "$1"), not $2: $(cat "$3")"
}

# in_training OUTPUT: a head has a checkpoint to go on from, and most of its steps before it
in_training() {
    local step
    step=$(find "$1/checkpoints" -name MANIFEST 2>/dev/null | sed -n 's/.*step-\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    [ -n "$step" ] && [ "$step" -le 120 ]
}

# freeze OUTPUT: stop its ranks in training, so that what happens next happens there; sets $frozen
freeze() {
    local end=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$end" ]; do
        if in_training "$1"; then
            frozen=$(pgrep -f "^$JUDD run job.cfg --set output=$1 ")
            thaw STOP
            ! in_training "$1" || return 0
            thaw
        fi
        sleep 0.02
    done
    fail "$1: never in training: $(cat "$1.log")"
}

# thaw [SIGNAL]: those that are left go on
thaw() {
    # shellcheck disable=SC2086 # a list of numbers
    kill "-${1:-CONT}" $frozen 2>/dev/null || true
}

# signalled: SIGUSR1 has been sent to all that stand still, and waits for them
signalled() {
    local process
    for process in $frozen; do
        grep -q '^ShdPnd:.*[2367abef]..$' "/proc/$process/status" || return 1
    done
}

starts() {
    grep -c 'judd.sbatch: .* start [0-9]*, on' "$1.log"
}

# recovered OUTPUT STARTS: complete after so many starts, with the undisturbed bytes
recovered() {
    ends "$id" COMPLETED "$1.log"
    [ "$(starts "$1")" -eq "$2" ] || fail "$1: $(starts "$1") starts, not $2: $(cat "$1.log")"
    grep -q 'resumed after step' "$1/judd.log" || fail "$1: started over: $(cat "$1/judd.log")"
    same_results whole "$1"
    echo "$1: $SECONDS s"
}

must_run 2 whole "${options[@]}"
echo "undisturbed: $SECONDS s"

# Two nodes, each with one rank, by PMIx and by mpirun.
for launcher in srun mpirun; do
    JUDD_LAUNCHER=$launcher submit "success-$launcher"
    ends "$id" COMPLETED "success-$launcher.log"
    grep -q ', 2 ranks$' "success-$launcher/judd.log" || fail "not on 2 ranks: $(cat "success-$launcher/judd.log")"
    same_results whole "success-$launcher"
    echo "success-$launcher: $SECONDS s"
done

# Told to save and go: queued again by the script.
submit signalled
freeze signalled
scancel --batch --signal=USR1 "$id"
wait_until 20 signalled || fail "signalled: SIGUSR1 did not reach the ranks: $(cat signalled.log)"
thaw
recovered signalled 2

# power_loss NODE: Slurm queues the job again. It notices by itself, after SlurmdTimeout and more; told
# by the administrator, as here, it does the same at once.
power_loss() {
    submit "power-$1"
    freeze "power-$1"
    cluster_power_off "node$1"
    thaw
    scontrol update "nodename=node$1" state=down reason=power
    cluster_boot "node$1"
    scontrol update "nodename=node$1" state=resume 2>/dev/null || true # if not back by itself
    recovered "power-$1" 2
}

power_loss 1 # of the batch script
if [ -z "${JUDD_SLURM_ALL:-}" ]; then exit 0; fi
power_loss 2

# The time limit, a minute here: the ranks stand still until its signal has come.
submit limited --time=1 --signal=B:USR1@40
freeze limited
limited=$id

# Meanwhile, beside it: what no repetition mends ...
good=("${options[@]}")
options+=(--set heads.softmax.kind=unheard-of)
failing=$(batch judd.sbatch failing -n 1)
ends "$failing" FAILED failing.log
[ "$(starts failing)" -eq 1 ] || fail "a bad job file was tried again: $(cat failing.log)"
options=("${good[@]}")
echo "failing: $SECONDS s"

# ... and features, then an array of shards on them, then what the shards say together.
features=$(JUDD_CACHE=$folder/cache2 batch features.sbatch features -N 1 -n 1 --ntasks-per-node=1)
ends "$features" COMPLETED features.log
JUDD_CACHE=$folder/cache2 "$JUDD" submit job.cfg --array 2 --nodes 1 --time 5 --yes \
    --set output=sweep "${options[@]}" >submit.out || fail "submit: $(cat submit.out)"
merge=$(sed -n 's/^job \([0-9]*\) merges.*/\1/p' submit.out)
ends "$merge" COMPLETED "judd-$merge.log"
same_results whole sweep
grep -q ', 0 by networks' sweep.1-of-2/judd.log || fail "the shard computed features"
echo "features, sweep: $SECONDS s"

wait_until 90 signalled || fail "limited: no signal: $(cat limited.log)"
thaw
id=$limited
recovered limited 2
