"""Run small jobs on ready features and check what they leave: see test_metrics.sh."""
import glob
import json
import os
import shutil
import subprocess
import sys
import warnings

import h5py
import numpy as np
import sklearn.metrics as sk
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

judd, mpirun = sys.argv[1:3]
warnings.simplefilter("ignore")  # figures that are not defined are part of the test
CLASSES, WIDTH = 4, 8


def save(name, rng, n, classes, lift=1.0):
    y = rng.integers(0, classes, n)
    x = rng.normal(size=(n, WIDTH)) + lift * np.eye(WIDTH)[y]
    np.save(f"{name}-x.npy", x.astype(np.float32))
    np.save(f"{name}-y.npy", y.astype(np.int32))


def job(name, head, dataset, shots=0, seeds=1, kind="softmax"):
    with open(f"{name}.cfg", "w") as file:
        file.write(f"""
schema = 1; name = "{name}"; seed = 5; lanes = 8; verdict = {{ seeds = {seeds}; }};
backbones = ( {{ name = "all"; kind = "none"; }}, {{ name = "half"; kind = "none"; columns = [0, 4]; }} );
datasets = ( {{ name = "data"; format = "npy"; {dataset} }} );
heads = ( {{ name = "head"; kind = "{kind}"; {head} }} );
experiments = ( {{ name = "e"; source = "nothing"; backbone = "all"; baseline = "half"; target = "data";
                   head = "head"; shots = {shots}; }} );
""")


