"""Random valid networks (seeded) that no exporter wrote, against PyTorch in float64.

usage: random_graphs.py PROGRAM WORK [SEEDS [FIRST [ORT]]]     PROGRAM: engine_bench_forward
Each graph is made with the onnx package while PyTorch computes it. A third of them are as tf2onnx
writes Keras networks: the image is transposed to channels first at every convolution and back after
it, SAME padding, biases added by themselves, normalisation as multiplication and addition; the file
may take its image with channels last. Logits and probabilities are compared. ORT: a folder where npm
has installed onnxruntime-node, which then computes the file's scores as well.
"""
import os
import random
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import torch
import torch.nn.functional as F

BATCH, AMBIGUOUS = 3, "ceil_mode"
torch.set_num_threads(1)


class Net:
    def __init__(self, seed, opset):
        self.r = random.Random(seed)
        self.g = torch.Generator().manual_seed(seed)
        self.opset, self.nodes, self.inits = opset, [], []
        self.note = ""

    def name(self):
        return f"t{len(self.nodes)}_{len(self.inits)}"

    def constant(self, array):
        name = f"c{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape, scale=None, offset=0.0):
        fan = np.prod(shape[1:]) if len(shape) > 1 else 1.0
        w = torch.randn(shape, generator=self.g) * (scale or float(fan) ** -0.5) + offset
        return w.double(), self.constant(w.numpy())

    def node(self, op, inputs, value, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [self.name()], **attributes))
        return self.nodes[-1].output[0], value

    def axes_node(self, op, x, value, axes, since, **attributes):
        """Axes are an attribute before opset `since`, an input from then on."""
        if self.opset < since:
            return self.node(op, [x], value, axes=axes, **attributes)
        return self.node(op, [x, self.constant(np.array(axes, np.int64))], value, **attributes)


