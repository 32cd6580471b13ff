#!/usr/bin/env bash
# tensorboard = true: event files that an independent reader takes; the results' bytes as without; the same
# scalars at any number of ranks and after kill -9; nothing twice; what cannot be written costs a warning.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
"$python" -c 'import crcmod, google.protobuf' 2>/dev/null || skip "python3-crcmod or python3-protobuf is missing"
make_data 1000 400
write_job
options=(--set limits.checkpoint_steps=5 --set heads.softmax.optimizer.steps=600 --set verdict.seeds=1
    --set "experiments.0.target=own" --set "experiments.0.shots=[20]" --set heads.softmax.optimizer.curve_steps=200
    --set heads.softmax.validation_fraction=0.25 --set heads.softmax.optimizer.patience=30
    --set "experiments.1.target=other" --set "experiments.1.shots=[5]")
events=(--set tensorboard=true)

scalars() {
    "$python" "$JUDD_SOURCE/tests/job/event_files.py" "$1/tensorboard" >"$1.json" || fail "$1: event files"
}

must_run 1 plain "${options[@]}"
[ ! -e plain/tensorboard ] || fail "event files without being asked for"
must_run 1 one "${options[@]}" "${events[@]}"
same_results plain one
for file in plain/heads/* plain/predictions/*; do same "$file" "${file/#plain/one}"; done
scalars one
must_run 3 three "${options[@]}" "${events[@]}" --set limits.groups=2
scalars three
same one.json three.json

# against what the records say, and what a linear head knows before its first step
"$python" - <<'PY'
import json, math
runs = json.load(open("one.json"))
records = [json.loads(line) for line in open("one/results.jsonl")]
banks = {json.loads(line)["bank"] for line in open("one/timing.jsonl") if '"phase":"train"' in line}
assert set(runs) == banks, (set(runs), banks)
for r in records:
    run = runs[f"{r['backbone']}+{r['target']}+softmax+k{r['shots']}+s{r['seed']}"]
    for name, value in r["metrics"].items():
        if isinstance(value, float):
            ((step, shown),) = run[f"test/{name}"]
            assert step == 600 and math.isclose(shown, value, rel_tol=1e-6, abs_tol=1e-7), name
    pick = r["selection"]["pick"]
    point = f"learning_rate={pick['learning_rate']:g}" # the grid has one l2
    loss = run[f"train_loss/{point}"]
    assert loss[0][0] == 1 and abs(loss[0][1] - math.log(5)) < 1e-5 and loss[-1][1] < 1
    assert [s for s, _ in loss] == [*range(1, 601, 12), 600][:len(loss)]
    shown = dict(map(tuple, run[f"test_accuracy/{point}"]))
    for step, accuracy in zip(r["curve"]["steps"], r["curve"]["accuracy"]):
        assert math.isclose(shown[step], accuracy, rel_tol=1e-6), (step, accuracy)
    watched = run[f"validation_loss/{point}"]
    assert [s for s, _ in watched] == [*range(20, 601, 20)][:len(watched)] and min(v for _, v in watched) < 1.7
PY

# killed twice, the file's end torn and with events behind the checkpoint: cut, and gone on with
in_training() {
    local step
    step=$(find killed/checkpoints -name 'step-*' 2>/dev/null | sed -n 's/.*step-\([0-9]*\)$/\1/p' | sort -n | tail -n 1)
    [ "${step:-0}" -ge "$1" ] && [ -n "$(find killed/tensorboard -name '*.0.curves')" ]
}
start 2 killed "${options[@]}" "${events[@]}" --set limits.groups=1
kill_when in_training 200
for file in killed/tensorboard/*/*.0.curves; do
    head -c 100 "$file" >>torn
    tail -c 30 "$file" >piece
    cat piece >>"$file"
done
start 1 killed "${options[@]}" "${events[@]}"
kill_when in_training 400
must_run 2 killed "${options[@]}" "${events[@]}"
grep -q 'resumed after step' killed/judd.log || fail "not resumed"
scalars killed
same one.json killed.json
same_results plain killed

# no folder can be made there
must_run 1 blocked "${options[@]}" "${events[@]}"
rm -r blocked/tensorboard blocked/results.jsonl
echo mine >blocked/tensorboard
must_run 1 blocked "${options[@]}" "${events[@]}"
grep -q 'warning: .*no curves for TensorBoard' blocked.err || fail "no warning: $(cat blocked.err)"
[ "$(cat blocked/tensorboard)" = mine ] || fail "a file was overwritten"
same_results plain blocked

# heads without steps have their metrics; --fresh removes the folder
sed -i 's/^heads = (/heads = ( { name = "ridge"; kind = "ridge"; },/' job.cfg
must_run 1 one --fresh "${options[@]}" "${events[@]}" --set experiments.0.head=ridge --set experiments.1.head=ridge
scalars one
"$python" - <<'PY'
import json
runs = json.load(open("one.json"))
assert runs and all("+ridge+" in run and tags["test/accuracy"][0][0] == 0 for run, tags in runs.items()), runs
PY

# TensorBoard itself, where it is
"$python" - <<'PY'
import json
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    raise SystemExit
for run, tags in json.load(open("killed.json")).items():
    read = EventAccumulator(f"killed/tensorboard/{run}").Reload()
    for tag, points in tags.items():
        assert [[e.step, e.value] for e in read.Scalars(tag)] == points, (run, tag)
PY
