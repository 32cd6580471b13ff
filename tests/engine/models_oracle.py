"""Runs ONNX files on PyTorch's functional operators, one node after the other, and compares.

usage: models_oracle.py PROGRAM MODELS WORK
Also small models with one operator each for what no real file here uses.
"""
import os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import torch
import torch.nn.functional as F

PROGRAM, MODELS, WORK = sys.argv[1:4]
torch.manual_seed(1)
torch.set_num_threads(1)


def pad_window(x, a, value=0.0):
    p = a.get("pads", [0, 0, 0, 0])
    return F.pad(x, (p[1], p[3], p[0], p[2]), value=value) if any(p) else x


def average(x, a):
    k, s = a["kernel_shape"], a.get("strides", [1, 1])
    total = F.avg_pool2d(pad_window(x, a), k, s, divisor_override=1)
    ones = torch.ones_like(x)
    if a.get("count_include_pad", 0):
        return total / (k[0] * k[1])
    return total / F.avg_pool2d(pad_window(ones, a), k, s, divisor_override=1)


def gemm(x, w, c, a):
    x = x.t() if a.get("transA", 0) else x
    w = w.t() if a.get("transB", 0) else w
    y = a.get("alpha", 1.0) * (x @ w)
    return y if c is None else y + a.get("beta", 1.0) * c


def lrn(x, a):
    size, sq = a["size"], x * x
    below = (size - 1) // 2
    padded = F.pad(sq, (0, 0, 0, 0, below, size - 1 - below))
    total = sum(padded[:, i:i + x.shape[1]] for i in range(size))
    return x / (a.get("bias", 1.0) + a.get("alpha", 1e-4) / size * total) ** a.get("beta", 0.75)


def opt(v, i):
    return v[i] if len(v) > i else None


def cut(v):
    where = [slice(None)] * v[0].dim()
    axes = v[3].tolist() if len(v) > 3 else range(len(v[1]))
    for i, axis in enumerate(axes):
        step = int(v[4][i]) if len(v) > 4 else 1
        where[axis] = slice(int(v[1][i]), int(v[2][i]), step)
    return torch.from_numpy(v[0].numpy()[tuple(where)].copy())  # numpy knows negative steps


OPS = {
    "Slice": lambda v, a: cut(v),
    "Shape": lambda v, a: torch.tensor(v[0].shape),
    "Gather": lambda v, a: v[0][v[1].long()],
    "Cast": lambda v, a: v[0].to({1: torch.float32, 6: torch.int32, 7: torch.int64}[a["to"]]),
    "ConstantOfShape": lambda v, a: torch.full(
        v[0].tolist(), numpy_helper.to_array(a["value"]).item(),
        dtype=torch.from_numpy(numpy_helper.to_array(a["value"]).copy()).dtype),
    "Unsqueeze": lambda v, a: v[0].unsqueeze(int(v[1])),
    "Conv": lambda v, a: F.conv2d(pad_window(v[0], a), v[1], opt(v, 2), a.get("strides", [1, 1]), 0,
                                  a.get("dilations", [1, 1]), a.get("group", 1)),
    "BatchNormalization": lambda v, a: F.batch_norm(v[0], v[3], v[4], v[1], v[2], False, 0.0,
                                                    a.get("epsilon", 1e-5)),
    "Relu": lambda v, a: F.relu(v[0]),
    "LeakyRelu": lambda v, a: F.leaky_relu(v[0], a.get("alpha", 0.01)),
    "Clip": lambda v, a: torch.clamp(v[0], float(v[1]), float(v[2])),
    "Sigmoid": lambda v, a: torch.sigmoid(v[0]),
    "HardSigmoid": lambda v, a: torch.clamp(a.get("alpha", 0.2) * v[0] + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda v, a: F.hardswish(v[0]),
    "Add": lambda v, a: v[0] + v[1],
    "Sub": lambda v, a: v[0] - v[1],
    "Mul": lambda v, a: v[0] * v[1],
    "Div": lambda v, a: v[0] / v[1],
    "MaxPool": lambda v, a: F.max_pool2d(pad_window(v[0], a, float("-inf")), a["kernel_shape"],
                                         a.get("strides", [1, 1]), 0, a.get("dilations", [1, 1]),
                                         bool(a.get("ceil_mode", 0))),
    "AveragePool": lambda v, a: average(v[0], a),
    "GlobalAveragePool": lambda v, a: v[0].mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda v, a: v[0].amax((2, 3), keepdim=True),
    "Flatten": lambda v, a: v[0].flatten(1),
    "Reshape": lambda v, a: v[0].reshape([v[0].shape[i] if n == 0 else int(n)
                                          for i, n in enumerate(v[1])]),
    "Transpose": lambda v, a: v[0].permute(a["perm"]),
    "Gemm": lambda v, a: gemm(v[0], v[1], opt(v, 2), a),
    "MatMul": lambda v, a: v[0] @ v[1],
    "Concat": lambda v, a: torch.cat(v, a["axis"]),
    "Pad": lambda v, a: F.pad(v[0], sum([[int(v[1][i]), int(v[1][i + v[0].dim()])]
                                         for i in reversed(range(v[0].dim()))], []),
                              value=float(v[2]) if len(v) > 2 else 0.0),
    "ReduceMean": lambda v, a: v[0].mean(a["axes"], keepdim=bool(a.get("keepdims", 1))),
    "Softmax": lambda v, a: torch.softmax(v[0], a.get("axis", -1)),
    "LogSoftmax": lambda v, a: torch.log_softmax(v[0], a.get("axis", -1)),
    "LRN": lambda v, a: lrn(v[0], a),
    "Dropout": lambda v, a: v[0],
    "Identity": lambda v, a: v[0],
    "Constant": lambda v, a: torch.from_numpy(numpy_helper.to_array(a["value"]).copy()),
}


def evaluate(model, x):
    """The logits: what enters a softmax at the very end, if there is one."""
    env = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy())
           for t in model.graph.initializer}
    env[[i.name for i in model.graph.input if i.name not in env][0]] = x
    nodes = list(model.graph.node)
    output = model.graph.output[0].name
    while nodes[-1].op_type in ("Softmax", "LogSoftmax") and len(nodes) > 1:
        output = nodes.pop().input[0]
    for n in nodes:
        a = {p.name: helper.get_attribute_value(p) for p in n.attribute}
        env[n.output[0]] = OPS[n.op_type]([env[i] for i in n.input], a)
    return env[output]


