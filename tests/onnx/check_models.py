"""Graphs as libjudd loads them against oracles: the shapes of onnx.shape_inference and PyTorch, sums
of weights by numpy, digests by hashlib.

usage: check_models.py BENCH_DUMP FOLDER_OF_MODELS
"""
import glob
import hashlib
import math
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

DUMP, FOLDER = sys.argv[1:3]
BATCH = 5
failures = 0


def check(condition, what):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", what)


def load(path, tap="logits", batch=BATCH, *more):
    """-> {"values": {name: (dims, sum, squares)}, "nodes": [(op, attributes)]} or the message."""
    run = subprocess.run([DUMP, path, tap, str(batch), *map(str, more)], capture_output=True,
                         text=True)
    if run.returncode not in (0, 65):
        raise SystemExit(f"{path}: exit code {run.returncode}: {run.stderr}")
    if run.returncode:
        return run.stderr.strip()
    values, nodes, head = {}, [], None
    for line in run.stdout.splitlines():
        kind, *f = line.split("\t")
        if kind == "graph":
            head = f
        elif kind == "value":
            dims = tuple(int(d) for d in f[2].split(",") if d)
            values[f[0]] = (dims, float(f[3]), float(f[4]))
        else:
            nodes.append((f[0], dict(a.split("=") for a in f[f.index("->") + 2:])))
    return {"output": head[1], "sha256": head[2], "values": values, "nodes": nodes}


