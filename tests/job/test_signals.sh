#!/usr/bin/env bash
# SIGUSR1 and SIGTERM: every rank saves, ends with 75 and goes soon, also under an mpirun that got
# SIGTERM itself (it passes it on after odls_base_sigkill_timeout, then sleeps as long, deaf to
# MPI_Finalize, and kills); a second signal ends it at once; COMPLETED is the last file of a job.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
options=(--set limits.checkpoint_steps=2000 --set limits.groups=1 --set "heads.softmax.optimizer.steps=2000000"
    --set "heads.softmax.optimizer.learning_rate=[0.05]" --set "heads.softmax.l2=[0.01]"
    --set verdict.seeds=1 --set "experiments=({ name = \"e\"; source = \"own\"; backbone = \"resnet\"; baseline = \"pixels\"; target = \"other\"; head = \"softmax\"; shots = [20]; })")
must_run 0 whole "${options[@]}" --set heads.softmax.optimizer.steps=20
for file in $(find whole -type f ! -name judd.log); do # whose last line says that it is complete
    [ ! "$file" -nt whole/COMPLETED ] || fail "$file is newer than COMPLETED"
done

# A rank that notes how it ended and when.
cat >noting <<'SH'
#!/bin/bash
trap : TERM USR1
"$@" &
while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
echo "$code $(date +%s)" >>"$NOTES"
exit "$code"
SH
chmod +x noting

# begin RANKS: go on with the job, until it has resumed and saved again; each rank notes its end
begin() {
    export NOTES=$folder/notes
    : >"$NOTES"
    touch mark
    setsid "$JUDD_SOURCE/tests/mpirun.sh" "$1" --mca odls_base_sigkill_timeout 2 ./noting "$JUDD" run \
        job.cfg --quiet --set output=out "${options[@]}" >out.out 2>out.err &
    started=$!
    wait_until 60 eval '[ -n "$(find out/checkpoints -name MANIFEST -newer mark 2>/dev/null)" ]' ||
        fail "no training: $(cat out.err)"
    since=$(date +%s)
}

# ended RANKS: every rank with 75, within 10 s, behind a checkpoint
ended() {
    wait_until 20 eval "[ \"\$(wc -l <notes)\" = $1 ]" || fail "ranks are left: $(cat out.err)"
    while read -r code at; do
        [ "$code" = 75 ] || fail "a rank ended with $code: $(cat out.err)"
        [ $((at - since)) -le 10 ] || fail "a rank took $((at - since)) s"
    done <notes
    kill_started
    step=$(find out/checkpoints -name MANIFEST | sed -n 's/.*step-\([0-9]*\).MANIFEST/\1/p' | sort -n | tail -1)
    [ -n "$step" ] || fail "no checkpoint"
}

# to_ranks SIGNAL: to every rank itself, as srun does
to_ranks() {
    # shellcheck disable=SC2046 # a list of numbers
    kill "-$1" $(ps -o comm=,pid= -s "$started" | awk '$1 == "judd" { print $2 }')
}

begin 2
kill -USR1 "$started"
ended 2
begin 2
grep -q "resumed after step $step of" out/judd.log || fail "not resumed after $step"
kill -TERM "$started"
ended 2
begin 2
grep -q "resumed after step $step of" out/judd.log || fail "not resumed after $step"
to_ranks TERM
ended 2

# A signal that comes while MPI starts is held, and served when it has.
for signal in USR1:2 TERM:4; do
    "$JUDD" run job.cfg --quiet --set output=early "${options[@]}" >early.out 2>early.err &
    process=$!
    until grep -q "^SigBlk:.*[$([ $signal = USR1:2 ] && echo 2367abef || echo 4567cdef)]" /proc/$process/status; do
        kill -0 $process 2>/dev/null || fail "ended before a signal: $(cat early.err)"
    done
    kill "-${signal%:*}" $process
    code=0
    wait $process || code=$?
    [ "$code" = 75 ] || fail "SIG${signal%:*} while MPI starts: exit code $code: $(cat early.err)"
done

begin 1 # the second signal comes while the first is still unheard
to_ranks STOP
to_ranks USR1
to_ranks TERM
to_ranks CONT
wait_until 20 test -s notes || fail "a second signal was not heard"
read -r code _ <notes
[ "$code" = 143 ] || [ "$code" = 138 ] || fail "a second signal: exit code $code"
kill_started
