#!/usr/bin/env bash
# Modes warm, joint and sequence in a job: the same bytes at any number of ranks and after a kill; weight
# 0 is the baseline, no step is the start; BWT, FWT and forgetting against NumPy; label maps; what is
# refused.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1500 300

files='train = { images = "data/train-images.gz"; labels = "data/train-labels.gz"; };
       test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; };'
names='class_names = ["shirt", "b", "c", "d", "e", "f", "g", "h", "i", "j"];'
cat >job.cfg <<CFG
schema = 1; name = "modes"; seed = 3; lanes = 16;
limits = { checkpoint_s = 0.0; };
verdict = { seeds = 2; };
backbones = ( { name = "pixels"; kind = "pixels"; } );
datasets = (
    { name = "own"; format = "idx"; classes = [0, 2, 3]; $names $files },
    { name = "same"; format = "idx"; classes = [3, 0, 2]; $names $files },
    { name = "other"; format = "idx"; classes = [5, 7, 9]; $names $files },
    { name = "wide"; format = "idx"; classes = [0, 2, 3, 4]; $names $files }
);
heads = (
    { name = "linear"; kind = "softmax"; l2 = [0.01, 0.1]; folds = 2;
      optimizer = { kind = "sgd"; learning_rate = [0.01, 0.03]; batch = 64; steps = 30;
                    curve_steps = 10; schedule = "cosine"; }; },
    { name = "still"; kind = "softmax"; l2 = 0.01;
      optimizer = { kind = "sgd"; learning_rate = 0.01; steps = 0; }; },
    { name = "net"; kind = "mlp"; hidden = 16; l2 = 0.001; dropout = 0.1;
      optimizer = { kind = "adamw"; learning_rate = 0.003; batch = 64; steps = 30;
                    curve_steps = 15; }; }
);
experiments = (
    { name = "joint"; mode = "joint"; source = "own"; source_shots = 40; backbone = "pixels";
      target = "same"; head = ["linear", "net"]; shots = [5, 10]; weight = 0.5;
      weight_schedule = "linear"; label_noise = 0.2; },
    { name = "nothing"; mode = "joint"; source = "own"; backbone = "pixels"; target = "same";
      head = "linear"; shots = 5; weight = 0.0; },
    { name = "mapped"; mode = "joint"; source = "wide"; backbone = "pixels"; target = "other";
      head = "linear"; shots = 5; label_map = ["shirt=f", "c=h", "d=j", "e="]; },
    { name = "warm"; mode = "warm"; source = "own"; source_shots = 60; backbone = "pixels";
      target = "same"; head = ["linear", "net"]; shots = 5; l2_sp = 0.1; },
    { name = "trunk"; mode = "warm"; source = "own"; backbone = "pixels"; target = "other";
      head = "net"; shots = 5; labels = "none"; },
    { name = "still"; mode = "warm"; source = "own"; source_head = "linear"; backbone = "pixels";
      target = "same"; head = "still"; shots = 5; },
    { name = "line"; mode = "sequence"; labels = "union"; target = ["own", "other", "wide"];
      backbone = "pixels"; head = ["linear", "net"]; shots = 20; rehearsal = 0.3; l2_sp = 0.01; },
    { name = "places"; mode = "sequence"; labels = "position"; target = ["own", "other"];
      backbone = "pixels"; head = "linear"; shots = 20; }
);
CFG

must_run 1 one
must_run 3 three
same_results one three
must_run 0 three # complete: nothing to do
cp -r one again
# A few records less, and a damaged prediction of another task: they come back, from what is there.
sed -i '2,9d' again/results.jsonl
rm again/COMPLETED
damaged=$(ls again/predictions/line+pixels* 2>/dev/null || ls again/predictions/ | grep 'line.*own+.*transfer+wide' | head -1)
printf 'x' | dd of="again/predictions/${damaged##*/}" bs=1 seek=5000 conv=notrunc status=none
must_run 2 again
same_results one again
same "one/predictions/${damaged##*/}" "again/predictions/${damaged##*/}"

"$python" - one "$fashion" <<'PY' || fail "what the records say is not so"
import gzip, json, sys
import numpy as np
out = sys.argv[1]
records = {}
for line in open(out + "/results.jsonl"):
    r = json.loads(line)
    records[r["trial"]] = r
