#!/usr/bin/env bash
# A job of a higher partition takes the nodes of a Slurm job, which saves, waits and goes on. Features,
# then an array of shards, one of which is told to stop, then what the shards say together.
set -eu
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
cluster_begin

# The whole cluster for a moment, as soon as the ranks have been told.
for launcher in srun mpirun; do
    JUDD_LAUNCHER=$launcher submit "preempted-$launcher"
    freeze "preempted-$launcher"
    urgent=$(sbatch --parsable --partition=high -N 2 --exclusive --time=1 --output=urgent.log --wrap=true)
    # SIGCONT wakes the ranks, SIGTERM tells them to save.
    ends "$urgent" COMPLETED urgent.log
    recovered "preempted-$launcher" 2
done

steps=$((3 * steps)) # a shard on one rank is soon through them
options+=(--set "heads.softmax.optimizer.steps=$steps" --set 'experiments.0.target=["other", "own"]') # a comparison a shard
must_run 2 wide "${options[@]}"
features=$(JUDD_CACHE=$folder/cache2 batch features.sbatch features -N 1 -n 1 --ntasks-per-node=1)
ends "$features" COMPLETED features.log
JUDD_CACHE=$folder/cache2 "$JUDD" submit job.cfg --array 2 --nodes 1 --time 5 --yes \
    --set output=sweep "${options[@]}" >submit.out || fail "submit: $(cat submit.out)"
freeze sweep.1-of-2
array=$(sed -n 's/^submitted .* as job \([0-9]*\)$/\1/p' submit.out)
scancel --batch --signal=USR1 "${array}_1"
wait_until 60 signalled || fail "sweep: SIGUSR1 did not reach the ranks"
thaw
merge=$(sed -n 's/^job \([0-9]*\) merges.*/\1/p' submit.out)
ends "$merge" COMPLETED "judd-$merge.log"
same_results wide sweep
for shard in 1 2; do
    grep -q ', 0 by networks' "sweep.$shard-of-2/judd.log" || fail "shard $shard computed features: $(cat "sweep.$shard-of-2/judd.log")"
    n=$(grep -c 'judd.sbatch: .* start [0-9]*, on' judd-*-$shard.log)
    [ "$n" -eq $((3 - shard)) ] || fail "shard $shard: $n starts: $(cat judd-*-$shard.log)"
done
echo "features, sweep: $SECONDS s"
