#!/usr/bin/env bash
# Every kind of head in a job file: the same bytes at any number of ranks, and what NumPy and
# scikit-learn make of the same features.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
sed -i '/^heads = (/,$d' job.cfg
cat >>job.cfg <<CFG
heads = (
    { name = "ridge"; kind = "ridge"; },
    { name = "folds"; kind = "ridge"; held_out = "folds"; folds = 3; transform = "whiten"; components = 9; },
    { name = "one"; kind = "ridge"; l2 = 3.0; standardize = false; },
    { name = "lda"; kind = "lda"; shrinkage = [0.1, 0.5]; folds = 2; },
    { name = "wolf"; kind = "lda"; covariance = "ledoit-wolf"; },
    { name = "centroid"; kind = "centroid"; metric = "cosine"; },
    { name = "knn"; kind = "knn"; k = [3, 7]; standardize = false; },
    { name = "mlp"; kind = "mlp"; hidden = [8, 6]; layer_norm = true; dropout = 0.1;
      optimizer = { kind = "adamw"; learning_rate = [0.01]; steps = 10; batch = 32; }; },
    { name = "source"; kind = "source"; class_map = [0, 1, 2, 3, 4]; }
);
experiments = (
CFG
for head in ridge folds one lda wolf centroid knn mlp; do
    echo "{ name = \"$head\"; source = \"own\"; backbone = \"resnet\"; baseline = \"pixels\";
           target = \"other\"; head = \"$head\"; shots = [6]; }," >>job.cfg
done
cat >>job.cfg <<CFG
    { name = "source"; source = "own"; backbone = "resnet"; baseline = "resnet-random";
      target = "own"; head = "source"; } );
verdict = { seeds = 1; };
CFG
sed -i '0,/^verdict/{/^verdict/d}' job.cfg