verdicts = [json.loads(line) for line in open(out + "/verdicts.jsonl")]

# Weight 0 is the baseline, bit for bit; no step is the head it starts from.
for seed in (3, 4):
    a, b = (records[f"nothing+same+k5+s{seed}+{arm}"] for arm in ("transfer", "baseline"))
    assert a["head_sha256"] == b["head_sha256"] and a["metrics"] == b["metrics"], "weight 0"
    assert a.get("n_source") is None
    joint = records[f"joint+same+linear+k5+s{seed}+transfer"]
    assert joint["head_sha256"] != b["head_sha256"] and joint["n_source"] == 120, joint
    assert records[f"mapped+other+k5+s{seed}+transfer"]["n_source"] > 300  # class e is left out

def weights(trial):
    import h5py
    with h5py.File(f"{out}/heads/{trial}.h5") as f:
        return f["weight"][:], f["feature_mean"][:]
for seed in (3, 4):
    w, mean = weights(f"still+same+k5+s{seed}+transfer")
    v, source_mean = weights(f"still+own+k0+s{seed}+source")
    # own has classes 0, 2, 3; same has 3, 0, 2
    assert np.array_equal(w, v[[2, 0, 1]]) and np.array_equal(mean, source_mean), "no step"

# Curves end where the test figures are; their area and steps, redone.
def curve(r):
    return np.array(r["curve"]["steps"], float), np.array(r["curve"]["accuracy"])
for r in records.values():
    if "curve" in r:
        assert r["curve"]["accuracy"][-1] == r["metrics"]["accuracy"], r["trial"]
warm = [v for v in verdicts if v["experiment"] == "warm" and v["kind"] == "gain"]
assert len(warm) == 2
for v in warm:
    areas, reached = [], []
    for seed in (3, 4):
        t, b = (curve(records[f"{v['comparison']}+s{seed}+{arm}"]) for arm in ("transfer", "baseline"))
        areas.append(sum(np.trapz(y, x) * s / (x[-1] - x[0]) for (x, y), s in ((t, 1), (b, -1))))
        there = np.nonzero(t[1] >= b[1][-1])[0]
        reached.append(t[0][there[0]] if len(there) else np.inf)
    assert abs(np.mean(areas) - v["curve_area"]["mean"]) < 1e-12
    assert v["steps_to_baseline"]["reached"] == np.isfinite(reached).sum()
    if np.isfinite(np.median(reached)):
        assert v["steps_to_baseline"]["median"] == np.median(reached)

# The matrix of a sequence and what it sums up to.
tasks = ["own", "other", "wide"]
sequences = [v for v in verdicts if v["kind"] == "sequence"]
assert len(sequences) == 3, len(sequences)
for v in sequences:
    if v["experiment"] != "line":
        continue
    R, b = [], []
    for seed in (3, 4):
        stages = [records[f"line+{t}+{v['head']}+k20+s{seed}+transfer"] for t in tasks]
        R.append([[s["metrics"]["accuracy"] if s["target"] == t else s["tasks"][t]["accuracy"]
                   for t in tasks] for s in stages])
        b.append([stages[0]["initial"][t] for t in tasks])
    R, b = np.array(R), np.array(b)
    T = len(tasks)
    assert np.allclose(v["accuracy"], R.mean(0)) and np.allclose(v["initial"], b.mean(0))
    acc = R[:, -1].mean(1)
    bwt = np.array([r[-1, :-1] - np.diag(r)[:-1] for r in R]).mean(1)
    fwt = np.array([[r[j - 1, j] - i[j] for j in range(1, T)] for r, i in zip(R, b)]).mean(1)
    forgetting = np.array([(r[:-1].max(0) - r[-1])[:-1] for r in R]).mean(1)
    for name, x in (("acc", acc), ("bwt", bwt), ("fwt", fwt), ("forgetting", forgetting)):
        assert abs(v[name]["mean"] - x.mean()) < 1e-12, (name, v[name], x)
    # rehearsal: 0.3 of 20 shots a class of every earlier task
    assert [s.get("n_source") for s in stages] == [None, 18, 36], [s.get("n_source") for s in stages]

