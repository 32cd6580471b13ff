#!/usr/bin/env bash
# slurm/ on a real Slurm of two nodes: a job on both, by srun and by mpirun; what is told to save and go
# is queued again and comes to the results of an undisturbed run; what cannot end well is not tried again.
set -eu
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
cluster_begin

# Two nodes, each with one rank, by PMIx and by mpirun.
for launcher in srun mpirun; do
    JUDD_LAUNCHER=$launcher submit "success-$launcher"
    ends "$id" COMPLETED "success-$launcher.log"
    grep -q ', 2 ranks$' "success-$launcher/judd.log" || fail "not on 2 ranks: $(cat "success-$launcher/judd.log")"
    same_results whole "success-$launcher"
    echo "success-$launcher: $SECONDS s"
done

# What no repetition mends.
failing=$(options+=(--set heads.softmax.kind=unheard-of) && batch judd.sbatch failing -n 1)

# Told to save and go: queued again by the script.
submit signalled
freeze signalled
scancel --batch --signal=USR1 "$id"
wait_until 60 signalled || fail "signalled: SIGUSR1 did not reach the ranks: $(cat signalled.log)"
thaw
recovered signalled 2

# The time limit: shortened, so that its signal comes now, and given back for the next start.
submit limited
freeze limited
scontrol update "jobid=$id" timelimit=1
wait_until 120 signalled || fail "limited: no signal: $(cat limited.log)"
scontrol update "jobid=$id" timelimit=30
thaw
recovered limited 2

ends "$failing" FAILED failing.log
[ "$(starts failing)" -eq 1 ] || fail "a bad job file was tried again: $(cat failing.log)"
