# shellcheck shell=bash
# Sourced first: a Slurm cluster of two nodes, hosts of tests/network/hosts.sh, with munge; all ends with
# the script. Then what the tests of slurm/ on it share: jobs that are submitted, followed, frozen.
for program in slurmctld slurmd sbatch munged; do
    command -v "$program" >/dev/null || { echo "skipped: no $program (Debian: slurm-wlm, munge)" && exit 77; }
done
. "$JUDD_SOURCE/tests/network/hosts.sh"
. "$JUDD_SOURCE/tests/job/job.sh"
cluster=$folder/cluster
cluster_settings=() # further lines of slurm.conf

cluster_write_config() {
    cat <<CONF
ClusterName=judd
SlurmctldHost=control(10.99.0.254)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$cluster/munge.socket,cred_expire=5
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n.log
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
TmpFS=$cluster/tmp/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PropagateResourceLimits=NONE
ReturnToService=2
JobRequeue=1
KillWait=2
SlurmdTimeout=10
InactiveLimit=0
NodeName=node[1-2] NodeAddr=10.99.0.[1-2] CPUs=4 RealMemory=1000
PartitionName=main Nodes=node[1-2] Default=YES MaxTime=60 PriorityTier=1 GraceTime=60
PartitionName=high Nodes=node[1-2] MaxTime=60 PriorityTier=10 PreemptMode=OFF
CONF
}

# cluster_boot NODE: also after host_off
cluster_boot() {
    host_on "$1" && host "$1" slurmd -N "$1"
}

nodes_are() {
    [ "$(timeout 5 sinfo -h -N -p main -o '%t' 2>/dev/null | sort | uniq -c | tr -s ' \n' ' ')" = " $1 " ]
}

cluster_start() {
    mkdir -p "$cluster"/{state,{spool,tmp}/{node1,node2}}
    chmod 755 "$folder" "$cluster"
    export SLURM_CONF=$cluster/slurm.conf
    {
        cluster_write_config
        printf '%s\n' "${cluster_settings[@]}"
    } >"$SLURM_CONF"
    echo "ConstrainCores=no" >"$cluster/cgroup.conf"
    head -c 128 /dev/urandom >"$cluster/munge.key"
    chmod 600 "$cluster/munge.key"
    hosts_names 2
    munged --force --num-threads=2 --socket="$cluster/munge.socket" --key-file="$cluster/munge.key" \
        --pid-file="$cluster/munged.pid" --log-file="$cluster/munged.log" --seed-file="$cluster/munged.seed" &&
        slurmctld -c && cluster_boot node1 && cluster_boot node2 &&
        wait_until 60 nodes_are '2 idle' || fail "Slurm does not start: $(tail -n 5 "$cluster"/*.log)"
}

# cluster_begin [STEPS]: a small job, its undisturbed results in whole/, and the cluster.
cluster_begin() {
    steps=${1:-100}
    need_fashion
    make_data 600 300
    write_job
    # Few heads and steps: each is a message over the network, which waits for the other rank's turn on
    # a busy machine.
    sed -i '/"against-random"/,+1d; s/shots = \[5, 20\]; },$/shots = [20]; }/; s/target = \["other", /target = [/' job.cfg
    # As root, with more ranks than cores.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
    export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
    export JUDD JUDD_SLURM=$JUDD_SOURCE/slurm JUDD_SITE=$folder/site.conf
    printf '%s\n' SBATCH_PARTITION=main JUDD_RANKS_PER_NODE=1 >site.conf
    options=(--quiet --set limits.groups=1 --set limits.checkpoint_steps=5
        --set "heads.softmax.optimizer.steps=$steps")
    must_run 2 whole "${options[@]}"
    cluster_start
    echo "begun: $SECONDS s"
}

# batch SCRIPT OUTPUT [SBATCH-OPTION ...]: job.cfg; prints the job's id
batch() {
    local script=$1 output=$2
    shift 2
    JUDD_OUTPUT=$output sbatch --parsable --time=30 --output="$output.log" "$@" "$JUDD_SLURM/$script" \
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
    [ -n "$now" ] && ! [[ $now =~ RUNNING|PENDING|CONFIGURING|COMPLETING|REQUEUED ]]
}

# ends ID STATE LOG: the job comes to an end, and to this one
ends() {
    wait_until 400 ended "$1" || fail "job $1 does not end: $(state "$1"): $(cat "$3")"
    [ "$(state "$1")" = "$2" ] || fail "job $1 ended as $(state "$1"), not $2: $(cat "$3")"
}

# command_of OUTPUT: how the command of its ranks begins, those of a job, or of a shard
command_of() {
    local name=$1 shard=
    if [[ $1 =~ ^(.*)\.([0-9]+)-of-([0-9]+)$ ]]; then
        name=${BASH_REMATCH[1]} shard="--shard ${BASH_REMATCH[2]}/${BASH_REMATCH[3]} "
    fi
    echo "$JUDD run job.cfg $shard--set output=$name "
}

# freeze OUTPUT: stop its ranks in training, so that what happens next happens there; sets $frozen. From the
# first look on they only run for moments between two looks: the fastest machine does not get past us.
freeze() {
    frozen=$("$python" "$JUDD_SOURCE/tests/slurm/freeze.py" "$(command_of "$1")" "$1" $((steps * 6 / 10))) ||
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

# starts OUTPUT: of its ranks; one that Slurm could not bring to a node that had just come back is none
starts() {
    local all none
    all=$(grep -c 'judd.sbatch: .* start [0-9]*, on' "$1.log")
    none=$(grep -c 'judd.sbatch: .* could not start the ranks on every node' "$1.log") || true
    echo $((all - none))
}

# recovered OUTPUT STARTS: complete after so many starts, with the undisturbed bytes
recovered() {
    ends "$id" COMPLETED "$1.log"
    [ "$(starts "$1")" -eq "$2" ] || fail "$1: $(starts "$1") starts, not $2: $(cat "$1.log")"
    grep -q 'resumed after step' "$1/judd.log" || fail "$1: started over: $(cat "$1/judd.log")"
    same_results whole "$1"
    echo "$1: $SECONDS s"
}