for ranks in 1 2 3; do
    must_run $ranks "at$ranks" --set "cache=cache$ranks"
    same_results at1 "at$ranks"
    for file in at1/heads/* at1/predictions/*; do same "$file" "${file/#at1/at$ranks}"; done
done
must_run 2 at3 # complete: read and checked again
[ "$(find at1/heads -name '*.h5' | wc -l)" = 14 ] || fail "kNN and source have no head file, all others one"

# What a kind does not know, or cannot do, is refused with the reason.
refuse() {
    local code=0
    judd_at 1 bad "${@:2}" || code=$?
    [ "$code" = 78 ] || fail "${*:2}: exit code $code, not 78: $(cat bad.err)"
    grep -q "$1" bad.err || fail "${*:2}: '$1' is not in $(cat bad.err)"
}
refuse 'hidden is no option of kind = "ridge", but of mlp' --set heads.ridge.hidden=5
refuse 'is no option of kind = "knn", but of softmax, mlp' --set 'heads.knn.optimizer={ steps = 3; }'
refuse 'has 4 layers; give one to 3' --set 'heads.mlp.hidden=[1,2,3,4]'
refuse 'add transform' --set heads.lda.components=5
refuse 'cannot learn the regression task of data set other' --set datasets.other.task=regression
refuse 'a head of kind "source" needs a network' --set experiments.source.baseline=pixels

# Bad data for a head that the job file cannot show.
refuse_data() {
    local code=0
    judd_at 2 bad --fresh --set cache=cache2 "${@:2}" || code=$?
    [ "$code" = 65 ] || [ "$code" = 78 ] || fail "${*:2}: exit code $code: $(cat bad.err)"
    grep -q "$1" bad.err || fail "${*:2}: '$1' is not in $(cat bad.err)"
}
refuse_data 'class_map has 3 values, but the task 5 classes' --set 'heads.source.class_map=[0,1,2]'
refuse_data 'class_map holds 9, but the network has 5 outputs' --set 'heads.source.class_map=[0,1,2,3,9]'
refuse_data 'the network has 5 outputs, but the files 10 classes' --set 'heads.source.class_map=[]'

# What has no answer for its samples fails alone.
fails() {
    must_run 2 bad --fresh --set cache=cache2 "${@:2}"
    grep -q "\"failure\": *\"[^\"]*$1" bad/results.jsonl ||
        fail "${*:2}: '$1' is not in $(grep '"failure"' bad/results.jsonl)"
}
fails 'components = 40, but 30 samples' --set heads.folds.components=40
fails 'covariance is singular at shrinkage = 0: .*; raise shrinkage' --set 'heads.lda.shrinkage=[0]'
fails "Ledoit and Wolf's formula shrinks it: " --set 'experiments.wolf.shots=[2]'

# Of a grid only the values without an answer are lost: another is picked, the same as without them.
picks() {
    must_run 2 bad --fresh --set cache=cache2 --set "$2"
    cp bad/results.jsonl with.jsonl
    grep -q "a value of the grid, or more, gives no model" bad.err || fail "$2: not said: $(cat bad.err)"
    must_run 3 bad --fresh --set cache=cache2 --set "$3"
    "$python" - "$1" <<'PY'
import json, sys
with_lost, without = ([r for r in map(json.loads, open(f)) if r["head"] == sys.argv[1]]
                      for f in ("with.jsonl", "bad/results.jsonl"))
assert with_lost and len(with_lost) == len(without)
for a, b in zip(with_lost, without):
    assert a["status"] == b["status"] == "ok" and a["head_sha256"] == b["head_sha256"], (a, b)
    assert a["selection"]["pick"] == b["selection"]["pick"], (a, b)
    for n in a["selection"]["neighbours"]:
        assert (n["score"] is None) == (n.get("shrinkage", n.get("l2")) == 0), a
PY
}
picks lda 'heads.lda.shrinkage=[0,0.1,0.5]' 'heads.lda.shrinkage=[0.1,0.5]'
picks folds 'heads.folds={ name = "folds"; kind = "ridge"; held_out = "folds"; folds = 3; transform = "whiten"; components = 25; l2 = [0.0, 1e3, 1e5]; }' \
    'heads.folds={ name = "folds"; kind = "ridge"; held_out = "folds"; folds = 3; transform = "whiten"; components = 25; l2 = [1e3, 1e5]; }'

"$python" -c 'import h5py, sklearn' 2>/dev/null || skip "python3-h5py and python3-sklearn are needed for the rest"
"$python" - <<'PY'
import glob, hashlib, json
import h5py, numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

def text(x):
    return x if isinstance(x, str) else x.decode()

caches = {}
for path in glob.glob("cache1/features/*.h5"):
    with h5py.File(path, "r") as file:
        caches[text(file.attrs["key"])] = file["features"][()].astype(np.float64)
records = {r["trial"]: r for r in map(json.loads, open("at1/results.jsonl"))}
pairs = {}  # training cache -> test cache: the keys differ in the images only
for key in caches:
    j = json.loads(key)
    pairs.setdefault(json.dumps({k: v for k, v in j.items() if k != "images_sha256"}), []).append(key)

def rows(key, ids):
    return caches[key][ids]

def partner(key):
    j = json.loads(key)
    both = pairs[json.dumps({k: v for k, v in j.items() if k != "images_sha256"})]
    return [k for k in both if k != key][0]

checked = 0
for trial, r in records.items():
    with h5py.File(f"at1/predictions/{trial}.h5", "r") as file:
        ids, predicted = file["sample_id"][()], file["predicted"][()]
    if r["head_sha256"] is None:
        assert r["head"] in ("knn", "source"), trial
        continue
    with h5py.File(f"at1/heads/{trial}.h5", "r") as head:
        names = [text(n) for n in head["parameters"][()]]
        tensors = [head[n][()] for n in names]
        assert hashlib.sha256(b"".join(t.tobytes() for t in tensors)).hexdigest() == r["head_sha256"]
        mean, scale = (head[n][()].astype(np.float32) for n in ("feature_mean", "feature_scale"))
        key, y = text(head.attrs["backbone_key"]), head["train_labels"][()]
        train, test = (rows(k, i).astype(np.float32) for k, i in
                       ((key, head["train_ids"][()]), (partner(key), ids)))
        projection = head["feature_projection"][()] if "feature_projection" in head else None
        offset = head["feature_offset"][()] if projection is not None else None
    train, test = (((x - mean) * scale).astype(np.float64) for x in (train, test))
    if projection is not None:
        assert projection.shape[0] == 9
        train, test = (x @ projection.T.astype(np.float64) + offset for x in (train, test))
        assert np.abs(np.cov(train.T) - np.eye(9)).max() < 1e-4, trial
    if r["head"] == "mlp":
        assert names[:4] == ["layer0_weight", "layer0_bias", "layer0_gain", "layer0_shift"], names
        continue
    weight, bias = tensors
    score = test @ weight.T.astype(np.float64) + bias
    gap = np.sort(score, 1)
    sure = gap[:, -1] - gap[:, -2] > 1e-5 * np.abs(score).max()
    assert (score.argmax(1) == predicted)[sure].all() and sure.mean() > 0.9, trial
    hyper, n_classes = r["hyper"], len(bias)
    assert r["selection"]["on"] == {"ridge": "leave-one-out", "folds": "folds", "lda": "folds"}.get(r["head"])
    if r["head"] in ("ridge", "folds", "one"):
        target = np.eye(n_classes)[y]
        center, middle = train.mean(0), target.mean(0)
        x = train - center
        # the n x n form: fewer samples than features
        a = np.linalg.solve(x @ x.T + hyper["l2"] * np.eye(len(x)), target - middle)
        expected = (x.T @ a).T
        assert np.abs(expected - weight).max() <= 1e-6 * np.abs(expected).max() + 1e-9, trial
        if r["head"] == "ridge":  # leave-one-out by brute force
            best = []
            for l2 in (0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5):
                right, loss = 0, 0.0
                for i in range(len(train)):
                    keep = np.arange(len(train)) != i
                    c, m = train[keep].mean(0), target[keep].mean(0)
                    z = train[keep] - c
                    b = np.linalg.solve(z @ z.T + l2 * np.eye(len(z)), target[keep] - m)
                    p = (train[i] - c) @ z.T @ b + m
                    right += p.argmax() == y[i]
                    loss += ((p - target[i]) ** 2).sum()
                best.append((-right, loss, l2))
            assert min(best)[2] == hyper["l2"], (trial, best, hyper)
            assert -min(best)[0] / len(train) == r["selection"]["pick"]["score"]
    if r["head"] in ("lda", "wolf"):
        shrinkage = "auto" if r["head"] == "wolf" else hyper["shrinkage"]
        peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(train, y)
        expected = peer.coef_  # up to what is common to all classes
        mine = weight.astype(np.float64)
        difference = (mine - mine.mean(0)) - (expected - expected.mean(0))
        assert np.abs(difference).max() <= 1e-4 * np.abs(expected).max(), trial
    if r["head"] == "centroid":
        unit = train / np.linalg.norm(train, axis=1, keepdims=True)
        means = np.stack([unit[y == c].mean(0) for c in range(n_classes)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        assert np.abs(means - weight).max() < 1e-5, trial
    checked += 1

for arm in ("transfer", "baseline"):  # kNN: the samples are those of the other heads
    trial = f"knn+other+k6+s3+{arm}"
    with h5py.File(f"at1/heads/one+other+k6+s3+{arm}.h5", "r") as head:
        key, y = text(head.attrs["backbone_key"]), head["train_labels"][()]
        train = rows(key, head["train_ids"][()])
    with h5py.File(f"at1/predictions/{trial}.h5", "r") as file:
        test, predicted = rows(partner(key), file["sample_id"][()]), file["predicted"][()]
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit(test) @ unit(train).T
    def vote(similarity, k):
        votes = np.zeros((len(similarity), 5))
        for i, s in enumerate(similarity):
            for j in np.argsort(-s, kind="stable")[:k]:
                votes[i, y[j]] += np.exp(s[j] / 0.07)
        return votes.argmax(1)
    k = records[trial]["hyper"]["k"]
    assert (vote(similarity, k) == predicted).all(), trial
    alone = unit(train) @ unit(train).T
    np.fill_diagonal(alone, -np.inf)
    right = {k: (vote(alone, k) == y).mean() for k in (3, 7)}
    assert right[k] == max(right.values()) == records[trial]["selection"]["pick"]["score"], right
    checked += 1
assert checked == 14, checked
r = records["source+own+k0+s3+transfer"]
assert r["n_train"] == 0 and r["metrics"]["accuracy"] > 0.8, r
PY
