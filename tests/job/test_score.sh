#!/usr/bin/env bash
# judd score: the same lines at any number of ranks, ranks in the order of values, agreement redone by
# scipy; experiments that take the best-scored backbone; bad input.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
small=(--set heads.softmax.optimizer.steps=10 --set "heads.softmax.optimizer.learning_rate=[0.01]")

# score RANKS OUTPUT [ARGUMENT ...]
score() {
    local ranks=$1 output=$2
    shift 2
    timeout -k 5 100 "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" "$JUDD" score job.cfg --quiet "${small[@]}" \
        --set "output=$output" "$@" >"$output.out" 2>"$output.err" || fail "score $output: $(cat "$output.err")"
}

score 1 one
score 3 three --json
same one/scores.jsonl three/scores.jsonl
same three/scores.jsonl three.out
grep -q '^other, 5 shots' one.out && grep -q 'resnet-random: no leep: the source has random weights' one.out ||
    fail "no table: $(cat one.out)"
sed -i 's/shots = \[5, 20\]; },/shots = [5, 20, 0]; },/' job.cfg
score 2 kept

# After the job has run: agreement; the folder is as complete as before.
must_run 2 kept "${small[@]}"
score 2 kept
[ -e kept/COMPLETED ] && [ ! -e kept/checkpoints ] || fail "the folder is not as it was"
grep -q 'against measured gains' kept.out || fail "no agreement: $(cat kept.out)"
"$JUDD" verify kept >verify.out || fail "verify: $(cat verify.out)"

"$python" - <<'PY' || fail "ranks or agreement are wrong"
import json
from scipy.stats import kendalltau, pearsonr
lines = [json.loads(line) for line in open("kept/scores.jsonl")]
scores = [r for r in lines if "kind" not in r]
agreement = [r for r in lines if r.get("kind") == "agreement"]
gains = [r for r in map(json.loads, open("kept/verdicts.jsonl")) if r["kind"] == "gain"]
names = ["logme", "leep", "nce", "h", "regularised_h", "transrate", "ridge", "centroid"]
cells = [("other", 5), ("own", 5), ("other", 20), ("own", 20), ("other", None), ("own", None)]
assert len(scores) == (4 * 3 + 2 * 2) * len(names), len(scores)  # all samples: against pixels only
for target, shots in cells:
    for name in names:
        own = [r for r in scores if (r["target"], r["shots"], r["score"]) == (target, shots, name)]
        there = [r for r in own if r["value"] is not None]
        assert sorted(r["rank"] for r in there) == list(range(1, len(there) + 1)), own
        for r in own:
            assert (r["value"] is None) == (r["rank"] is None) == (r["reason"] is not None), r
        best = sorted(there, key=lambda r: r["rank"])
        assert all(a["value"] >= b["value"] - 1e-8 * abs(b["value"]) for a, b in zip(best, best[1:])), own
values = {(r["target"], r["source"], r["shots"], r["score"]): r["value"] and float("%.8e" % r["value"]) for r in scores}
ranks = {(r["target"], r["source"], r["shots"], r["score"]): r["rank"] for r in scores}
assert agreement
for r in agreement:
    baseline = "pixels" if r["experiment"] == "against-pixels" else "resnet-random"
    gain = {baseline: 0.0, **{v["backbone"]: v["gain"] for v in gains if v["experiment"] == r["experiment"]
                              and v["target"] == r["target"] and v["shots"] == r["shots"]}}
    pairs = [(values[r["target"], s, r["shots"], r["score"]], g, ranks[r["target"], s, r["shots"], r["score"]])
             for s, g in gain.items() if values[r["target"], s, r["shots"], r["score"]] is not None]
    assert r["n"] == len(pairs), r
    if len(pairs) < 2:
        assert r["kendall_tau"] is None and r["reason"], r
        continue
    x, y, order = zip(*pairs)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert abs(r["kendall_tau"] - kendalltau(x, y)[0]) < 1e-12 and abs(r["pearson"] - pearsonr(x, y)[0]) < 1e-9, r
    else:
        assert r["kendall_tau"] is None and r["pearson"] is None and r["reason"], r
    assert abs(r["top1_regret"] - (max(y) - y[order.index(min(order))])) < 1e-12, r
PY

# Verdicts without a gain, and torn lines, say nothing.
sed -i '1s/"gain":[-0-9.e]*,/"gain":null,/' kept/verdicts.jsonl
echo '{"kind":"gain","exp' >>kept/verdicts.jsonl
before=$(grep -c agreement kept/scores.jsonl)
score 1 kept
[ "$(grep -c agreement kept/scores.jsonl)" = $((before - 8)) ] || fail "a gain of null counts"

