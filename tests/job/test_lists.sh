#!/usr/bin/env bash
# Lists of backbones and heads expand to comparisons: every combination once, its arms paired, and each
# trial the one that an experiment of its own has.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
sed -i '/^experiments/,$d' job.cfg
sed -i "s|^heads = (|&\n@include \"$JUDD_SOURCE/configs/heads/ridge.cfg\"\n,|" job.cfg
cp job.cfg start.cfg

cat >>job.cfg <<'CFG'
experiments = (
    { name = "all"; source = "own"; backbone = ["resnet", "resnet-random"]; baseline = "pixels";
      target = ["other", "own"]; head = ["ridge", "softmax"]; shots = [5, 10]; }
);
CFG
small=(--set heads.softmax.optimizer.steps=10 --set "heads.softmax.optimizer.learning_rate=[0.01]")
must_run 2 lists "${small[@]}"

# One experiment a combination, without lists.
cp start.cfg job.cfg
{
    echo 'experiments = ('
    comma=
    for backbone in resnet resnet-random; do
        for target in other own; do
            for head in ridge softmax; do
                for shots in 5 10; do
                    echo "$comma{ name = \"$backbone.$target.$head.$shots\"; source = \"own\"; "
                    echo "backbone = \"$backbone\"; baseline = \"pixels\"; target = \"$target\"; "
                    echo "head = \"$head\"; shots = [$shots]; }"
                    comma=,
                done
            done
        done
    done
    echo ');'
} >>job.cfg
must_run 1 single "${small[@]}"

"$python" - <<'PY'
import itertools, json
def lines(path):
    return [json.loads(line) for line in open(path)]
def strip(record):
    return {k: v for k, v in record.items() if k not in ("trial", "comparison", "experiment", "check")}
lists, single = lines("lists/results.jsonl"), lines("single/results.jsonl")
axes = list(itertools.product(["resnet", "resnet-random"], ["other", "own"], ["ridge", "softmax"], [5, 10]))
assert len(lists) == len(single) == 2 * 2 * len(axes), (len(lists), len(single))
by_name = {r["trial"]: r for r in lists}
alone = {r["trial"]: r for r in single}
for (backbone, target, head, shots), seed, arm in itertools.product(axes, [3, 4], ["transfer", "baseline"]):
    comparison = f"all+{backbone}+{target}+{head}+k{shots}"
    one = by_name[f"{comparison}+s{seed}+{arm}"]
    assert one["comparison"] == comparison, one
    assert one["backbone"] == (backbone if arm == "transfer" else "pixels") and one["head"] == head, one
    assert strip(one) == strip(alone[f"{backbone}.{target}.{head}.{shots}+{target}+k{shots}+s{seed}+{arm}"])
verdicts, others = lines("lists/verdicts.jsonl"), lines("single/verdicts.jsonl")
assert [(v["backbone"], v["target"], v["head"], v["shots"]) for v in verdicts] == axes
for v, o in zip(verdicts, others):
    assert strip(v) == strip(o), (v, o)
PY
grep -q '^experiment *backbone *target *head *shots' lists.out || fail "no columns: $(cat lists.out)"
grep -q '^experiment *target *shots' single.out || fail "columns without need: $(cat single.out)"

# What lists cannot hold.
refused() {
    local code=0
    judd_at 0 bad "${small[@]}" --set "$2" || code=$?
    [ "$code" = 78 ] || fail "$2: exit code $code: $(cat bad.err)"
    grep -q "$1" bad.err || fail "$2: not said: $1: $(cat bad.err)"
}
sed -i 's/"resnet.other.ridge.5"/"first"/' job.cfg
refused 'is none of the backbones' 'experiments.first.backbone=["resnet", "resnett"]'
refused 'is none of the heads' 'experiments.first.head=["ridge", "soft"]'
refused 'is the backbone itself' 'experiments.first.backbone=["resnet", "pixels"]'
refused 'twice\|repeat\|already' 'experiments.first.head=["ridge", "ridge"]'
