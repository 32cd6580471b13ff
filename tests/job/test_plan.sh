#!/usr/bin/env bash
# judd plan: counts that a run then finds, shared heads and features, and no trace left behind.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
small=(--set heads.softmax.optimizer.steps=10 --set "heads.softmax.optimizer.learning_rate=[0.01]")

plan() {
    "$JUDD" plan job.cfg "${small[@]}" "$@" 2>plan.err
}

plan --json >cold.json || fail "plan: $(cat plan.err)"
[ ! -e cache ] && [ ! -e runs ] || fail "plan made files"
plan >cold.out || fail "plan: $(cat plan.err)"
grep -q '8 comparisons, 32 trials, which share' cold.out || fail "no summary: $(cat cold.out)"
must_run 2 out "${small[@]}"
find cache out -type f -exec sha256sum {} + | sort >before
plan --json >warm.json
"$JUDD_SOURCE/tests/mpirun.sh" 3 "$JUDD" plan job.cfg "${small[@]}" --json >three.json
find cache out -type f -exec sha256sum {} + | sort >after
same before after

# A damaged row and a lost file are missing, and stay so.
damaged=$(find cache/features -name '*.h5' | sort | head -1)
lost=$(find cache/features -name '*.h5' | sort | tail -1)
printf 'xxxx' | dd of="$damaged" bs=1 seek=9000 conv=notrunc status=none
mv "$lost" lost.h5
sum=$(sha256sum "$damaged")
plan --json >less.json
[ "$sum" = "$(sha256sum "$damaged")" ] && [ ! -e "$lost" ] || fail "plan changed the cache"

"$python" - "$lost" <<'PY'
import json, sys
def lines(path):
    return [json.loads(line) for line in open(path)]
cold, warm, three, less = (lines(f"{name}.json")[0] for name in ("cold", "warm", "three", "less"))
results, timing = lines("out/results.jsonl"), lines("out/timing.jsonl")
assert sorted(t["trial"] for t in cold["trials"]) == [r["trial"] for r in results]
assert cold["comparisons"] == [v["comparison"] for v in lines("out/verdicts.jsonl")]
trained = sorted(r["bank"] for r in timing if r["phase"] == "train")
assert sorted(b["bank"] for b in cold["banks"]) == trained and len(trained) < len(results)
assert {t["bank"] for t in cold["trials"]} == set(trained)
assert sum(b["trials"] for b in cold["banks"]) == len(results)
key = lambda r: (r["backbone"], r["dataset"], r["split"], r["view"], r["needed"])
ran = [r for r in timing if r["phase"] == "features"]
assert sorted(map(key, cold["features"])) == sorted(map(key, ran))
assert sum(f["missing"] for f in cold["features"]) == sum(r["computed"] for r in ran) > 0
assert cold["estimate"]["images"] == sum(r["computed"] for r in ran)
assert all(f["images_per_s"] > 0 for f in cold["features"])
assert all(f["missing"] == 0 for f in warm["features"] + three["features"])
assert all(f["columns"] == g["columns"] > 0 for f, g in zip(cold["features"], warm["features"]))
assert warm["estimate"]["images"] == 0 and warm["estimate"]["training_s"] > 0
assert three["estimate"]["ranks"] == 3 and 1 <= three["estimate"]["groups"] <= 3
assert warm["estimate"]["features_s"] == 0 < cold["estimate"]["features_s"]
gone = [f for f in less["features"] if f["file"].endswith(sys.argv[1].split("/")[-1])]
assert gone and all(f["missing"] == f["needed"] for f in gone)
others = [f for f in less["features"] if f not in gone]
assert 0 <= sum(f["missing"] for f in others) <= 2
PY

# What the output folder has finished is not counted again, and what its heads took is what is expected of
# those that are left; the folder stays as it is. A run then trains just what is listed.
cp -r out part
"$python" - <<'PY'
import json
lines = open("out/results.jsonl").readlines()
kept = [l for l in lines if json.loads(l)["seed"] == 3 or json.loads(l)["arm"] == "baseline"]
assert 0 < len(kept) < len(lines)
open("part/results.jsonl", "w").writelines(kept)
PY
cp -r part slow
"$python" - <<'PY'
import json
with open("slow/timing.jsonl", "w") as f:
    for r in map(json.loads, open("out/timing.jsonl")):
        if "seconds" in r:
            r["seconds"] *= 1000
        print(json.dumps(r), file=f)
