#!/usr/bin/env bash
# judd watch of a job that runs (frozen, so that its files hold still), was killed, was stopped, is
# complete; of shards; of torn files; in a terminal; nothing is written; what is no job is refused.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
options=(--set limits.groups=2 --set limits.checkpoint_steps=20 --set heads.softmax.optimizer.steps=400
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]"
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")

has() {
    grep -qE -- "$2" "$1" || fail "$1: no '$2' in: $(cat "$1")"
}

# watch FILE ARGUMENT ...: one picture, which must leave everything as it is
watch() {
    local to=$1 code=0
    shift
    find . -not -name '*.txt' -not -path './mpi*' -printf '%p %s %T@ %C@\n' | sort >before.txt
    "$JUDD" watch "$@" >"$to.txt" 2>"$to.err.txt" || code=$?
    [ "$code" = 0 ] && [ ! -s "$to.err.txt" ] || fail "watch $*: $code: $(cat "$to.err.txt")"
    find . -not -name '*.txt' -not -path './mpi*' -printf '%p %s %T@ %C@\n' | sort >after.txt
    # the folder itself has changed by the pictures
    diff <(grep -v '^\. ' before.txt) <(grep -v '^\. ' after.txt) >&2 || fail "watch $* changed something"
}

records() {
    cat "$1"/results.jsonl "$1"/parts/results-*.jsonl 2>/dev/null | wc -l
}

moment() {
    [ "$(records run)" -ge 2 ] && [ -n "$(find run/checkpoints -name 'step-*' -path '*own*' 2>/dev/null)" ] &&
        grep -q '"phase":"train"' run/parts/timing-*.jsonl run/timing.jsonl 2>/dev/null
}

