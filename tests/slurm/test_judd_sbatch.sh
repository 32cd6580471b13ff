#!/usr/bin/env bash
# The batch script's decisions, with stand-ins for srun, mpirun and scontrol: what it queues again,
# what it ends with, that SIGUSR1 reaches the ranks, and what a restart changes.
set -u
script=$JUDD_SOURCE/slurm/judd.sbatch
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
complain() {
    echo "$1"
    [ ! -e "$dir/out" ] || cat "$dir/out"
    failures=1
}

mkdir -p "$dir/bin" "$dir/site/runs/low"
# srun --mpi=list lists $MPI; srun --mpi=none is a dummy step; otherwise it is the ranks.
cat >"$dir/bin/srun" <<'SRUN'
#!/usr/bin/env bash
case $1 in
    --mpi=list) echo "MPI plugin types are... $MPI" ;;
    --mpi=none) echo dummy >>"$CALLS" ;;
    *) exec "$(dirname "$0")/ranks" srun "$@" ;;
esac
SRUN
cat >"$dir/bin/mpirun" <<'MPIRUN'
#!/usr/bin/env bash
exec "$(dirname "$0")/ranks" mpirun "$@"
MPIRUN
cat >"$dir/bin/ranks" <<'RANKS'
#!/usr/bin/env bash
echo "ranks $*" >>"$CALLS"
echo "in ${TMPDIR:-}${JUDD_STAGE:+, staged}" >>"$CALLS"
[ -z "${FINISH:-}" ] || touch runs/low/COMPLETED
if [ -n "${WAIT:-}" ]; then
    trap 'echo saved >>"$CALLS"; sleep 0.3; exit 75' USR1
    echo ready >>"$CALLS"
    for _ in $(seq 100); do sleep 0.1; done
fi
exit "${STATUS:-0}"
RANKS
cat >"$dir/bin/scontrol" <<'SCONTROL'
#!/bin/sh
echo "scontrol $*" >>"$CALLS"
[ "$1" != show ] || echo "   Requeue=1 Restarts=${RESTARTS:-${SLURM_RESTART_COUNT:-0}} BatchFlag=1"
SCONTROL
printf '#!/bin/sh\n' >"$dir/bin/judd"
chmod +x "$dir/bin/"*
echo 'schema = 1;  name = "low";  seed = 1;  # output = "runs/no"' >"$dir/site/a.cfg"
export PATH=$dir/bin:$PATH CALLS=$dir/calls SLURM_SUBMIT_DIR=$dir/site SLURM_JOB_ID=7 SLURM_NTASKS=3
export MPI=pmix
unset JUDD JUDD_COMMAND JUDD_LAUNCHER JUDD_MODULES JUDD_SCRATCH JUDD_SITE JUDD_SLURM JUDD_OUTPUT JUDD_RESTARTS SLURM_RESTART_COUNT

start() {
    rm -f "$dir/site/runs/low/COMPLETED" "$CALLS"
    touch "$CALLS"
}
batch() { bash "$script" a.cfg "$@" >"$dir/out" 2>&1; }
queued() { grep -qx 'scontrol requeue 7' "$CALLS"; }

# ends STATUS yes|no [VARIABLE=VALUE ...]: the script's exit code, and whether it queued again
ends() {
    local want=$1 again=$2 got=0 requeued=no
    shift 2
    start
    (export "$@" && batch) || got=$?
    if queued; then requeued=yes; fi
    if [ "$got" -ne "$want" ] || [ "$requeued" != "$again" ]; then
        complain "with $*: exit code $got (expected $want), queued again: $requeued (expected $again)"
    fi
}
ends 0 no FINISH=1
ends 75 yes STATUS=0
ends 75 yes STATUS=75
ends 75 yes STATUS=137
ends 75 yes STATUS=205
ends 75 yes STATUS=138
ends 0 no STATUS=0 JUDD_COMMAND=features
ends 75 yes STATUS=75 JUDD_COMMAND=features
ends 65 no STATUS=65 JUDD_COMMAND=features
ends 78 no FINISH=1 JUDD_SITE=nowhere.conf
ends 64 no STATUS=64
ends 65 no STATUS=65
ends 70 no STATUS=70
ends 74 no STATUS=74
ends 78 no STATUS=78
rm -f "$dir/site/runs/low.starts"
ends 75 yes STATUS=233 # srun found no node behind a name
rm -f "$dir/site/runs/low.starts"
ends 75 yes STATUS=139 # a crash is tried once more
ends 139 no STATUS=139 SLURM_RESTART_COUNT=1
ends 139 no STATUS=139 JUDD_RESTARTS=0
ends 75 yes STATUS=75 SLURM_RESTART_COUNT=200
ends 75 no STATUS=75 SLURM_RESTART_COUNT=1 RESTARTS=2 # Slurm has started it elsewhere
ends 75 no STATUS=75 JUDD_RESTARTS=0
ends 0 no FINISH=1 JUDD_OUTPUT=runs/low
ends 75 yes FINISH=1 JUDD_OUTPUT=runs/elsewhere

