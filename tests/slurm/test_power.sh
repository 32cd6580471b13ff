#!/usr/bin/env bash
# A node of a Slurm job loses power: that of the batch script, then the other one. Slurm queues the job
# again and it comes to the results of an undisturbed run.
set -eu
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
cluster_begin

# power_loss NODE: Slurm notices by itself, after SlurmdTimeout and more; told by the administrator, as
# here, it does the same at once.
power_loss() {
    submit "power-$1"
    freeze "power-$1"
    host_off "$1"
    thaw
    scontrol update "nodename=$1" state=down reason=power
    cluster_boot "$1"
    scontrol update "nodename=$1" state=resume 2>/dev/null || true # if not back by itself
    recovered "power-$1" 2
}

power_loss node1 # of the batch script
power_loss node2
