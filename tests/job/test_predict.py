"""test_predict.py whole|head|pictures|flat ...: the checks and the data of test_predict.sh."""
import glob, gzip, json, os, subprocess, sys
import h5py
import numpy as np


def images(path):
    return np.frombuffer(gzip.open(path).read()[16:], dtype=np.uint8).reshape(-1, 28, 28)


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def checked(path):
    import onnx
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    return model, {p.key: p.value for p in model.metadata_props}


def runtime(path, x):
    """ONNX Runtime's score, where JUDD_ORT names a folder with npm's onnxruntime-node."""
    here = os.path.dirname(os.path.abspath(__file__))
    x.tofile("x.f32")
    subprocess.run(["node", f"{here}/../engine/ort_run.js", os.environ["JUDD_ORT"], path, "x.f32", "y.f32",
                    *map(str, x.shape)], check=True)
    return np.fromfile("y.f32", dtype=np.float32).reshape(len(x), -1)


def own(path, x, forward):
    """The score by the plain C loops of the engine: what the file holds, not how the job computed."""
    x.tofile("x.f32")
    subprocess.run([forward, path, str(len(x)), "run", "reference", "x.f32", "y.f32", "score"], check=True)
    return np.fromfile("y.f32", dtype=np.float32).reshape(len(x), -1)


def whole(folder, trial, forward):
    job = h5py.File(f"{folder}/predictions/{trial}+transfer.h5")
    ids, score = job["sample_id"][:], job["score"][:]
    names = [n.decode() for n in job["output_names"][:]]
    with h5py.File("at1.h5") as f:
        assert np.array_equal(f["score"][:][ids], score), "HDF5: other scores than the job's"
        assert np.allclose(f["probability"][:][ids], softmax(score), rtol=0, atol=1e-12)
        assert np.array_equal(f["predicted"][:][ids], job["predicted"][:])
    rows = [line.rstrip("\n").split("\t") for line in open("at1.tsv")]
    assert rows[0] == ["sample", "predicted"] + [f"p({n})" for n in names], rows[0]
    assert [r[0] for r in rows[1:]] == [str(i) for i in range(len(rows) - 1)]
    p = np.array([r[2:] for r in rows[1:]], dtype=float)
    assert np.allclose(p[ids], softmax(score), rtol=1e-6)
    assert all(r[1] == names[k] for r, k in zip(rows[1:], p.argmax(1)))
    lines = [json.loads(line) for line in open("at1.jsonl")]
    assert np.allclose([[r["probability"][n] for n in names] for r in lines], p, rtol=1e-6)
    assert [r["predicted"] for r in lines] == [r[1] for r in rows[1:]]
    top = [line.rstrip("\n").split("\t") for line in open("top.tsv")][1:]
    for row, q in zip(top, p):
        best = np.argsort(-q, kind="stable")[:2]
        assert [row[2], row[4]] == [names[k] for k in best]
        assert np.allclose([float(row[3]), float(row[5])], q[best], rtol=1e-6)
    record = next(r for r in map(json.loads, open(f"{folder}/results.jsonl")) if r["trial"] == f"{trial}+transfer")
    table = {line.split()[0]: line.split() for line in open("eval.out").read().split("\n")[2:] if line}
    for name in ("accuracy", "nll", "macro_f1", "ece"):
        value = record["metrics"][name]
        assert abs(float(table[name][1]) - value) < 6e-5, (name, table[name])
        assert abs(float(table[name][-1])) < 6e-5 and abs(float(table[name][-2]) - value) < 6e-5, table[name]

    x = images("data/test-images.gz")[ids].astype(np.float32)[:, None]
    for arm in ("transfer", "baseline"):
        model, about = checked(f"{arm}.onnx")
        assert json.loads(about["class_names"]) == names and about["trial"] == f"{trial}+{arm}"
        expected = h5py.File(f"{folder}/predictions/{trial}+{arm}.h5")["score"][:]
        runs = [own(f"{arm}.onnx", x, forward)]
        if os.environ.get("JUDD_ORT"):
            runs.append(runtime(f"{arm}.onnx", x))
        for score in runs:
            error = abs(softmax(score) - softmax(expected)).max()
            assert error < 1e-5, (arm, error)
            assert np.array_equal(score.argmax(1), expected.argmax(1)), arm
    checked("head.onnx")


