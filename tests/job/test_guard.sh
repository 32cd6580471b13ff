#!/usr/bin/env bash
# guard = true: its lines redone from the records and predictions by NumPy; equivalent labels by hand.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
"$python" -c "import h5py, numpy" 2>/dev/null || skip "h5py and numpy are not here"
make_data 1000 400
write_job
sed -i 's/seeds = 2;/seeds = 4;/; s/shots = \[5, 20\]/shots = [1, 5, 20]; guard = true/' job.cfg
sed -i '/against-random/,+1d; s/guard = true; },/guard = true; }/' job.cfg

options=(--set heads.softmax.l2=0.1 --set "heads.softmax.optimizer.learning_rate=[0.003, 0.03]"
    --set heads.softmax.optimizer.steps=40)

for ranks in 1 2; do
    must_run $ranks "at$ranks" "${options[@]}"
    same_results at1 "at$ranks"
done
grep -q '(guard: 0 of 4 transferred' at1.out || fail "no guard in the table"
"$python" - <<'PY'
import json, math
import h5py, numpy as np
read = lambda name: [json.loads(line) for line in open("at1/" + name)]
results, verdicts = {r["trial"]: r for r in read("results.jsonl")}, read("verdicts.jsonl")
gains = [v for v in verdicts if v["kind"] == "gain"]
guards = [v for v in verdicts if v["kind"] == "guard"]
assert len(gains) == len(guards) == 6, verdicts
def right(trial):
    with h5py.File(f"at1/predictions/{trial}.h5") as f:
        return (f["label"][:] == f["predicted"][:]).astype(float)
moved = 0
for gain, guard in zip(gains, guards):
    assert gain["comparison"] == guard["comparison"]
    chosen, always, baseline, n, void = [], [], [], 0, 0
    for seed in range(3, 7):
        t, b = (f"{gain['comparison']}+s{seed}+{arm}" for arm in ("transfer", "baseline"))
        a, c = (results[x]["selection"]["pick"]["score"] if results[x]["selection"]["on"] else None for x in (t, b))
        void += a is None
        use = a is not None and a > c
        n += use
        always.append(right(t)), baseline.append(right(b)), chosen.append(right(t if use else b))
    chosen, always, baseline = map(np.array, (chosen, always, baseline))
    assert guard["n_transferred"] == n and guard["n_not_held_out"] == void, guard
    assert void == (4 if guard["shots"] == 1 else 0), guard
    assert math.isclose(guard["gain"], chosen.mean() - baseline.mean(), abs_tol=1e-12), guard
    assert math.isclose(guard["against_always"], chosen.mean() - always.mean(), abs_tol=1e-12), guard
    assert math.isclose(gain["transfer"], always.mean()) and math.isclose(gain["baseline"], baseline.mean())
    moved += n
assert 0 < moved < 24, "the guard always does the same"
# equivalent labels
found = 0
for v in gains:
    curve = sorted((w["shots"], w["baseline"]) for w in gains if w["target"] == v["target"])
    shots, metric = zip(*curve)
    at = [i for i in range(2) if metric[i] <= v["transfer"] <= metric[i + 1] or metric[i + 1] >= v["transfer"] > metric[i]]
    if v["transfer"] < metric[0] or v["transfer"] > max(metric):
        assert v["equivalent_labels"] is None and v["equivalent_labels_note"], v
        continue
    i = at[0]
    share = (v["transfer"] - metric[i]) / (metric[i + 1] - metric[i])
    expected = shots[i] * (shots[i + 1] / shots[i]) ** share - v["shots"]
    assert math.isclose(v["equivalent_labels"], expected, abs_tol=1e-9), (v, expected)
    found += 1
assert found >= 1, gains
PY

# a single point has no held-out score unless it is asked for
code=0
judd_at 0 bad --set heads.softmax.l2=0.1 --set heads.softmax.optimizer.learning_rate=0.01 || code=$?
[ "$code" = 78 ] || fail "a guard without held-out samples ended with $code"
grep -q 'hold_out = "always"' bad.err || fail "no remedy: $(cat bad.err)"
must_run 2 one --set heads.softmax.l2=0.1 --set heads.softmax.optimizer.learning_rate=0.01 \
    --set heads.softmax.hold_out=always --set verdict.seeds=1
grep -q '"on":"folds"' one/results.jsonl || fail "nothing held out"