def same_pads(size, k, s, d):
    total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def conv(n, x, v, same=False, bias=True):
    c, r = v.shape[1], n.r
    groups = r.choice([1, 1, c] + ([2] if c % 2 == 0 else []))
    out = groups * r.randint(1, max(1, 24 // groups))
    kh, kw, s, d = r.choice([1, 3]), r.choice([1, 2, 3, 5]), r.choice([1, 1, 2]), r.choice([1, 1, 2])
    w, wn = n.weights(out, c // groups, kh, kw)
    ph, pw = same_pads(v.shape[2], kh, s, d), same_pads(v.shape[3], kw, s, d)
    padded = F.pad(v, (*pw, *ph))
    b, bn = n.weights(out, scale=0.1)
    y = F.conv2d(padded, w, b if bias else None, s, 0, d, groups)
    a = dict(strides=[s, s], dilations=[d, d], group=groups, kernel_shape=[kh, kw])
    a.update(dict(auto_pad="SAME_UPPER") if same else dict(pads=[ph[0], pw[0], ph[1], pw[1]]))
    return n.node("Conv", [x, wn] + ([bn] if bias else []), y, **a)


def tf_conv(n, x, v):
    """[n, h, w, c] in and out."""
    x, v = n.node("Transpose", [x], v.permute(0, 3, 1, 2), perm=[0, 3, 1, 2])
    x, v = conv(n, x, v, same=True, bias=False)
    x, v = n.node("Transpose", [x], v.permute(0, 2, 3, 1), perm=[0, 2, 3, 1])
    for op in ("Add", "Mul", "Add"):
        w, wn = n.weights(v.shape[3], scale=0.2, offset=1.0 if op == "Mul" else 0.0)
        x, v = n.node(op, [x, wn], v + w if op == "Add" else v * w)
    return n.node("Relu", [x], F.relu(v))


def activation(n, x, v):
    op, f = n.r.choice([
        ("Relu", F.relu), ("Sigmoid", torch.sigmoid), ("Tanh", torch.tanh), ("Elu", F.elu),
        ("Softplus", F.softplus), ("Erf", torch.erf), ("Abs", torch.abs), ("Neg", torch.neg),
        ("LeakyRelu", lambda t: F.leaky_relu(t, 0.01)), ("Selu", F.selu),
        ("HardSigmoid", lambda t: torch.clamp(0.2 * t + 0.5, 0, 1))])
    return n.node(op, [x], f(v))


def swish_or_gelu(n, x, v):
    if n.r.random() < 0.5:
        s, sv = n.node("Sigmoid", [x], torch.sigmoid(v))
        return n.node("Mul", n.r.sample([x, s], 2), v * sv)
    y, yv = n.node("Div", [x, n.constant(np.float32(2 ** 0.5))], v / 2 ** 0.5)
    y, yv = n.node("Erf", [y], torch.erf(yv))
    y, yv = n.node("Add", [y, n.constant(np.float32(1))], yv + 1)
    y, yv = n.node("Mul", n.r.sample([x, y], 2), v * yv)
    return n.node("Mul", [y, n.constant(np.float32(0.5))], yv * 0.5)


def pool(n, x, v):
    k, s = n.r.choice([2, 3]), n.r.choice([1, 2])
    if min(v.shape[2:]) < k:
        return activation(n, x, v)
    a = dict(kernel_shape=[k, k], strides=[s, s], pads=[k // 2] * 4)
    ceil = n.opset >= 10 and n.r.random() < 0.5
    if n.r.random() < 0.5:
        if ceil:
            a["ceil_mode"] = 1
            # A last window that would hold only pads: PyTorch drops it, ONNX before opset 22 did not
            # say, ONNX Runtime keeps it.
            if any((-(-(d + 2 * (k // 2) - k) // s)) * s >= d + k // 2 for d in v.shape[2:]):
                n.note = AMBIGUOUS
        return n.node("MaxPool", [x], F.max_pool2d(v, k, s, k // 2, ceil_mode=ceil), **a)
    pad = n.r.randint(0, 1)
    y = F.avg_pool2d(v, k, s, k // 2, count_include_pad=bool(pad))
    return n.node("AveragePool", [x], y, count_include_pad=pad, **a)


def norm(n, x, v):
    c = v.shape[1]
    s, b, m = (n.weights(c, scale=0.3) for _ in range(3))
    var = torch.rand(c, generator=n.g) + 0.5
    y = F.batch_norm(v, m[0], var.double(), s[0], b[0], False, 0.0, 1e-3)
    return n.node("BatchNormalization", [x, s[1], b[1], m[1], n.constant(var.numpy())], y,
                  epsilon=1e-3)


def branch(n, x, v):
    """Split channels, change one part, put them together in another order."""
    c = v.shape[1]
    if c < 2:
        return activation(n, x, v)
    k = n.r.randint(1, c - 1)
    a, b = torch.split(v, [k, c - k], 1)
    if n.opset < 13:
        n.nodes.append(helper.make_node("Split", [x], [f"{x}a", f"{x}b"], axis=1, split=[k, c - k]))
    else:
        sizes = n.constant(np.array([k, c - k], np.int64))
        n.nodes.append(helper.make_node("Split", [x, sizes], [f"{x}a", f"{x}b"], axis=1))
    y, yv = conv(n, f"{x}a", a)
    if yv.shape[2:] != b.shape[2:]:
        return y, yv
    return n.node("Concat", [f"{x}b", y], torch.cat([b, yv], 1), axis=1)


def gate(n, x, v):
    """Squeeze and excite."""
    y, yv = n.axes_node("ReduceMean", x, v.mean((2, 3), keepdim=True), [2, 3], 18, keepdims=1)
    w, wn = n.weights(v.shape[1], v.shape[1], 1, 1)
    y, yv = n.node("Conv", [y, wn], F.conv2d(yv, w))
    y, yv = n.node("Sigmoid", [y], torch.sigmoid(yv))
    return n.node("Mul", n.r.sample([x, y], 2), v * yv)


def residual(n, x, v):
    y, yv = activation(n, *norm(n, *activation(n, x, v)))
    op, f = n.r.choice([("Add", torch.add), ("Sub", torch.sub), ("Max", torch.maximum),
                        ("Min", torch.minimum)])
    return n.node(op, [x, y], f(v, yv))


def cut(n, x, v):
    """A slice with a step, or padding that may mirror."""
    axis = n.r.choice([2, 3])
    if v.shape[axis] < 4:
        return activation(n, x, v)
    if n.r.random() < 0.5:
        i = lambda k: n.constant(np.array([k], np.int64))
        where = [slice(None)] * 4
        start, step = n.r.randint(0, 2), n.r.choice([1, 2])
        where[axis] = slice(start, -1, step)
        if n.opset < 10:
            where[axis] = slice(start, -1)
            return n.node("Slice", [x], v[tuple(where)], starts=[start], ends=[-1], axes=[axis])
        return n.node("Slice", [x, i(start), i(-1), i(axis), i(step)], v[tuple(where)])
    mode, torch_mode = n.r.choice([("constant", "constant"), ("reflect", "reflect"),
                                   ("edge", "replicate")])
    p = [n.r.randint(0, 2) for _ in range(4)]  # top, left, bottom, right
    y = F.pad(v, (p[1], p[3], p[0], p[2]), mode=torch_mode)
    pads = [0, 0, p[0], p[1], 0, 0, p[2], p[3]]
    if n.opset < 11:
        return n.node("Pad", [x], y, pads=pads, mode=mode)
    return n.node("Pad", [x, n.constant(np.array(pads, np.int64))], y, mode=mode)


def tokens(n, x, v):
    """[n, c, h, w] -> layer norm, attention and a class row -> [n, d]."""
    b, c = v.shape[:2]
    y, yv = n.node("Reshape", [x, n.constant(np.array([0, c, -1], np.int64))], v.reshape(b, c, -1))
    y, yv = n.node("Transpose", [y], yv.transpose(1, 2), perm=[0, 2, 1])
    m, mv = n.axes_node("ReduceMean", y, yv.mean(2, keepdim=True), [2], 18)
    d, dv = n.node("Sub", [y, m], yv - mv)
    s, sv = n.node("Pow", [d, n.constant(np.float32(2))], dv ** 2)
    s, sv = n.axes_node("ReduceMean", s, sv.mean(2, keepdim=True), [-1], 18)
    s, sv = n.node("Add", [s, n.constant(np.float32(1e-5))], sv + 1e-5)
    s, sv = n.node("Sqrt", [s], sv.sqrt())
    y, yv = n.node("Div", [d, s], dv / sv)
    w, wn = n.weights(c, 3 * c, scale=c ** -0.5)
    z, zv = n.node("MatMul", [y, wn], yv @ w)
    z, zv = n.node("Reshape", [z, n.constant(np.array([0, 0, 3, c], np.int64))],
                   zv.reshape(b, -1, 3, c))
    z, zv = n.node("Transpose", [z], zv.permute(2, 0, 1, 3), perm=[2, 0, 1, 3])
    part = lambda k: n.node("Gather", [z, n.constant(np.array(k, np.int64))], zv[k], axis=0)
    (q, qv), (k, kv), (u, uv) = part(0), part(1), part(2)
    k, kv = n.node("Transpose", [k], kv.transpose(1, 2), perm=[0, 2, 1])
    a, av = n.node("MatMul", [q, k], qv @ kv)
    a, av = n.node("Softmax", [a], torch.softmax(av, 2), axis=2)
    a, av = n.node("MatMul", [a, u], av @ uv)
    y, yv = n.node("Add", [a, y], av + yv)
    if n.r.random() < 0.5:
        return n.node("Gather", [y, n.constant(np.array(0, np.int64))], yv[:, 0], axis=1)
    return n.axes_node("ReduceMax", y, yv.amax(1), [1], 18, keepdims=0)


def make(seed):
    n = Net(seed, random.Random(seed).choice([9, 10, 11, 12, 13, 14, 16, 17]))
    keras = seed % 3 == 0
    c, h, w = n.r.choice([1, 3, 5, 8, 16]), n.r.randint(6, 13), n.r.randint(6, 13)
    image = torch.randn((BATCH, c, h, w), generator=n.g)
    x, v, shape = "image", image.double(), ["N", c, h, w]
    if keras and c <= 3:  # tf2onnx without inputs_as_nchw
        shape, v = ["N", h, w, c], v.permute(0, 2, 3, 1)
    elif keras:
        x, v = n.node("Transpose", [x], v.permute(0, 2, 3, 1), perm=[0, 2, 3, 1])
    if keras:
        for _ in range(n.r.randint(2, 4)):
            x, v = tf_conv(n, x, v)
        x, v = n.axes_node("ReduceMean", x, v.mean((1, 2)), [1, 2], 18, keepdims=0)
    else:
        for _ in range(n.r.randint(4, 9)):
            f = n.r.choice([conv, conv, activation, swish_or_gelu, pool, norm, branch, gate,
                            residual, cut])
            x, v = f(n, x, v)
        if n.r.random() < 0.5:
            x, v = tokens(n, x, v)
        else:
            x, v = n.node("Flatten", [x], v.flatten(1))
    wv, wn = n.weights(7, v.shape[1])
    b, bn = n.weights(7, scale=0.1)
    own = seed % 2  # ends with a softmax
    n.nodes.append(helper.make_node("Gemm", [x, wn, bn], ["raw" if own else "scores"], transB=1))
    if own:
        n.nodes.append(helper.make_node("Softmax", ["raw"], ["scores"], axis=1))
    graph = helper.make_graph(
        n.nodes, f"random{seed}",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 7])], n.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", n.opset)])
    model.ir_version, model.doc_string = 7, n.note
    onnx.checker.check_model(model)
    logits = v @ wv.t() + b
    return model, image, torch.cat([logits, torch.softmax(logits, 1)], 1)


def run(program, work, path, image, backend):
    a, b = os.path.join(work, "in"), os.path.join(work, "out")
    image.numpy().tofile(a)
    subprocess.run([program, path, str(BATCH), "run", backend, a, b, "logits", "probabilities"],
                   check=True)
    return np.fromfile(b, np.float32)


def onnxruntime(folder, work, path, model, image):
    a, b = os.path.join(work, "in"), os.path.join(work, "out")
    last = model.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    if image.shape[1] == last and last <= 3:  # the file takes channels last
        image = image.permute(0, 2, 3, 1).contiguous()
    image.numpy().tofile(a)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ort_run.js")
    r = subprocess.run(["node", script, folder, path, a, b, *map(str, image.shape)],
                       stderr=subprocess.PIPE)
    return None if r.returncode else np.fromfile(b, np.float32).reshape(len(image), -1)


def main(program, work, seeds="60", first="0", ort=None):
    refused, worst, path = 0, 0.0, os.path.join(work, "random.onnx")
    for seed in range(int(first), int(first) + int(seeds)):
        model, image, want = make(seed)
        onnx.save(model, path)
        for backend in ("reference", "onednn"):
            got = run(program, work, path, image, backend).reshape(want.shape)
            error = max(np.abs(g - w).max() / np.abs(w).max()
                        for g, w in zip(np.split(got, 2, 1), np.split(want.numpy(), 2, 1)))
            worst = max(worst, error)
            if not np.isfinite(got).all() or error > 1e-4:
                sys.exit(f"FAILED: seed {seed}, {backend}: {error:.2e}; the file is {path}")
        if not ort or model.doc_string == AMBIGUOUS:
            refused += 1
            continue
        got, part = onnxruntime(ort, work, path, model, image), np.split(want.numpy(), 2, 1)[seed % 2]
        refused += got is None  # such as dilation with SAME padding
        error = 0.0 if got is None else np.abs(got - part).max() / np.abs(part).max()
        if error > 1e-4:
            sys.exit(f"FAILED: seed {seed}: ONNX Runtime differs by {error:.2e}; see {path}")
    print(f"{seeds} random graphs agree with PyTorch in float64"
          f"{f', {int(seeds) - refused} of them with ONNX Runtime' if ort else ''}: relative error "
          f"at most {worst:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