def execute(model, features):
    """A handful of operators, as the ONNX documents define them, in float64."""
    from onnx import numpy_helper
    from scipy.special import erf
    v = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    v[model.graph.input[0].name] = features.astype(np.float64)
    for node in model.graph.node:
        a = {t.name: t for t in node.attribute}
        x = [v[i] for i in node.input]
        v[node.output[0]] = {
            "Sub": lambda: x[0] - x[1], "Add": lambda: x[0] + x[1], "Mul": lambda: x[0] * x[1],
            "Div": lambda: x[0] / x[1], "Sqrt": lambda: np.sqrt(x[0]), "Erf": lambda: erf(x[0]),
            "Relu": lambda: np.maximum(x[0], 0), "Identity": lambda: x[0], "Softmax": lambda: softmax(x[0]),
            "ReduceMean": lambda: x[0].mean(tuple(a["axes"].ints), keepdims=bool(a["keepdims"].i)),
            "Gemm": lambda: x[0] @ (x[1].T if a["transB"].i else x[1]) + x[2]}[node.op_type]()
    return v["score"], v["probability"]


def head(path, predictions, cache, data):
    model, _ = checked(path)
    dim = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    n = len(images(data))
    found = [c["features"][:] for c in map(h5py.File, glob.glob(f"{cache}/features/*.h5"))
             if c["features"].shape == (n, dim) and (c["check"][:] != 0).all()]
    with h5py.File(predictions) as f:
        expected, p = f["score"][:], f["probability"][:]
    errors = [max(abs(s - expected).max(), abs(q - p).max()) for s, q in (execute(model, x) for x in found)]
    assert errors and min(errors) < 1e-4, errors


def pictures():
    from PIL import Image
    rng = np.random.default_rng(1)
    os.makedirs("flat")
    lines = []
    for split, n in (("train", 12), ("test", 6)):
        for c, name in enumerate(("dark", "bright\tness")):
            os.makedirs(f"pictures/{split}/{name.split(chr(9))[0]}")
            for i in range(n):
                x = rng.integers(0, 100, (8, 8, 3)) + 150 * c
                path = f"pictures/{split}/{name.split(chr(9))[0]}/{i}.png"
                Image.fromarray(x.astype(np.uint8)).save(path)
                if split == "test":
                    Image.open(path).save(f"flat/{c}{i}.png")
                    lines.append(f"flat/{c}{i}.png\n")
    os.makedirs("pictures/other/strange")
    Image.new("RGB", (8, 8)).save("pictures/other/strange/0.png")
    open("flat.txt", "w").writelines(lines)
    open("flat/broken.png", "wb").write(b"\x89PNG\r\n\x1a\nnothing")
    open("pictures.cfg", "w").write("""
schema = 1; name = "pictures"; output = "pictures-out"; verdict = { seeds = 1; };
backbones = ({ name = "pixels"; kind = "pixels"; input = { crop = [8]; }; },
    { name = "again"; kind = "pixels"; input = { crop = [8]; scale = 1.0; }; });
datasets = ({ name = "p"; format = "folder"; train = { images = "pictures/train"; }; test = { images = "pictures/test"; }; });
heads = ({ name = "ridge"; kind = "ridge"; l2 = [1.0]; });
experiments = ({ name = "e"; mode = "backbone"; source = "none"; target = "p"; backbone = "again"; baseline = "pixels";
                 head = "ridge"; shots = [0]; });
""")


def flat(*paths):
    tables = []
    for path in paths:
        rows = [line.rstrip("\n").split("\t") for line in open(path)]
        assert rows[0][2:] == ["score(bright)", "score(dark)"], rows[0]
        tables.append({tuple(os.path.splitext(r[0])[0].split("/"))[-2:]: r[1:] for r in rows[1:]})
    for name, row in tables[0].items():
        kind = ("dark", "bright")[int(name[-1][0])]
        assert row[0] == kind, (name, row)
        assert tables[1][(kind, name[-1][1:])] == row, (name, row)
    assert len(tables[0]) == 12 and sorted(tables[2].values()) == sorted(tables[0].values())


globals()[sys.argv[1]](*sys.argv[2:])
