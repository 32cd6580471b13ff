"""Valid networks with one to three things made wrong: each is refused with a message or runs, nothing else.

usage: mutated_models.py PROGRAM WORK [SEEDS [FIRST]]     PROGRAM: engine_bench_forward
The networks are those of random_graphs.py. What is changed are numbers in attributes and constants,
dimensions, types, names, edges, the order of nodes, raw bytes. With a PROGRAM built with the
sanitizers this is an attack; the message must be one line that names the file.
"""
import os
import random
import subprocess
import sys

import onnx
from onnx import AttributeProto, TensorProto, helper

import random_graphs

WILD = [-1, 0, 1, 2, 3, 7, 255, 65535, 65536, 65537, 2**31 - 1, 2**31, -2**31, 2**32, 2**40,
        2**62, 2**63 - 1, -2**63, -2, -3, -2**62]
OPS = ["Conv", "Gemm", "MatMul", "Concat", "Reshape", "Transpose", "Slice", "Gather", "Pad", "Split",
       "Expand", "Tile", "Flatten", "Squeeze", "Unsqueeze", "ReduceMean", "ReduceSum", "MaxPool",
       "AveragePool", "Softmax", "LRN", "BatchNormalization", "Add", "Div", "Pow", "Where", "Shape",
       "ConstantOfShape", "Range", "DepthToSpace", "SpaceToDepth", "Cast", "Clip", "PRelu", "Mod",
       "ScatterND", "LayerNormalization", "GlobalAveragePool", "InstanceNormalization", "Dropout",
       "Loop", "If", "QuantizeLinear", "Resize"]


def attribute_number(r, g):
    a = [a for n in g.node for a in n.attribute if a.type in (AttributeProto.INT, AttributeProto.INTS)]
    if not a:
        return
    a = r.choice(a)
    if a.type == AttributeProto.INT:
        a.i = r.choice(WILD)
    elif a.ints and r.random() < 0.8:
        a.ints[r.randrange(len(a.ints))] = r.choice(WILD)
    elif r.random() < 0.5:
        a.ints.extend([r.choice(WILD)] * r.choice([1, 2, 9]))
    else:
        del a.ints[:]


def attribute_kind(r, g):
    n = r.choice(g.node)
    if n.attribute and r.random() < 0.5:
        a = r.choice(n.attribute)
        new = helper.make_attribute(a.name, r.choice([1, 2.5, "x", [1, 2], [1.5], -7]))
        n.attribute.remove(a)
        n.attribute.append(new)
    elif n.attribute and r.random() < 0.5:
        n.attribute.remove(r.choice(n.attribute))
    else:
        name = r.choice(["axis", "axes", "pads", "group", "strides", "dilations", "kernel_shape",
                         "ceil_mode", "auto_pad", "keepdims", "perm", "epsilon", "blocksize", "size"])
        n.attribute.append(helper.make_attribute(name, r.choice([[1, 1], 2**40, "SAME_LOWER", 1.5])))