def run(name, ranks=1, output=None, code=0):
    output = output or name
    command = [mpirun, str(ranks), judd, "run", f"{name}.cfg", "--set", f"output={output}", "--set", "cache=cache"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == code, (name, ranks, done.returncode, done.stderr)
    return done.stdout + done.stderr


def records(output):
    return [json.loads(line) for line in open(f"{output}/results.jsonl")]


def arrays(path):
    with h5py.File(path, "r") as file:
        return {k: file[k][()] for k in file}, {k: file.attrs[k] for k in file.attrs}


def near(got, expected, what, tolerance=1e-9):
    if expected is None or (isinstance(expected, float) and np.isnan(expected)):
        assert got is None, (what, got)
    else:
        assert got is not None and abs(got - expected) <= tolerance, (what, got, expected)


def softmax(z, t=1.0):
    z = z.astype(np.float64) / t
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def ece(p, y):
    confidence, right = p.max(1), p.argmax(1) == y
    b = np.maximum(np.ceil(confidence * 15).astype(int) - 1, 0)
    return np.abs(np.bincount(b, right - confidence, 15)).sum() / len(y)


def check_classes(output, r):
    """Every metric of a record from its predictions."""
    data, attributes = arrays(f"{output}/predictions/{r['trial']}.h5")
    y, said, z, m = data["label"], data["predicted"], data["score"], r["metrics"]
    c = z.shape[1]
    labels = list(range(c))
    assert z.dtype == np.float32 and len(y) == len(np.unique(data["sample_id"])) == r["n_test"]
    assert (said == z.argmax(1)).all() and attributes["task"] in (b"classification", "classification")
    assert (data["confusion"] == sk.confusion_matrix(y, said, labels=labels)).all()
    near(m["accuracy"], sk.accuracy_score(y, said), "accuracy")
    near(m["macro_f1"], sk.f1_score(y, said, labels=labels, average="macro", zero_division=0), "macro_f1")
    absent = len(set(y)) < c
    near(m["mean_per_class"], None if absent else sk.balanced_accuracy_score(y, said), "mean_per_class")
    near(m["nll"], sk.log_loss(y, softmax(z), labels=labels), "nll")
    near(m["ece"], ece(softmax(z), y), "ece", 1e-8)
    if m["temperature"] is not None:
        warm = softmax(z, m["temperature"])
        near(m["nll_calibrated"], sk.log_loss(y, warm, labels=labels), "nll_calibrated")
        near(m["ece_calibrated"], ece(warm, y), "ece_calibrated", 1e-8)
    for name, (low, high) in m["ci95"].items():
        assert low <= m[name] <= high, (name, low, m[name], high)
    for name, value in m.items():
        assert value is not None or m["notes"][name], name
    assert not absent or "no sample" in m["notes"]["mean_per_class"]
    return m


def standardised(head, x):
    return ((x.astype(np.float64) - head["feature_mean"]) * head["feature_scale"])


def check_validation():
    """Picked on a share of the training samples, not refitted: temperature and scores can be redone."""
    job("apart", """optimizer = { kind = "lbfgs"; tolerance = 1e-7; }; l2 = [1.0, 0.1, 1e-2];
        validation_fraction = 0.25; refit = false;""", FILES, seeds=2)
    said = run("apart", 2)
    for r in records("apart"):
        m, s = check_classes("apart", r), r["selection"]
        head, attributes = arrays(f"apart/heads/{r['trial']}.h5")
        ids, held = head["train_ids"], head["validation_ids"]
        assert r["n_train"] == len(ids) and r["n_validation"] == len(held) == s["n_held_out"]
        assert not set(ids) & set(held) and len(ids) + len(held) == 240 and 55 <= len(held) <= 65
        assert (s["grid"], s["on"], s["metric"]) == (3, "validation", "accuracy") and not r["refit"]
        x = np.load("train-x.npy")[held][:, :head["feature_mean"].size]
        y = np.load("train-y.npy")[held]
        z = standardised(head, x) @ head["weight"].T.astype(np.float64) + head["bias"]
        near(s["pick"]["score"], np.mean(z.argmax(1) == y), "score")
        near(s["pick"]["loss"], sk.log_loss(y, softmax(z), labels=range(CLASSES)), "loss", 1e-5)
        best = minimize_scalar(lambda t: sk.log_loss(y, softmax(z, np.exp(t)), labels=range(CLASSES)),
                               bounds=(-5, 5), method="bounded", options={"xatol": 1e-9})
        near(m["temperature"], np.exp(best.x), "temperature", 1e-3)
        # the pick is no worse than its neighbours, which are those next to it on the l2 axis
        order = [0.01, 0.1, 1.0]
        at = order.index(s["pick"]["l2"])
        assert [n["l2"] for n in s["neighbours"]] == [order[i] for i in (at - 1, at + 1) if 0 <= i < 3]
        for n in s["neighbours"]:
            assert (n["score"], -n["loss"]) <= (s["pick"]["score"], -s["pick"]["loss"])
        assert s["grid_edge"] == {0: ["l2 lowest"], 1: [], 2: ["l2 highest"]}[at]
    edges = sum(bool(r["selection"]["grid_edge"]) for r in records("apart"))
    assert (edges == 0) == ("edge of the grid" not in said), said


def check_refit():
    """Refitted on training and validation samples together: scikit-learn's optimum on the union."""
    for name, dataset, extra in (("again", FILES, "validation_fraction = 0.25;"),
                                 ("files", FILES + VALIDATION, "")):
        job(name, f'optimizer = {{ kind = "lbfgs"; tolerance = 1e-9; }}; l2 = [0.1, 1e-2]; {extra}', dataset)
        run(name, 1)
        for r in records(name):
            check_classes(name, r)
            head, _ = arrays(f"{name}/heads/{r['trial']}.h5")
            assert r["refit"] and r["selection"]["on"] == "validation"
            width = head["feature_mean"].size
            other = "validation" if name == "files" else "train"
            x = np.vstack([np.load(f"{s}-x.npy")[head[ids]][:, :width]
                           for s, ids in (("train", "train_ids"), (other, "validation_ids"))])
            y = np.concatenate([head["train_labels"], head["validation_labels"]])
            assert r["n_train"] + r["n_validation"] == len(y)
            assert np.abs(x.mean(0) - head["feature_mean"]).max() < 1e-6
            C = 1 / (len(y) * r["selection"]["pick"]["l2"])
            fit = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(standardised(head, x), y)
            mine = head["weight"] - head["weight"].mean(0)
            assert np.abs(mine - fit.coef_).max() < 1e-4, np.abs(mine - fit.coef_).max()


def check_ranks():
    job("ranks", """optimizer = { steps = 40; batch = 32; learning_rate = [0.1, 1.0]; }; l2 = [0.0, 1e-2];
        validation_fraction = 0.3;""", FILES, shots=12, seeds=2)
    for n in (1, 2, 3):
        run("ranks", n, f"ranks{n}")
        for file in ("results.jsonl", "verdicts.jsonl", *(os.path.relpath(p, f"ranks{n}")
                                                         for p in glob.glob(f"ranks{n}/predictions/*"))):
            one, other = (open(f"ranks{k}/{file}", "rb").read() for k in (1, n))
            assert one == other, (n, file)
    for r in records("ranks1"):
        check_classes("ranks1", r)
        assert len(r["selection"]["neighbours"]) == 2 and "l2 lowest" not in r["selection"]["grid_edge"]
    verdict = json.loads(open("ranks1/verdicts.jsonl").readline())
    assert verdict["metric"] == "accuracy" and verdict["n_seeds"] == 2


def check_folds():
    job("folds", """optimizer = { kind = "lbfgs"; }; l2 = [1e-2, 1.0]; folds = 4;""", FILES, shots=8)
    run("folds", 2)
    for r in records("folds"):
        m = check_classes("folds", r)
        assert r["selection"]["on"] == "folds" and r["selection"]["n_held_out"] == 8 * CLASSES
        assert r["n_validation"] == 0 and not r["refit"] and m["temperature"] > 0
    job("nothing", """optimizer = { kind = "lbfgs"; }; l2 = 1e-2;""", FILES, shots=8)
    run("nothing", 1)
    for r in records("nothing"):
        m = check_classes("nothing", r)
        assert r["selection"]["on"] is None and m["temperature"] is None
        assert m["notes"]["temperature"] == "no sample is held out"


def check_labels(r, data):
    m, y, z, said = r["metrics"], data["label"], data["score"], data["predicted"]
    near(m["map"], sk.average_precision_score(y, z, average="macro"), "map")
    near(m["auroc"], sk.roc_auc_score(y, z), "auroc")
    for average in ("macro", "micro"):
        near(m[f"{average}_f1"], sk.f1_score(y, said, average=average), f"{average}_f1")
    assert ((z > 0) == said).all()


def check_targets(r, data):
    m, y, z = r["metrics"], data["target"].astype(float), data["predicted"].astype(float)
    near(m["r2"], sk.r2_score(y, z), "r2")
    near(m["mae"], sk.mean_absolute_error(y, z), "mae")
    near(m["rmse"], np.mean(np.sqrt(sk.mean_squared_error(y, z, multioutput="raw_values"))), "rmse")


def check_tasks():
    """Multilabel and regression: metrics, the pick, shares and the verdict in their own metric."""
    rng = np.random.default_rng(7)
    slopes = rng.normal(size=(WIDTH, 3))
    for split, n in (("train", 120), ("test", 90)):
        x = rng.normal(size=(n, WIDTH))
        y = x @ slopes + rng.normal(size=(n, 3))
        np.save(f"many-{split}-x.npy", x.astype(np.float32))
        np.save(f"many-{split}-multilabel.npy", (y > 0.5).astype(np.uint8))
        np.save(f"many-{split}-regression.npy", y.astype(np.float32))
    grid = 'optimizer = { kind = "lbfgs"; }; l2 = [1e-3, 1.0];'
    for task, metric, head, check, held_out in (
            ("multilabel", "map", grid + "validation_fraction = 0.25;", check_labels, "validation"),
            ("regression", "r2", grid + "folds = 3;", check_targets, "folds")):
        job(task, head, f'task = "{task}"; ' + FILES.replace("-y", f"-{task}").replace("train-", "many-train-")
            .replace("test-", "many-test-"), seeds=2, kind=task)
        for n in (1, 3):
            run(task, n, f"{task}{n}")
        for file in ("results.jsonl", "verdicts.jsonl"):
            assert open(f"{task}1/{file}", "rb").read() == open(f"{task}3/{file}", "rb").read(), file
        means = {"transfer": [], "baseline": []}
        for r in records(f"{task}1"):
            data, _ = arrays(f"{task}1/predictions/{r['trial']}.h5")
            check(r, data)
            near(data["share"].mean(), r["metrics"][metric], "mean of shares")
            s = r["selection"]
            assert s["on"] == held_out and s["metric"] == metric and r["status"] == "ok"
            assert s["pick"]["score"] >= s["neighbours"][0]["score"]
            means[r["arm"]].append(r["metrics"][metric])
        verdict = json.loads(open(f"{task}1/verdicts.jsonl").readline())
        assert verdict["metric"] == metric and verdict["verdict"] == "positive"
        near(verdict["gain"], np.mean(means["transfer"]) - np.mean(means["baseline"]), "gain")


def check_bad_input():
    """A class without test samples is no error, one class alone neither; NaN in a test feature is."""
    rng = np.random.default_rng(3)
    save("lack", rng, 60, CLASSES - 1)
    save("one", rng, 20, 1)
    head = 'optimizer = { kind = "lbfgs"; }; l2 = 1e-2;'
    for name in ("lack", "one"):
        job(name, head, FILES.replace("test-", f"{name}-"))
        run(name, 2)
        for r in records(name):
            m = check_classes(name, r)
            assert m["mean_per_class"] is None and r["status"] == "ok"
    x = np.load("test-x.npy")
    x[7, 2] = np.nan
    np.save("nan-x.npy", x)
    shutil.copy("test-y.npy", "nan-y.npy")
    job("nan", head, FILES.replace("test-", "nan-"))
    assert "7" in run("nan", 2, code=65)


FILES = """train = { images = "train-x.npy"; labels = "train-y.npy"; };
           test = { images = "test-x.npy"; labels = "test-y.npy"; };"""
VALIDATION = """ validation = { images = "validation-x.npy"; labels = "validation-y.npy"; };"""
generator = np.random.default_rng(1)
for split, count in (("train", 240), ("validation", 80), ("test", 150)):
    save(split, generator, count, CLASSES)
check_validation()
check_refit()
check_ranks()
check_folds()
check_tasks()
check_bad_input()