# Dies at the same place again and again, whoever queues it again; progress starts the count anew.
for killed in 0 1; do
    rm -rf "$dir/site/runs/low"*
    ends 75 yes STATUS=137 JUDD_RESTARTS=2
    ends 75 yes STATUS=137 JUDD_RESTARTS=2 SLURM_RESTART_COUNT=1
    mkdir -p "$dir/site/runs/low/checkpoints/trial/step-20"
    touch "$dir/site/runs/low/checkpoints/trial/step-20/MANIFEST"
    ends 75 yes STATUS=137 JUDD_RESTARTS=2 SLURM_RESTART_COUNT=2
    ends 75 yes STATUS=137 JUDD_RESTARTS=2 SLURM_RESTART_COUNT=3
    if [ "$killed" = 1 ]; then # in the middle of the script, by Slurm
        sed -i 's/^\([^ ]* \)1/\12/' "$dir/site/runs/low.starts"
        start
        SLURM_RESTART_COUNT=4 JUDD_RESTARTS=2 batch
        [ $? -eq 75 ] && ! grep -q ranks "$CALLS" || complain "a third start without progress ran"
    else
        ends 75 no STATUS=137 JUDD_RESTARTS=2 SLURM_RESTART_COUNT=4
    fi
    [ ! -e "$dir/site/runs/low.starts" ] || complain "the count of starts is left"
done
ends 75 yes STATUS=137 JUDD_RESTARTS=2 # submitted anew

start
FINISH=1 batch --set seed=2 --fresh
grep -qx "ranks srun --mpi=pmix .* $dir/bin/judd run a.cfg --set seed=2 --fresh" "$CALLS" ||
    complain "first start: $(cat "$CALLS")"

# A member of a job array, counted from 0 or from 1, looks for the end of its own shard.
start
mkdir -p "$dir/site/runs/low.2-of-3"
touch "$dir/site/runs/low.2-of-3/COMPLETED"
(export SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=0 && batch --quiet) ||
    complain "a member of a job array"
grep -qx "ranks srun .*judd run a.cfg --shard 2/3 --quiet" "$CALLS" || complain "array: $(cat "$CALLS")"
start
rm "$dir/site/runs/low.2-of-3/COMPLETED"
(export STATUS=75 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 && batch)
grep -qx 'scontrol requeue 7_2' "$CALLS" || complain "a member queues others again: $(cat "$CALLS")"

start
FINISH=1 SLURM_RESTART_COUNT=2 batch --fresh --set 'name=two words'
grep -qx "ranks srun .*judd run a.cfg --set name=two words" "$CALLS" || complain "restart: $(cat "$CALLS")"
[ "$(grep -cx dummy "$CALLS")" -eq 2 ] || complain "a second restart takes the third step number"

start
touch "$dir/site/runs/low/COMPLETED"
SLURM_RESTART_COUNT=1 batch && ! grep -q ranks "$CALLS" || complain "a restart of a complete job ran it"

start
MPI=pmi2 FINISH=1 batch
grep -qx "ranks mpirun -n 3 $dir/bin/judd run a.cfg" "$CALLS" || complain "without pmix: $(cat "$CALLS")"

# Settings of the site: the launcher, the scratch folder, modules by a command of the site's.
start
printf '%s\n' 'module() { echo "module $*" >>"$CALLS"; }' JUDD_LAUNCHER=mpirun JUDD_SCRATCH=/scratch JUDD_STAGE=yes \
    'JUDD_MODULES="mpi hdf5"' >"$dir/site.conf"
FINISH=1 JUDD_SITE=$dir/site.conf batch
grep -q "^ranks mpirun" "$CALLS" && grep -qx "in /scratch, staged" "$CALLS" && grep -qx "module load mpi hdf5" "$CALLS" || complain "site.conf: $(cat "$CALLS")"

# The scripts that go on to it: features, and a member of an array.
start
JUDD_SLURM=$JUDD_SOURCE/slurm bash "$JUDD_SOURCE/slurm/features.sbatch" a.cfg >"$dir/out" 2>&1 &&
    grep -qx "ranks srun .*judd features a.cfg" "$CALLS" || complain "features.sbatch: $(cat "$CALLS")"
for script_of in sweep train; do
    start
    FINISH=1 JUDD_SLURM=$JUDD_SOURCE/slurm bash "$JUDD_SOURCE/slurm/$script_of.sbatch" a.cfg >"$dir/out" 2>&1 &&
        grep -qx "ranks srun .*judd run a.cfg" "$CALLS" || complain "$script_of.sbatch: $(cat "$CALLS")"
done

start
WAIT=1 bash "$script" a.cfg >"$dir/out" 2>&1 &
pid=$!
for _ in $(seq 50); do
    ! grep -q ready "$CALLS" || break
    sleep 0.1
done
kill -USR1 "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 75 ] && grep -qx saved "$CALLS" && queued || complain "SIGUSR1: exit code $status: $(cat "$CALLS")"

(cd "$dir" && bash "$script" none.cfg >"$dir/out")
[ $? -eq 78 ] || complain "a missing job file"
exit "$failures"
