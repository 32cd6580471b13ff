#!/usr/bin/env bash
# h5dump and h5py read cache, checkpoint, head and predictions; what the files say is true; and the
# heads agree with scikit-learn's logistic regression on the same features (tools/sklearn-check).
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
command -v h5dump >/dev/null || skip "h5dump (hdf5-tools) is needed"
"$python" -c 'import h5py, sklearn' 2>/dev/null || skip "python3-h5py and python3-sklearn are needed"
make_data 3000 2000
write_job
options=(--set "experiments.0.target=other" --set "experiments.1.target=own")

# A checkpoint is there only while its job runs.
start 2 out "${options[@]}" --set limits.checkpoint_steps=20
checkpointed() {
    compgen -G 'out/checkpoints/*/step-*/MANIFEST' >/dev/null
}
kill_when checkpointed
checkpoint=$(compgen -G 'out/checkpoints/*/step-*/state.h5' | grep -v tmp | head -1)
cp -r "$(dirname "$checkpoint")" checkpoint
must_run 2 out "${options[@]}"

for file in cache/features/*.h5 checkpoint/state.h5 out/heads/*.h5 out/predictions/*.h5; do
    h5dump -H "$file" >dump 2>&1 || fail "h5dump: $file: $(cat dump)"
    grep -q 'ATTRIBUTE "title"' dump || fail "$file does not say what it is"
done

"$python" - <<'PY'
import glob, hashlib, json
import h5py, numpy as np

def described(file):
    for name, data in file.items():
        assert len(data.attrs["description"]) > 5, (file.filename, name)
        assert data.chunks is None, (file.filename, name)

def sha(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)

keys = {}
for path in glob.glob("cache/features/*.h5"):
    with h5py.File(path, "r") as file:
        described(file)
        key = text(file.attrs["key"])
        assert path.endswith(f"/{hashlib.sha256(key.encode()).hexdigest()}.h5"), path
        assert file["features"].dtype == "<f4" and file["check"].dtype == "<u8", path
        assert file["features"].shape[0] == file["check"].shape[0] in (2000, 3000), path
        assert set(file) == {"features", "check"}
        assert "Judd" in text(file.attrs["title"])
        keys[key] = path

with h5py.File("checkpoint/state.h5", "r") as file:
    described(file)
    heads, outputs = int(file.attrs["n_heads"]), int(file.attrs["n_outputs"])
    weight, bias = file["layer0_weight"], file["layer0_bias"]
    assert weight.shape[0] == heads * outputs == bias.shape[0]
    assert file["layer0_weight_first"].shape == weight.shape
    assert file["layer0_bias_first"].shape == bias.shape
    assert file["diverged"].shape == (heads,) and file["diverged"].dtype == "<i8"
    assert 0 < int(file.attrs["step"]) < int(file.attrs["steps"])
    assert np.isfinite(weight[()]).all() and np.abs(weight[()]).max() > 0
manifest = open("checkpoint/MANIFEST").read().split()
size = np.fromfile("checkpoint/state.h5", np.uint8).size  # the check: judd verify, job_test_flips
assert manifest[:2] == ["judd-checkpoint", "3"] and int(manifest[-2]) == size, manifest

records = [json.loads(line) for line in open("out/results.jsonl")]
assert len(records) == 16
for r in records:
    with h5py.File(f"out/heads/{r['trial']}.h5", "r") as head:
        described(head)
        weight, bias = head["weight"][()], head["bias"][()]
        assert weight.dtype == np.dtype("<f4") and weight.shape == (5, head["feature_mean"].size)
        assert sha(weight, bias) == r["head_sha256"], r["trial"]
        assert text(head.attrs["backbone_key"]) in keys
        assert float(head.attrs["learning_rate"]) == r["hyper"]["learning_rate"]
        assert len(head["train_ids"]) == len(head["train_labels"]) == r["n_train"] == 5 * r["shots"]
        assert np.bincount(head["train_labels"]).tolist() == [r["shots"]] * 5
        assert len(head["class_names"]) == 5
        with h5py.File(keys[text(head.attrs["backbone_key"])], "r") as cache:
            x = cache["features"][()][head["train_ids"][()]].astype(np.float64)
        mean, scale = head["feature_mean"][()], head["feature_scale"][()]
        assert np.abs(x.mean(0) - mean).max() <= 1e-6 * max(1, np.abs(mean).max())
        deviation = x.std(0)
        moving = deviation > 0
        assert np.abs(scale[moving] * deviation[moving] - 1).max() <= 1e-6
        assert (scale[~moving] == 1).all()
    with h5py.File(f"out/predictions/{r['trial']}.h5", "r") as file:
        described(file)
        ids, label, predicted = (file[n][()] for n in ("sample_id", "label", "predicted"))
        assert len(ids) == len(np.unique(ids)) == r["n_test"] and (np.diff(ids) > 0).all()
        assert sha(ids, label, predicted) == text(file.attrs["sha256"])
        assert np.mean(label == predicted) == r["metrics"]["accuracy"]
PY

# Heads by backbone, since the check takes one pair of caches.
"$python" - <<'PY' >pairs
import glob, json
import h5py
caches = {}
for path in glob.glob("cache/features/*.h5"):
    with h5py.File(path, "r") as file:
        key = json.loads(file.attrs["key"])
        key.pop("images_sha256")
        caches[json.dumps(key, sort_keys=True), file["features"].shape[0]] = path
groups = {}
for path in sorted(glob.glob("out/heads/*.h5")):
    with h5py.File(path, "r") as file:
        key = json.loads(file.attrs["backbone_key"])
        key.pop("images_sha256")
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(path)
for key, heads in groups.items():
    files = [f for h in heads for f in (h, h.replace("heads/", "predictions/"))]
    print(caches[key, 3000], caches[key, 2000], *files)
PY
[ "$(wc -l <pairs)" = 4 ] || fail "not 4 backbones: $(cat pairs)" # pixels, resnet, 2 random ones
# The tolerance is for the mean over all heads: scikit-learn's own choice of C moves single ones by
# several points.
while read -r -a line; do
    timeout 60 "$JUDD_SOURCE/tools/sklearn-check" "${line[@]}" --train-labels data/train-labels.gz \
        --test-labels data/test-labels.gz --tolerance 100 </dev/null >>checks 2>&1 ||
        fail "sklearn-check: $(cat checks)"
done <pairs
awk '/heads, .* wrong; mean difference/ { n += $1; sum += $1 * $7 }
    END { printf "%d heads, mean difference %+.2f points from scikit-learn\n", n, sum / n
          exit !(n == 16 && sum / n <= 1 && sum / n >= -1) }' checks || fail "$(cat checks)"
