# shellcheck shell=bash
# Sourced: a private Slurm cluster on loopback, with munge, of nodes that have host names and mount
# tables of their own, so that a power loss takes exactly one node's processes. Needs root or user
# namespaces. All its files are in $cluster, all its daemons end with cluster_stop.
cluster=

# cluster_lacks: what is missing for a cluster here, in words; empty if nothing is
cluster_lacks() {
    local program
    for program in slurmctld slurmd sbatch munged unshare; do
        command -v "$program" >/dev/null || { echo "no $program (Debian: slurm-wlm, munge)" && return; }
    done
    cluster_apart sh -c 'hostname judd-probe && mount --bind /etc/hosts /etc/hosts' 2>/dev/null ||
        echo "namespaces are not permitted"
}

# cluster_apart COMMAND ...: under a host name and with mounts of its own
cluster_apart() {
    if [ "$(id -u)" -eq 0 ]; then
        unshare --uts --mount "$@"
    else
        unshare --map-current-user --keep-caps --uts --mount "$@"
    fi
}

cluster_write_config() {
    local n_nodes=$1 cpus=$2 port=$3 i user
    user=$(id -un)
    cat <<CONF
ClusterName=judd
SlurmctldHost=control(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=$port
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$cluster/run/munge.socket,cred_expire=5
SlurmctldPidFile=$cluster/run/slurmctld.pid
SlurmdPidFile=$cluster/run/%n.pid
SlurmctldLogFile=$cluster/log/slurmctld.log
SlurmdLogFile=$cluster/log/%n.log
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
TmpFS=$cluster/tmp/%n
SlurmdParameters=config_overrides
CommunicationParameters=NoAddrCache,NoInAddrAny,NoCtldInAddrAny
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
SlurmctldParameters=preempt_send_user_signal
PropagateResourceLimits=NONE
ReturnToService=2
JobRequeue=1
KillWait=2
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
PartitionName=main Nodes=node[1-$n_nodes] Default=YES MaxTime=60 PriorityTier=1 GraceTime=20
PartitionName=high Nodes=node[1-$n_nodes] MaxTime=60 PriorityTier=10 PreemptMode=OFF
CONF
    for ((i = 1; i <= n_nodes; i++)); do
        echo "NodeName=node$i NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=$cpus RealMemory=1000"
    done
}

# cluster_host NAME COMMAND ...: start a daemon, which puts itself into the background, on that host
cluster_host() {
    local host=$1
    shift
    # shellcheck disable=SC2016 # the inner shell's
    cluster_apart sh -c 'hostname "$1" && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"' \
        sh "$host" "$cluster/etc/hosts" "$@"
}

# cluster_start FOLDER NODES CPUS: exports SLURM_CONF; fails if the nodes are not idle within 20 s
cluster_start() {
    local n_nodes=$2 i end
    cluster=$1
    mkdir -p "$cluster"/{etc,run,log,state}
    chmod 755 "$cluster" "$cluster/run"
    export SLURM_CONF=$cluster/etc/slurm.conf
    cluster_write_config "$n_nodes" "$3" $((20000 + $$ % 400 * 20)) >"$SLURM_CONF"
    echo "ConstrainCores=no" >"$cluster/etc/cgroup.conf"
    echo "127.0.0.1 localhost control" >"$cluster/etc/hosts"
    for ((i = 1; i <= n_nodes; i++)); do echo "127.0.0.1 node$i" >>"$cluster/etc/hosts"; done
    head -c 128 /dev/urandom >"$cluster/etc/munge.key"
    chmod 600 "$cluster/etc/munge.key"
    munged --force --num-threads=2 --socket="$cluster/run/munge.socket" \
        --key-file="$cluster/etc/munge.key" --pid-file="$cluster/run/munged.pid" \
        --log-file="$cluster/log/munged.log" --seed-file="$cluster/run/munged.seed" || return 1
    cluster_host control slurmctld -c || return 1
    for ((i = 1; i <= n_nodes; i++)); do cluster_boot "node$i" || return 1; done
    end=$((SECONDS + 20))
    until [ "$(timeout 2 sinfo -h -p main -o '%D %t' 2>/dev/null)" = "$n_nodes idle" ]; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# cluster_boot NODE: also after cluster_power_off
cluster_boot() {
    mkdir -p "$cluster/spool/$1" "$cluster/tmp/$1"
    cluster_host "$1" slurmd -N "$1"
}

# cluster_members NODE: the processes of that host, found by its host name's namespace
cluster_members() {
    local namespace process
    namespace=$(readlink "/proc/$(cat "$cluster/run/$1.pid")/ns/uts")
    [ -n "$namespace" ] && [ "$namespace" != "$(readlink /proc/self/ns/uts)" ] || return 1
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/uts" 2>/dev/null)" != "$namespace" ] || echo "${process#/proc/}"
    done
}

# cluster_power_off NODE: all that runs there is gone at once, and Slurm learns it from nobody
cluster_power_off() {
    local members
    members=$(cluster_members "$1") || return 1
    # shellcheck disable=SC2086 # a list of numbers
    kill -KILL $members 2>/dev/null || true
    rm -f "$cluster/run/$1.pid"
}

# cluster_gone PID: ended, also when nobody reaps it (containers)
cluster_gone() {
    [ ! -e "/proc/$1/status" ] || grep -q '^State:.*[ZX]' "/proc/$1/status" 2>/dev/null
}

cluster_stop() {
    local file pid i node
    [ -n "$cluster" ] || return 0
    timeout 5 scancel --full --user "$(id -un)" 2>/dev/null || true
    for ((i = 0; i < 40; i++)); do
        [ -n "$(timeout 2 squeue -h 2>/dev/null)" ] || break
        sleep 0.1
    done
    for file in "$cluster"/run/node*.pid; do
        node=${file##*/}
        [ ! -s "$file" ] || cluster_power_off "${node%.pid}" || true
    done
    for file in "$cluster"/run/{slurmctld,munged}.pid; do
        [ -s "$file" ] || continue
        pid=$(cat "$file")
        kill "$pid" 2>/dev/null || true
        for ((i = 0; i < 50; i++)); do
            ! cluster_gone "$pid" || break
            sleep 0.1
        done
        cluster_gone "$pid" || kill -KILL "$pid"
    done
    cluster=
}