# ---- running ----
start 2 run "${options[@]}"
frozen() {
    moment || return 1
    send STOP
    moment && return 0
    send CONT
    return 1
}
wait_until 120 frozen || fail "no such moment: $(cat run.err)"
watch running run
has running.txt '^run: running on host .*, process [0-9]+, since 20'
n=$(records run)
has running.txt "\] $n of 8, [0-9]+ %, .* heads/min, .* left"
trained=$(cat run/timing.jsonl run/parts/timing-*.jsonl 2>/dev/null | grep -c '"phase":"train"')
has running.txt "training, $trained of [0-9]+ heads in .*; ranks: 2, groups: 2"
for bank in run/checkpoints/*; do
    newest=$(find "$bank" -name 'step-*' | sed -n 's/.*step-\([0-9]*\)$/\1/p' | sort -n | tail -1)
    [ -z "$newest" ] || has running.txt "^ +$(basename "$bank" | sed 's/[+.]/\\&/g'): step $newest of 400\$"
done

# ---- killed; torn files ----
kill_started
watch killed run
has killed.txt '^run: its owner is gone'
has killed.txt "\] $n of 8, [0-9]+ %\$"
printf '{"schema":1,"trial":"against-' >>run/results.jsonl
printf '{"phase":"tra' >>run/timing.jsonl
printf '2026-01-01T00:00:0' >>run/judd.log
mkdir -p run/parts
printf '{"phase"' >run/parts/timing-7.jsonl
watch torn run
has torn.txt "\] $n of 8, [0-9]+ %\$"
sed -i '$d' run/judd.log

# ---- stopped by a signal ----
rm -r run
start 1 run "${options[@]}" --set limits.groups=1
wait_until 60 moment || fail "no such moment: $(cat run.err)"
kill -USR1 "$started" # mpirun passes it on; a second one would end the ranks at once
ended_within 60 && [ "$code" = 75 ] || fail "SIGUSR1: exit code $code"
watch stopped run
has stopped.txt '^run: stopped; judd run goes on with it$'
has stopped.txt '^  [-+][0-9.]+ +1 of 2 seeds  against-|^  trials'

# ---- complete ----
must_run 2 run "${options[@]}"
watch complete run
has complete.txt '^run: complete$'
has complete.txt '#\] 8 of 8, 100 %$'
"$python" - <<'PY'
import json
shown = open("complete.txt").read()
verdicts = [json.loads(line) for line in open("run/verdicts.jsonl")]
assert len(verdicts) == 2
for v in verdicts:
    row = next(line for line in shown.splitlines() if line.endswith(v["comparison"]))
    assert f"{v['gain']:+.3f} [{v['ci95'][0]:+.3f}, {v['ci95'][1]:+.3f}]" in row and v["verdict"] in row, row
PY
COLUMNS=40 "$JUDD" watch run >narrow.txt
[ "$(wc -L <narrow.txt)" -le 40 ] || fail "wider than 40 columns: $(cat narrow.txt)"

# means of a job without verdicts are those of its records
cp -r run means
rm means/COMPLETED means/verdicts.jsonl
watch means means
"$python" - <<'PY'
import json
shown = open("means.txt").read()
records = {r["trial"]: r for r in map(json.loads, open("means/results.jsonl"))}
for v in map(json.loads, open("run/verdicts.jsonl")):
    pairs = [(records[f"{v['comparison']}+s{s}+transfer"], records[f"{v['comparison']}+s{s}+baseline"]) for s in (3, 4)]
    gain = sum(t["metrics"]["accuracy"] - b["metrics"]["accuracy"] for t, b in pairs) / 2
    row = next(line for line in shown.splitlines() if line.endswith(v["comparison"]))
    assert row.split()[:5] == [f"{gain:+.3f}", "2", "of", "2", "seeds"], row
PY

# in a terminal it draws again and again, no line beyond the window's last, until the job is complete
if command -v script >/dev/null; then
    mv run/COMPLETED kept
    (sleep 2 && mv kept run/COMPLETED) &
    timeout 60 script -qec "stty rows 5 cols 50; '$JUDD' watch run --interval 0.1" /dev/null >terminal.txt </dev/null ||
        fail "in a terminal: $(cat terminal.txt)"
    wait $!
    "$python" - <<'PY'
import re
pictures = open("terminal.txt", newline="").read().split("\033[H")[1:]
assert len(pictures) > 5, len(pictures)
for p in pictures:
    lines = re.sub(r"\033\[[KJ]", "", p).replace("\r", "").rstrip("\n").split("\n")
    assert len(lines) <= 4 and max(map(len, lines)) <= 50, p
assert "stopped" in pictures[0] and "complete" in pictures[-1]
PY
fi

# ---- shards ----
judd_at 1 shard "${options[@]}" --shard 1/2 || fail "shard 1: $(cat shard.err)"
judd_at 1 shard "${options[@]}" --shard 2/2 || fail "shard 2: $(cat shard.err)"
rm shard.2-of-2/COMPLETED
watch shards shard.1-of-2 shard.2-of-2
has shards.txt '^shard\.1-of-2: complete'
has shards.txt '^shard\.2-of-2: stopped'
[ "$(grep -c '\] 4 of 4, 100 %' shards.txt)" = 2 ] || fail "shards: $(cat shards.txt)"
[ "$(grep -c '2 of 2 seeds' shards.txt)" = 2 ] || fail "shards: $(cat shards.txt)"

# ---- no job ----
refused() {
    local code=0 expected=$1 words=$2
    shift 2
    "$JUDD" watch "$@" >refused.txt 2>refused.err || code=$?
    [ "$code" = "$expected" ] || fail "watch $*: exit code $code, not $expected: $(cat refused.err)"
    [ "$(grep -c '^judd: ' refused.err)" = 1 ] && [ ! -s refused.txt ] || fail "watch $*: not one line"
    has refused.err "$words"
}
mkdir empty
refused 65 'not the output of a job' empty
refused 65 'no folder' job.cfg
refused 74 'nowhere' nowhere
refused 65 'not the output of a job' run empty
refused 64 'write judd watch'
refused 64 'interval' run --interval 0
refused 64 'interval' run --interval
refused 64 'unknown option' run --colour