PY
find part -type f -exec sha256sum {} + | sort >before
for output in out part slow; do
    plan --json --set output=$output >$output.json || fail "plan: $(cat plan.err)"
    plan --set output=$output >$output.plan || fail "plan: $(cat plan.err)"
done
find part -type f -exec sha256sum {} + | sort >after
same before after
grep -q '32 of 32 trials are finished in out; ' out.plan || fail "not said: $(cat out.plan)"
grep -q 'training of softmax: [0-9]* heads, .* this job has trained' part.plan || fail "not said: $(cat part.plan)"
plan --json --set output=out --set seed=9 >another.json || fail "plan: $(cat plan.err)"
grep -q 'nothing counts as finished: out: holds another job: .*seed' plan.err || fail "not said: $(cat plan.err)"
must_run 2 part "${small[@]}"
"$python" - <<'PY'
import json
def lines(path):
    return [json.loads(line) for line in open(path)]
out, part, slow, another = (lines(f"{name}.json")[0] for name in ("out", "part", "slow", "another"))
e = out["estimate"]
assert (e["finished"], e["left"], e["training_s"], e["features_s"]) == (32, 0, 0, 0), e
assert not out["banks"] and not out["features"] and all(t["finished"] for t in out["trials"])
e, records = part["estimate"], lines("part/results.jsonl")
assert e["finished"] + e["left"] == 32 == len(records) and 0 < e["left"] < 32, e
left = {t["bank"] for t in part["trials"] if not t["finished"]}
again = lines("part/timing.jsonl")[len(lines("out/timing.jsonl")):]
assert {b["bank"] for b in part["banks"]} == left == {r["bank"] for r in again if r["phase"] == "train"}
assert all(b["measured_heads"] > 0 for b in part["banks"])
assert 300 < slow["estimate"]["training_s"] / e["training_s"] < 3000, (slow["estimate"], e)
assert another["estimate"]["finished"] == 0 < another["estimate"]["left"] == 32
PY

code=0
"$JUDD" plan nowhere.cfg 2>plan.err || code=$?
[ "$code" = 78 ] || [ "$code" = 74 ] || [ "$code" = 64 ] || fail "no job file: exit code $code"
code=0
"$JUDD" plan job.cfg --fresh 2>plan.err || code=$?
[ "$code" = 64 ] || fail "unknown option: exit code $code"

# What no seed draws anything for is trained once for all of them, and is what the later seed alone gives.
"$python" - <<'PY'
text = open("job.cfg").read()
start = text.index("heads = (")
open("job.cfg", "w").write(text[:start] + """heads = (
    { name = "ridge"; kind = "ridge"; },
    { name = "folds"; kind = "ridge"; held_out = "folds"; folds = 2; },
    { name = "lbfgs"; kind = "softmax"; l2 = [0.01]; optimizer = { kind = "lbfgs"; tolerance = 1e-3; }; },
    { name = "sgd"; kind = "softmax"; l2 = [0.01]; optimizer = { learning_rate = [0.01]; steps = 9; }; }
);
experiments = ( { name = "all"; source = "own"; backbone = "resnet"; baseline = "pixels"; target = "other";
                  head = ["ridge", "folds", "lbfgs", "sgd"]; shots = [0]; } );
""")
PY
must_run 2 both
must_run 2 later --set seed=4 --set verdict.seeds=1
"$python" - <<'PY'
import json
def lines(path):
    return [json.loads(line) for line in open(path)]
trained = sorted(r["bank"] for r in lines("both/timing.jsonl") if r["phase"] == "train")
seeds = {"ridge": 1, "folds": 2, "lbfgs": 1, "sgd": 2}
assert trained == sorted(f"{b}+other+{h}+k0+s{s}" for b in ("resnet", "pixels")
                         for h, n in seeds.items() for s in range(3, 3 + n)), trained
same = [{k: v for k, v in r.items() if k != "job_sha256"} for r in lines("both/results.jsonl") if r["seed"] == 4]
later = lines("later/results.jsonl")
assert len(same) == len(later) == 8
for a, b in zip(same, later):
    assert {k: b[k] for k in a} == a, (a, b)
PY
for file in later/heads/* later/predictions/*; do same "$file" "${file/#later/both}"; done
