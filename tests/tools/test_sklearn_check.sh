#!/usr/bin/env bash
# tools/sklearn-check accepts a right head and names what is wrong with others. Synthetic files.
. "$JUDD_SOURCE/tests/scratch.sh"
need h5py sklearn

# Task: classes 3 and 7 of ten (task labels 1 and 0); head: scikit-learn's own, so that all agrees.
"$python" - <<'PY'
import gzip
import h5py, numpy as np
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(1)
D, centres = 12, np.random.default_rng(2).normal(size=(10, 12)) * 0.7

def split(name, n):
    y = random.integers(0, 10, n)
    x = (centres[y] + random.normal(size=(n, D))).astype(np.float32)
    with gzip.open(f"{name}-labels.gz", "wb") as file:
        file.write(b"\0\0\x08\x01" + np.array([n], ">u4").tobytes() + y.astype(np.uint8).tobytes())
    with h5py.File(f"{name}.h5", "w") as file:
        file["features"] = x
    return x, y

def write(path, root, l2=None):
    with h5py.File(path, "w") as file:
        for name, value in root.items():
            file[name] = value
        if l2 is not None:
            file.attrs["l2"] = l2

x, y = split("train", 600)
test_x, test_y = split("test", 800)
task = {7: 0, 3: 1}
ids = np.sort(np.concatenate([np.flatnonzero(y == c)[:20] for c in task])).astype(np.int64)
labels = np.array([task[c] for c in y[ids]], np.int32)
mean, scale = x[ids].mean(0), 1 / x[ids].std(0)
l2 = 0.05
model = LogisticRegression(C=1 / (len(ids) * l2)).fit((x[ids] - mean) * scale, labels)
weight = np.concatenate([-model.coef_, model.coef_]).astype(np.float32) / 2
bias = np.concatenate([-model.intercept_, model.intercept_]).astype(np.float32) / 2
head = dict(train_ids=ids, train_labels=labels, feature_mean=mean, feature_scale=scale,
            weight=weight, bias=bias)
sample = np.flatnonzero(np.isin(test_y, list(task))).astype(np.int64)
truth = np.array([task[c] for c in test_y[sample]], np.int32)
logits = ((test_x[sample] - mean) * scale) @ weight.T + bias
predicted = logits.argmax(1).astype(np.int32)
gap = np.abs(logits[:, 0] - logits[:, 1])
good = dict(sample_id=sample, label=truth, predicted=predicted)
write("head.h5", head, l2)
write("good.h5", good)

flipped = predicted.copy()
flipped[gap.argmax()] ^= 1
write("flipped.h5", dict(good, predicted=flipped))
write("short.h5", {name: value[1:] for name, value in good.items()})
relabelled = truth.copy()
relabelled[0] ^= 1
write("relabelled.h5", dict(good, label=relabelled))
swapped = labels.copy()
swapped[0] ^= 1
write("swapped-head.h5", dict(head, train_labels=swapped), l2)
write("no-l2-head.h5", head)
# Consistent with itself but useless: only the comparison of accuracies can tell.
write("poor-head.h5", dict(head, weight=-weight, bias=-bias), l2)
write("poor.h5", dict(good, predicted=(1 - predicted).astype(np.int32)))
write("narrow-head.h5", dict(head, weight=weight[:, 1:]), l2)
PY

# One process for all: loading scikit-learn takes longer than any case.
"$python" - "$JUDD_SOURCE/tools/sklearn-check" <<'PY'
import contextlib, importlib.machinery, importlib.util, io, os, sys

sys.path.insert(0, os.path.dirname(sys.argv[1])) # what it imports lies beside it
loader = importlib.machinery.SourceFileLoader("sklearn_check", sys.argv[1])
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("sklearn_check", loader))
loader.exec_module(tool)

def check(want, text, *pairs):
    sys.argv[1:] = ["train.h5", "test.h5", *pairs, "--train-labels", "train-labels.gz",
                    "--test-labels", "test-labels.gz", "--tolerance", "3"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            code = tool.main()
        except SystemExit as end:
            code = end.code
    if isinstance(code, str):  # sys.exit with a message
        out.write(code)
        code = 1
    assert code == want and text in out.getvalue(), (pairs, code, want, text, out.getvalue())

check(0, "head recomputed: 0 of", "head.h5", "good.h5")
check(0, "2 heads, 0 wrong", "head.h5", "good.h5", "head.h5", "good.h5")
check(1, "1 predictions differ from the head", "head.h5", "flipped.h5")
check(1, "once each", "head.h5", "short.h5")
check(1, "1 test labels differ", "head.h5", "relabelled.h5")
check(1, "do not match one to one", "swapped-head.h5", "good.h5")
check(1, "1 heads, 0 wrong", "poor-head.h5", "poor.h5")
check(2, "no attribute l2", "no-l2-head.h5", "good.h5")
check(2, "no dataset train_ids", "good.h5", "good.h5")
check(2, "weight is (2, 11), expected (2, 12)", "narrow-head.h5", "good.h5")
check(2, "absent.h5", "absent.h5", "good.h5")
PY
"$JUDD_SOURCE/tools/sklearn-check" --help >/dev/null
echo "all as expected"
