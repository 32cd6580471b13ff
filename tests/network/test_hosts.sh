#!/usr/bin/env bash
# Two hosts over a network of 1 ms and 1 Gb/s that loses a frame in a thousand, and is cut in mid-training:
# the bits of one host; the cut ends the job and names the host; the job goes on elsewhere. So does the batch
# script's where the ranks notice the cut first, after which mpirun waits for its daemon.
set -eu
. "$JUDD_SOURCE/tests/network/hosts.sh"
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 300
write_job
sed -i '/"against-random"/,+1d; s/shots = \[5, 20\]; },$/shots = [20]; }/; s/target = \["other", /target = [/' job.cfg
options=(--quiet --set limits.groups=1 --set limits.checkpoint_steps=5
    --set heads.softmax.optimizer.steps=50)

hosts_names 2
hosts_wire 2 1000 1000 0.1
for node in node1 node2; do
    host_on "$node"
    echo "${host_init[$node]}" >"$node.init"
done
# What mpirun calls instead of ssh: HOST COMMAND ...
cat >agent <<AGENT
#!/bin/bash
init=\$(cat "$folder/\$1.init")
exec nsenter --target "\$init" --pid --mount --net --uts --wd="$folder" sh -c "\${*:2}"
AGENT
chmod +x agent
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
# Silence of a host is noticed after 4 + 3 x 2 s, by mpirun and by the host itself.
export OMPI_MCA_oob_tcp_keepalive_time=4 OMPI_MCA_oob_tcp_keepalive_intvl=2 OMPI_MCA_oob_tcp_keepalive_probes=3

# start_apart OUTPUT: in the background, a rank a host
start_apart() {
    setsid mpirun --mca plm rsh --mca plm_rsh_agent "$folder/agent" --mca plm_rsh_no_tree_spawn 1 \
        --mca btl self,tcp --host node1,node2 -n 2 \
        "$JUDD" run job.cfg --set "output=$1" "${options[@]}" >"$1.out" 2>"$1.err" &
    started=$!
}

in_training() {
    local step
    step=$(find "$1/checkpoints" -name MANIFEST 2>/dev/null | sed -n 's/.*step-\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    [ -n "$step" ] && [ "$step" -le 30 ]
}

# seconds_of OUTPUT: of the training
seconds_of() {
    sed -n 's/.*training: .* in \([0-9.]* s\)$/\1/p' "$1/judd.log"
}

must_run 2 whole "${options[@]}"
start_apart apart
ended_within 300 || fail "two hosts: no end: $(cat apart.err)"
[ "$code" = 0 ] || fail "two hosts: exit code $code: $(cat apart.err)"
grep -q ', 2 ranks$' apart/judd.log || fail "not on 2 ranks: $(cat apart/judd.log)"
same_results whole apart
echo "training on one host $(seconds_of whole), on two $(seconds_of apart)"

start_apart cut
wait_until 120 in_training cut || fail "no training: $(cat cut.err)"
kill -USR1 "$wire"
ended_within 60 || fail "cut: still there after 60 s: $(cat cut.err)"
[ "$code" = 205 ] || fail "cut: exit code $code, not mpirun's 205: $(cat cut.err)"
grep -q 'node2' cut.err || fail "cut: the host is not named: $(cat cut.err)"
wait_until 30 eval '! pgrep -f "^$JUDD run" >/dev/null' || fail "cut: ranks live on"
must_run 1 cut "${options[@]}"
grep -q 'resumed after step' cut/judd.log || fail "cut: started over: $(cat cut/judd.log)"
same_results whole cut

# The batch script, on a host of the job as under Slurm.
kill -USR2 "$wire"
cat >mpirun-apart <<APART
#!/bin/sh
exec mpirun --mca plm rsh --mca plm_rsh_agent "$folder/agent" --mca plm_rsh_no_tree_spawn 1 \\
    --mca btl self,tcp --mca btl_tcp_if_exclude lo --host control,node2 "\$@"
APART
chmod +x mpirun-apart
unset OMPI_MCA_oob_tcp_keepalive_time OMPI_MCA_oob_tcp_keepalive_intvl OMPI_MCA_oob_tcp_keepalive_probes
JUDD_LAUNCHER=$folder/mpirun-apart JUDD_LINGER_S=6 JUDD_OUTPUT=guarded SLURM_NTASKS=2 setsid bash \
    "$JUDD_SOURCE/slurm/judd.sbatch" job.cfg --set output=guarded --set limits.watchdog_s=5 "${options[@]}" \
    >guarded.err 2>&1 &
started=$!
wait_until 120 in_training guarded || fail "no training: $(cat guarded.err)"
kill -USR1 "$wire"
ended_within 60 || fail "guarded: still there after 60 s: $(cat guarded.err)"
[ "$code" = 75 ] || fail "guarded: exit code $code, not 75: $(cat guarded.err)"
for said in 'look at the network between the hosts' 'mpirun waits for a node' 'exit code 137); queueing again'; do
    grep -q "$said" guarded.err || fail "guarded: not said: $said: $(cat guarded.err)"
done
must_run 1 guarded "${options[@]}"
same_results whole guarded
echo "all: $SECONDS s"