# An experiment takes the best by score, for each target and shot count; the same at any number of ranks
# and when it starts again.
sed -i '/^experiments/,$d' job.cfg
cat >>job.cfg <<'CFG'
experiments = (
    { name = "best"; source = "auto"; backbone = ["resnet", "resnet-random"]; baseline = "pixels";
      target = ["other", "own"]; head = "softmax"; shots = [5, 20]; },
    { name = "any"; source = "what it learned from"; backbone = "auto"; baseline = "resnet-random"; score = "ridge";
      target = "other"; head = "softmax"; shots = [20]; }
);
CFG
"$JUDD" plan job.cfg --set output=auto1 >plan.out
grep -q 'do so when the job runs' plan.out || fail "plan: $(cat plan.out)"
must_run 1 auto1 "${small[@]}"
grep -q 'experiment best: .* for .* with [0-9]* a class, by logme' auto1/judd.log || fail "choices: $(cat auto1/judd.log)"
must_run 3 auto3 "${small[@]}"
same_results auto1 auto3
same auto1/scores.jsonl auto3/scores.jsonl
same auto1/choices.jsonl auto3/choices.jsonl
"$JUDD" plan job.cfg "${small[@]}" --set output=auto1 --json >plan.json
cp auto1/scores.jsonl before
must_run 2 auto1 "${small[@]}"
same before auto1/scores.jsonl
"$JUDD" report auto1 >report.out 2>&1 || fail "report: $(cat report.out)"
must_run 1 auto1.s1 "${small[@]}" --shard 1/2
must_run 1 auto1.s1 "${small[@]}" --shard 2/2
"$JUDD" report auto1.s1.*-of-2 -o merged >report.out 2>&1 || fail "merge: $(cat report.out)"
same_results auto1 merged
same auto1/scores.jsonl merged/scores.jsonl
same auto1/choices.jsonl merged/choices.jsonl
"$python" - <<'PY' || fail "not the best-scored"
import json
choices = [json.loads(line) for line in open("auto1/choices.jsonl")]
lines = [json.loads(line) for line in open("auto1/scores.jsonl")]
values = {(r["target"], r["source"], r["shots"], r["score"]): r["value"] for r in lines}
results = [json.loads(line) for line in open("auto1/results.jsonl")]
plan = json.load(open("plan.json"))
assert plan["chosen"] and len(plan["comparisons"]) == 5, plan["comparisons"]
assert len(choices) == 5 and len(results) == 5 * 2 * 2, (len(choices), len(results))
for c in choices:
    among = ["resnet", "resnet-random"] if c["experiment"] == "best" else ["resnet", "pixels"]
    assert c["score"] == ("logme" if c["experiment"] == "best" else "ridge"), c
    assert c["source"] == max(among, key=lambda s: values[c["target"], s, c["shots"], c["score"]]), c
    mine = [r for r in results if r["experiment"] == c["experiment"] and r["arm"] == "transfer"
            and r["target"] == c["target"] and r["shots"] == c["shots"]]
    assert len(mine) == 2 and all(r["backbone"] == c["source"] for r in mine), c
    assert all(r["source"] == (c["source"] if c["experiment"] == "best" else "what it learned from") for r in mine)
PY

# The test set has no say: other test images, the same scores.
"$python" - <<'PY'
import gzip
data = bytearray(gzip.open("data/test-images.gz").read())
data[16:] = bytes(255 - b for b in data[16:])
with gzip.GzipFile("data/test-images.gz", "wb", 1, mtime=0) as file:
    file.write(data)
PY
must_run 1 other-test "${small[@]}"
same auto1/scores.jsonl other-test/scores.jsonl

# What cannot be.
refused() {
    local code=0
    judd_at 0 bad "${small[@]}" --set "$3" || code=$?
    [ "$code" = "$1" ] || fail "$3: exit code $code: $(cat bad.err)"
    grep -q "$2" bad.err || fail "$3: not said: $2: $(cat bad.err)"
}
refused 78 'experiments.best.score' experiments.best.score=logmee
refused 65 'no backbone has a score leep for other: the source has random weights' \
    'experiments.best={ name = "x"; source = "auto"; backbone = "resnet-random"; baseline = "pixels"; score = "leep"; target = "other"; head = "softmax"; }'
refused 78 'chooses among backbones' 'experiments.best={ name = "x"; mode = "joint"; source = "auto"; backbone = "resnet"; target = "other"; head = "softmax"; }'
code=0
"$JUDD" score job.cfg --by logmee --set output=bad >bad.out 2>bad.err || code=$?
[ "$code" = 64 ] || fail "--by logmee: $code"
code=0
"$JUDD" score job.cfg --set output=auto1 --set seed=4 >bad.out 2>bad.err || code=$?
[ "$code" = 64 ] && grep -q 'another job' bad.err || fail "another job: $code $(cat bad.err)"