def constant_number(r, g):
    t = [t for t in g.initializer if t.data_type == TensorProto.INT64 and len(t.raw_data) >= 8]
    if t:
        t = r.choice(t)
        raw, at = bytearray(t.raw_data), 8 * r.randrange(len(t.raw_data) // 8)
        raw[at:at + 8] = (r.choice(WILD) & (2**64 - 1)).to_bytes(8, "little")
        t.raw_data = bytes(raw)


def constant_dims(r, g):
    t = r.choice(g.initializer)
    if t.dims and r.random() < 0.6:
        t.dims[r.randrange(len(t.dims))] = r.choice(WILD)
    elif t.dims and r.random() < 0.5:
        dims = list(t.dims)  # as many numbers, another shape
        r.shuffle(dims)
        del t.dims[:]
        t.dims.extend(dims + [1] * r.choice([0, 1, 9]))
    else:
        t.dims.append(r.choice(WILD))


def constant_type(r, g):
    t = r.choice(g.initializer)
    t.data_type = r.choice([0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 16, 17, 99])


def constant_bytes(r, g):
    t = r.choice(g.initializer)
    t.raw_data = r.choice([b"", t.raw_data[:-1], t.raw_data + b"\0", b"\xff" * len(t.raw_data)])


def external(r, g):
    t = r.choice(g.initializer)
    t.data_location = TensorProto.EXTERNAL
    if r.random() < 0.5:
        t.ClearField("raw_data")
    for key in ("location", "offset", "length"):
        if r.random() < 0.8:
            e = t.external_data.add()
            e.key = key
            e.value = (r.choice(["random.onnx", "../x", "/etc/passwd", "", "a/../../x", "."])
                       if key == "location" else str(r.choice(WILD)))


def input_edge(r, g):
    n = r.choice([n for n in g.node if n.input])
    names = [o for m in g.node for o in m.output] + [t.name for t in g.initializer] + ["image", "", "no"]
    n.input[r.randrange(len(n.input))] = r.choice(names)


def input_count(r, g):
    n = r.choice(g.node)
    if n.input and r.random() < 0.5:
        del n.input[r.randrange(len(n.input)):]
    else:
        n.input.extend([r.choice(["image", "", *(t.name for t in g.initializer)])] *
                       r.choice([1, 2, 5]))


def output_name(r, g):
    n = r.choice(g.node)
    if r.random() < 0.5:
        n.output[0] = r.choice([r.choice(g.node).output[0], "", "image", "new", "x" * 300])
    else:
        n.output.append(r.choice(["more", "", r.choice(g.node).output[0]]))


def operator(r, g):
    r.choice(g.node).op_type = r.choice(OPS)


def order(r, g):
    nodes = list(g.node)
    r.shuffle(nodes)
    del g.node[:]
    g.node.extend(nodes[:r.choice([len(nodes), len(nodes), len(nodes) // 2])])


def image_dims(r, g):
    d = r.choice(g.input[0].type.tensor_type.shape.dim)
    if r.random() < 0.2:
        d.dim_param = "open"
    else:
        d.dim_value = r.choice(WILD)


def drop_constant(r, g):
    g.initializer.remove(r.choice(g.initializer))


MUTATIONS = [attribute_number, attribute_number, attribute_kind, constant_number, constant_number,
             constant_dims, constant_dims, constant_type, constant_bytes, external, input_edge,
             input_edge, input_count, output_name, operator, operator, order, image_dims,
             drop_constant]


def mutate(seed):
    r = random.Random(seed)
    model, image, _ = random_graphs.make(seed % 97)
    did = []
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        change = r.choice(MUTATIONS)
        did.append(change.__name__)
        change(r, model.graph)
    if r.random() < 0.05:
        model.opset_import[0].version = r.choice(WILD)
        did.append("opset")
    data = bytearray(model.SerializeToString())
    if r.random() < 0.1:
        did.append("byte")
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    outputs = ["no"] + [o for n in model.graph.node for o in n.output if o]
    return bytes(data), image, r.choice(["logits", "penultimate", r.choice(outputs)]), did


def main(program, work, seeds="150", first="0"):
    path, a, b = (os.path.join(work, f) for f in ("random.onnx", "in", "out"))
    counts = {0: 0, 65: 0}
    for seed in range(int(first), int(first) + int(seeds)):
        data, image, tap, did = mutate(seed)
        with open(path, "wb") as f:
            f.write(data)
        image.numpy().tofile(a)
        backend = ["reference", "onednn"][seed % 2]
        r = subprocess.run([program, path, "3", "run", backend, a, b, tap], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=120)
        message = r.stderr.decode(errors="replace")
        # It loads, but the image no longer fits, or not into memory.
        size = f"bench_forward: {a}: wrong size" in message or "bench_forward: memory: no" in message
        if not size and (r.returncode not in counts or
                         (r.returncode and (message.count("\n") != 1 or path not in message))):
            sys.exit(f"FAILED: seed {seed} ({', '.join(did)}), {backend}, tap {tap}: exit code "
                     f"{r.returncode}: {message[-3000:]}; the file is {path}")
        counts[0 if size else r.returncode] += 1
    print(f"{seeds} mutated networks: {counts[65]} refused, {counts[0]} loaded")


if __name__ == "__main__":
    main(*sys.argv[1:])