def check_shared(path):
    """A real model: every shape, every weight, the digest; penultimate and random weights load."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = BATCH
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    got = load(path)
    check(isinstance(got, dict), f"{path}: {got}")
    check(got["sha256"] == hashlib.sha256(open(path, "rb").read()).hexdigest(), f"{path}: sha256")
    compared = 0
    for info in list(inferred.graph.value_info) + list(inferred.graph.output):
        if info.name not in got["values"] or not info.type.tensor_type.HasField("shape"):
            continue
        dims = [d.dim_value if d.HasField("dim_value") else 0
                for d in info.type.tensor_type.shape.dim]
        mine = got["values"][info.name][0]
        fits = len(dims) == len(mine) and all(d in (0, m) for d, m in zip(dims, mine))
        check(fits, f"{path}: {info.name}: {mine}, onnx says {dims}")
        compared += 1
    check(compared > len(got["nodes"]) * 0.9, f"{path}: only {compared} shapes compared")
    for tensor in model.graph.initializer:
        x = numpy_helper.to_array(tensor).astype(np.float64)
        if tensor.name in got["values"]:
            dims, total, squares = got["values"][tensor.name]
            check(dims == x.shape and math.isclose(squares, (x * x).sum(), rel_tol=1e-12)
                  and abs(total - x.sum()) < 1e-9, f"{path}: weight {tensor.name}")
    tapped = load(path, "penultimate")
    check(isinstance(tapped, dict) and tapped["output"] != got["output"], f"{path}: penultimate")
    other = load(path, "logits", BATCH, 3)
    check(isinstance(other, dict), f"{path}: random weights: {other}")
    changed = [n for n in got["values"] if got["values"][n][1:] != other["values"][n][1:]]
    trained = [t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]
    check(set(trained) <= set(changed), f"{path}: kept {sorted(set(trained) - set(changed))}")
    print(f"{os.path.basename(path)}: {len(got['nodes'])} nodes, {compared} shapes, "
          f"tap {tapped['output']} {tapped['values'][tapped['output']][0]}")


def save(folder, nodes, weights, shape, opset):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, n) for n, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    path = os.path.join(folder, "case.onnx")
    onnx.save(model, path)
    return path


def check_windows(folder, rng):
    """Random convolutions and poolings: PyTorch's output shape, or an error where it has one."""
    loaded = 0
    for _ in range(120):
        shape = [BATCH, 4, rng.randint(3, 17), rng.randint(3, 17)]
        kernel = [rng.randint(1, 5), rng.randint(1, 5)]
        stride = [rng.randint(1, 4), rng.randint(1, 4)]
        kind = rng.choice(["Conv", "MaxPool", "AveragePool"])
        x, weights, attributes, inputs = torch.zeros(shape), {}, {}, ["x"]
        pad = [rng.randint(0, k // 2) for k in kernel]
        if kind == "Conv":
            dilation, group = [rng.randint(1, 3), rng.randint(1, 3)], rng.choice([1, 2, 4])
            weights["w"] = np.zeros((8, 4 // group, *kernel), np.float32)
            attributes, inputs = dict(dilations=dilation, group=group), ["x", "w"]
            run = lambda: torch.nn.functional.conv2d(
                x, torch.from_numpy(weights["w"]), None, stride, pad, dilation, group)
        else:
            ceil = rng.random() < 0.5
            attributes = dict(ceil_mode=int(ceil), kernel_shape=kernel)
            pool = torch.nn.functional.max_pool2d if kind == "MaxPool" else \
                torch.nn.functional.avg_pool2d
            run = lambda: pool(x, kernel, stride, pad, ceil_mode=ceil)
        node = helper.make_node(kind, inputs, ["y"], strides=stride, pads=pad + pad, **attributes)
        got = load(save(folder, [node], weights, shape, 12))
        try:
            want = tuple(run().shape)
        except RuntimeError:
            check(isinstance(got, str), f"{node}: PyTorch refuses")
            continue
        loaded += 1
        if not isinstance(got, dict):
            check(False, f"{node} on {shape}: {got}")
            continue
        check(got["values"]["y"][0] == want, f"{node} on {shape}: {got['values']['y'][0]} {want}")
        a = {k: [int(i) for i in v.split(",")] for k, v in got["nodes"][-1][1].items()}
        for i in range(2):  # the promise of graph.h: the floor formula holds with explicit pads
            reach = a["dilations"][i] * (a["kernel_shape"][i] - 1) + 1
            room = shape[2 + i] + a["pads"][i] + a["pads"][2 + i] - reach
            check(room // a["strides"][i] + 1 == want[2 + i], f"{node} on {shape}: pads {a['pads']}")
    check(loaded > 60, f"only {loaded} windows compared")


def check_same_padding(folder, rng):
    """auto_pad against onnx.shape_inference."""
    for _ in range(40):
        shape = [BATCH, 3, rng.randint(2, 17), rng.randint(2, 17)]
        kernel = [rng.randint(1, 5), rng.randint(1, 5)]
        mode = rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
        if mode == "VALID":
            kernel = [min(k, s) for k, s in zip(kernel, shape[2:])]
        node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=mode, kernel_shape=kernel,
                                strides=[rng.randint(1, 3), rng.randint(1, 3)])
        path = save(folder, [node], {"w": np.zeros((2, 3, *kernel), np.float32)}, shape, 11)
        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = BATCH
        dims = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
        want = tuple(d.dim_value for d in dims)
        got = load(path)
        check(isinstance(got, dict) and got["values"]["y"][0] == want, f"{node} {shape}: {want} {got}")


def check_shapes(folder):
    """The other operators, in the forms of old and new opsets, against onnx.shape_inference."""
    node, shape = helper.make_node, [BATCH, 3, 4, 1]
    f = {"v": np.zeros(4, np.float32).reshape(4, 1), "b": np.zeros((1, 3, 1, 6), np.float32),
         "m": np.zeros((2, 1, 1, 5), np.float32)[:1], "g": np.zeros((12, 7), np.float32),
         "t": np.zeros((7, 12), np.float32), "c": np.zeros(7, np.float32)}
    axes = {"a3": np.array([-1]), "a15": np.array([1, -1]), "p": np.array([0, 1, 2, 0, 0, 0, 1, 3]),
            "s": np.array([0, 2, -1, 2])}
    flat = [node("Flatten", ["x"], ["f"])]
    cases = [
        (11, [node("Squeeze", ["x"], ["y"], axes=[3])], []),
        (13, [node("Squeeze", ["x", "a3"], ["y"])], ["a3"]),
        (11, [node("Unsqueeze", ["x"], ["y"], axes=[5, 1])], []),
        (13, [node("Unsqueeze", ["x", "a15"], ["y"])], ["a15"]),
        (13, [node("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1])], []),
        (13, [node("Flatten", ["x"], ["y"], axis=-3)], []),
        (10, [node("Pad", ["x"], ["y"], pads=[0, 1, 2, 0, 0, 0, 1, 3])], []),
        (13, [node("Pad", ["x", "p"], ["y"])], ["p"]),
        (13, [node("ReduceMean", ["x"], ["y"], axes=[-1, 2], keepdims=0)], []),
        (13, [node("ReduceMean", ["x"], ["y"], axes=[2, 3])], []),
        (13, [node("Concat", ["x", "x", "x"], ["y"], axis=-3)], []),
        (7, [node("Add", ["x", "v"], ["y"])], ["v"]),
        (13, [node("Div", ["b", "x"], ["y"])], ["b"]),
        (13, [node("MatMul", ["x", "m"], ["y"])], ["m"]),
        (13, flat + [node("MatMul", ["f", "g"], ["y"])], ["g"]),
        (9, flat + [node("Gemm", ["f", "g", "c"], ["y"])], ["g", "c"]),
        (13, flat + [node("Gemm", ["f", "t"], ["y"], transB=1, alpha=0.5)], ["t"]),
        (13, [node("Reshape", ["x", "s"], ["y"])], ["s"]),
        (13, [node("LogSoftmax", ["x"], ["y"], axis=-2)], []),
        (8, [node("GlobalMaxPool", ["x"], ["y"])], []),
        (13, [node("LRN", ["x"], ["y"], size=3)], []),
        (8, [node("Clip", ["x"], ["y"], min=0.0, max=6.0)], []),
        (14, [node("HardSwish", ["x"], ["y"])], []),
    ]
    for opset, nodes, names in cases:
        weights = {n: f[n] if n in f else axes[n] for n in names}
        path = save(folder, nodes, weights, shape, opset)
        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = BATCH
        dims = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
        want, got = tuple(d.dim_value for d in dims), load(path, "y")
        check(isinstance(got, dict) and want and got["values"]["y"][0] == want,
              f"opset {opset} {nodes[-1].op_type}: onnx says {want}: {got}")


def check_folding(folder, rng):
    """Arithmetic on constants that ends in an Add to the image, against numpy: sums of the result."""
    for case in range(30):
        a = np.array(rng.choices(range(-9, 10), k=24), np.int64).reshape(2, 3, 4)
        perm = rng.sample(range(3), 3)
        starts, ends = [rng.randint(-5, 4) for _ in "abc"], [rng.randint(-5, 5) for _ in "abc"]
        steps = [rng.choice([-2, -1, 1, 2]) for _ in "abc"]
        b = a.transpose(perm)
        c = b[tuple(slice(*range_) for range_ in zip(starts, ends, steps))]
        index = np.array([[0, -1], [1, 0]], np.int64)
        d = np.take(b, index, axis=1)
        e = (d * 3 - 7).astype(np.float32) / np.float32(4)
        use_slice = case % 2 and c.size
        want = c.astype(np.float32) if use_slice else e
        weights = {"a": a, "starts": np.array(starts), "ends": np.array(ends), "index": index,
                   "axes": np.arange(3), "steps": np.array(steps), "three": np.array(3),
                   "seven": np.array(7), "four": np.array(4, np.float32), "flat": np.array([-1])}
        nodes = [helper.make_node("Transpose", ["a"], ["b"], perm=perm)]
        if use_slice:
            nodes += [helper.make_node("Slice", ["b", "starts", "ends", "axes", "steps"], ["c"]),
                      helper.make_node("Cast", ["c"], ["r"], to=1)]
        else:
            nodes += [helper.make_node("Gather", ["b", "index"], ["d"], axis=1),
                      helper.make_node("Mul", ["d", "three"], ["d3"]),
                      helper.make_node("Sub", ["d3", "seven"], ["d7"]),
                      helper.make_node("Cast", ["d7"], ["df"], to=1),
                      helper.make_node("Div", ["df", "four"], ["r"])]
        nodes += [helper.make_node("Reshape", ["r", "flat"], ["v"]),
                  helper.make_node("Concat", ["v", "v"], ["vv"], axis=0),
                  helper.make_node("Add", ["x", "vv"], ["y"])]
        got = load(save(folder, nodes, weights, [BATCH, 1, 1, 2 * want.size], 13))
        if not isinstance(got, dict):
            check(False, f"case {case}: {got}")
            continue
        dims, total, squares = got["values"]["vv"]
        twice = np.concatenate([want.ravel(), want.ravel()]).astype(np.float64)
        check(dims == (2 * want.size,) and math.isclose(total, twice.sum(), abs_tol=1e-9)
              and math.isclose(squares, (twice ** 2).sum(), rel_tol=1e-12), f"case {case} folded")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU6(),
            torch.nn.MaxPool2d(3, 2, ceil_mode=True), torch.nn.Conv2d(8, 8, 3, groups=8),
            torch.nn.Hardswish(), torch.nn.AvgPool2d(2), torch.nn.Dropout())
        self.fc = torch.nn.Linear(8 * 3 * 3, 4)

    def forward(self, x):
        x = self.body(x)
        n, c, h, w = x.shape  # a channel shuffle: shape arithmetic in the exported graph
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return torch.log_softmax(self.fc(x.view(x.size(0), -1)), 1)


def check_exports(folder):
    """What torch.onnx.export writes, with a dynamic and with a fixed batch, in old and new opsets."""
    net, path = Net().eval(), os.path.join(folder, "export.onnx")
    for opset in (9, 11, 13, 16):
        for dynamic in (False, True):
            torch.onnx.export(net, torch.zeros(1, 3, 16, 16), path, opset_version=opset,
                              input_names=["x"], output_names=["y"], do_constant_folding=dynamic,
                              dynamic_axes={"x": {0: "n"}, "y": {0: "n"}} if dynamic else None)
            for tap, dims in (("logits", (BATCH, 4)), ("penultimate", (BATCH, 72)),
                              ("y", (BATCH, 4))):
                got = load(path, tap)
                what = f"export opset {opset} dynamic {dynamic} tap {tap}"
                if not isinstance(got, dict):
                    check(False, f"{what}: {got}")
                    continue
                check(got["values"][got["output"]][0] == dims, f"{what}: {got['values']}")
                check(not any(op in ("Shape", "Gather", "Constant", "Identity", "Dropout", "Cast")
                              for op, _ in got["nodes"]), f"{what}: {got['nodes']}")


with tempfile.TemporaryDirectory() as scratch:
    shared = sorted(glob.glob(os.path.join(FOLDER, "*.onnx")))
    for name in shared:
        check_shared(name)
    if not shared:
        print(f"no models in {FOLDER}: only generated ones are checked")
    check_windows(scratch, random.Random(1))
    check_same_padding(scratch, random.Random(2))
    check_shapes(scratch)
    check_folding(scratch, random.Random(3))
    check_exports(scratch)
print("failures:", failures)
sys.exit(failures > 0)
