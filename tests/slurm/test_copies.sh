#!/usr/bin/env bash
# The Slurm daemon of a node dies, and nobody else: Slurm takes the node for lost and starts the job on
# another one while the old ranks are alive. One copy comes to the results, the other changes nothing.
set -eu
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
# How long Slurm waits for an answer: it takes a silent daemon for dead after SlurmdTimeout and two of these.
cluster_settings=(MessageTimeout=5)
cluster_begin 200 # ranks of one node are through fifty before anyone can look

# recovered_by OUTPUT WORDS: complete, with the undisturbed bytes; what the last start said
recovered_by() {
    ends "$id" COMPLETED "$1.log"
    grep -q "judd.sbatch: .* $2" "$1.log" || fail "$1: not said: $2: $(cat "$1.log")"
    same_results whole "$1"
    "$JUDD" verify "$1" >/dev/null || fail "$1: damaged"
    echo "$1: $SECONDS s"
}

# lose_daemon OUTPUT [down]: script and ranks are on one node, of which Slurm loses sight, in time by itself, or
# told by the administrator. They stand still until the next start, on the other node, has found the folder in
# use.
lose_daemon() {
    local node
    id=$(batch judd.sbatch "$1" -N 1 -n 2)
    freeze "$1"
    node=$(scontrol show job "$id" | sed -n 's/.*BatchHost=//p')
    kill -KILL "$(pgrep -f "^slurmd -N $node\$")"
    [ -z "${2:-}" ] || scontrol update "nodename=$node" "state=$2" reason=daemon
    wait_until 200 grep -q "LOCK: in use by host $node, process [0-9]*, batch job $id" "$1.log" ||
        fail "$1: not started again beside the old copy: $(cat "$1.log")"
    grep -q 'this copy ends' "$1.log" || fail "$1: the old script does not know: $(cat "$1.log")"
    for process in $frozen; do [ -e "/proc/$process" ] || fail "$1: the old copy is dead"; done
}

# The old ranks go on, and end the job; the next start finds it complete: its script, or if that looked a moment
# too early its ranks.
lose_daemon finished
thaw
recovered_by finished 'complete\( already\)\?: finished'
! grep -q 'resumed after step' finished/judd.log || fail "finished: trained again: $(cat finished/judd.log)"

# The old ranks go, as when the node reboots: the next start goes on from their checkpoint.
host node1 slurmd -N node1
wait_until 60 nodes_are '2 idle' || fail "node1 is not back"
lose_daemon replaced down
thaw KILL
recovered_by replaced 'complete: replaced'