def check(name, path, shape, backend="onednn"):
    model = onnx.load(path)
    x = torch.randn(shape)
    with torch.no_grad():
        want = evaluate(model, x).reshape(shape[0], -1).numpy()
    a, b = os.path.join(WORK, "in"), os.path.join(WORK, "out")
    x.numpy().tofile(a)
    subprocess.run([PROGRAM, path, str(shape[0]), "run", backend, a, b], check=True)
    got = np.fromfile(b, np.float32).reshape(want.shape)
    error = np.abs(got - want).max() / np.abs(want).max()
    print(f"{name} ({backend}): relative error {error:.2e}")
    assert np.isfinite(got).all() and error <= 1e-4, name


def small(name, nodes, shape, constants=()):
    """A model around a few nodes x -> y."""
    inits = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants]
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    path = os.path.join(WORK, name + ".onnx")
    onnx.save(model, path)
    for backend in ("reference", "onednn"):
        check(name, path, shape, backend)


def node(op, inputs="x", output="y", **attributes):
    return helper.make_node(op, inputs.split(), output.split(), **attributes)


for f, batch in (("resnet20-cifar10", 8), ("resnet56-cifar10", 4), ("squeezenet1.0-imagenet", 2)):
    path = os.path.join(MODELS, f + ".onnx")
    image = onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]
    check(f, path, (batch, *(d.dim_value for d in image)))
check("resnet20-cifar10", os.path.join(MODELS, "resnet20-cifar10.onnx"), (2, 3, 32, 32),
      "reference")

R = np.random.RandomState(1)
f32 = lambda *s: R.standard_normal(s).astype(np.float32)
one = lambda v: np.array(v, np.float32)
S = (3, 6, 9, 10)
K = dict(kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
for op in ("Relu", "Sigmoid"):
    small(op, [node(op)], S)
small("HardSigmoid", [node("HardSigmoid", alpha=0.3, beta=0.4)], S)
small("LeakyRelu", [node("LeakyRelu", alpha=0.2)], S)
small("Clip", [node("Clip", "x lo hi")], S, [("lo", one(0.0)), ("hi", one(1.5))])
small("LRN", [node("LRN", size=5, alpha=0.5, beta=0.75, bias=2.0)], S)
small("LRN4", [node("LRN", size=4, alpha=0.5, beta=0.75, bias=2.0)], S)
small("AveragePool", [node("AveragePool", **K)], S)
small("AveragePoolPad", [node("AveragePool", count_include_pad=1, **K)], S)
small("MaxPool", [node("MaxPool", **K)], S)
small("Conv", [node("Conv", "x w b", dilations=[1, 2], group=2, **K)], S,
      [("w", f32(4, 3, 3, 2)), ("b", f32(4))])
small("Pad", [node("Pad", "x p v")], S, [("p", np.array([0, 1, 2, 0, 0, 0, 1, 3])), ("v", one(0.5))])
small("Transpose", [node("Transpose", perm=[0, 2, 3, 1])], S)
small("ReduceMean", [node("ReduceMean", axes=[1, 3], keepdims=0)], S)
small("Softmax", [node("Softmax", output="s", axis=2), node("Relu", "s")], S)
small("Gemm", [node("Flatten", output="f"), node("Gemm", "f w b", alpha=0.5, beta=2.0, transB=1)], S,
      [("w", f32(7, 540)), ("b", f32(7))])
small("MatMul", [node("MatMul", "x w")], S, [("w", f32(10, 4))])
small("Broadcast", [node("Mul", "x g", "t"), node("Sub", "t r", "u"), node("Div", "u d")], S,
      [("g", f32(6, 1, 1)), ("r", f32(10)), ("d", one([2.5]))])
small("Norm", [node("BatchNormalization", "x s b m v")], S,
      [("s", f32(6)), ("b", f32(6)), ("m", f32(6)), ("v", np.abs(f32(6)) + 1)])
small("SqueezeExcite",
      [node("Conv", "x w", "c", kernel_shape=[1, 1]), node("Sigmoid", "c", "s"),
       node("Mul", "c s", "h"), node("GlobalAveragePool", "h", "p"),
       node("Conv", "p q", "e", kernel_shape=[1, 1]), node("Sigmoid", "e", "g"),
       node("Mul", "h g")], S, [("w", f32(12, 6, 1, 1)), ("q", f32(12, 12, 1, 1))])