# Retention compares the last head with the one that had just learned the task.
for v in verdicts:
    if v["kind"] != "retention" or v["experiment"] != "line":
        continue
    gains = [records[f"line+wide+{v['head']}+k20+s{s}+transfer"]["tasks"][v["target"]]["accuracy"] -
             records[f"line+{v['target']}+{v['head']}+k20+s{s}+transfer"]["metrics"]["accuracy"]
             for s in (3, 4)]
    assert abs(v["gain"] - np.mean(gains)) < 1e-12, v
kinds = {(v["experiment"], v["kind"]) for v in verdicts}
assert ("warm", "retention") in kinds and ("trunk", "retention") not in kinds, kinds

# The zero head of a linear sequence says the first class to everything.
labels = gzip.open("data/test-labels.gz").read()[8:]
wanted = sum(c == 0 for c in labels) / sum(c in (0, 2, 3) for c in labels)
start = records["line+own+linear+k20+s3+transfer"]["initial"]
assert abs(start["own"] - wanted) < 1e-12 and start["other"] == 0.0, start
PY
grep -q 'retention' one.out || fail "the table does not tell gain from retention: $(cat one.out)"
grep -q 'forgetting' one.out || fail "no matrix of the sequence: $(cat one.out)"
"$JUDD" verify one >/dev/null || fail "judd verify finds fault with a sound output folder"

# Test images that a source has in training are named.
"$python" - <<'PY2'
import gzip
train = gzip.open("data/train-images.gz").read()
test = bytearray(gzip.open("data/test-images.gz").read())
labels = gzip.open("data/test-labels.gz").read()[8:]
known = gzip.open("data/train-labels.gz").read()[8:]
# the first test image of class 5 becomes the first training image of class 0
i, k = labels.index(5), known.index(0)
test[16 + 784 * i:16 + 784 * (i + 1)] = train[16 + 784 * k:16 + 784 * (k + 1)]
with gzip.GzipFile("data/test-images.gz", "wb", 1, mtime=0) as file:
    file.write(bytes(test))
PY2
must_run 2 seen
grep -q '"source":"own","target":"other","n_also_in_train":1' seen/data.jsonl ||
    fail "a test image that the source has was not seen: $(cat seen/data.jsonl)"
grep -q 'other: 1 of .* stand in train of the source own' seen/judd.log || fail "no warning of it"

must_fail() { # CODE PATTERN [ARGUMENT ...]
    local code=0 wanted=$1 pattern=$2
    shift 2
    judd_at 2 refused --fresh "$@" || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $(cat refused.err)"
    grep -q "$pattern" refused.err || fail "not said why ($pattern): $(cat refused.err)"
}
must_fail 78 '"nobody" is none of the datasets' --set experiments.joint.source=nobody
must_fail 78 'is a target too' --set experiments.joint.source=same
must_fail 78 'write "class of the source=class of the target"' \
    --set 'experiments.mapped.label_map=["shirt"]'
must_fail 78 'has one task; a sequence needs two' --set experiments.line.target=own
must_fail 78 'needs a head that learns step by step' --set heads.linear.optimizer.kind=lbfgs
must_fail 65 'class "e" of the source wide is no class of other' \
    --set 'experiments.mapped.label_map=["shirt=f", "c=h", "d=j"]'
must_fail 65 'label_map says "shirt=boot", but other has no such class' \
    --set 'experiments.mapped.label_map=["shirt=boot"]'
must_fail 65 'label_map has "socks=f", but the source wide has no such class' \
    --set 'experiments.mapped.label_map=["socks=f"]'
must_fail 65 'wide has 4 classes, own has 3' --set 'experiments.places.target=["own", "wide"]'
must_fail 78 'would inherit nothing' --set experiments.trunk.head=still
! grep -q "features:" refused/judd.log || fail "classes were matched after features were computed"
code=0
"$JUDD" plan job.cfg --set experiments.trunk.head=still >plan.out 2>plan.err || code=$?
[ $code = 78 ] && grep -q 'would inherit nothing' plan.err || fail "judd plan: $code, $(cat plan.err)"
