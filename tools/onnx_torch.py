"""Evaluate a small ONNX network node by node with torch.nn.functional in float64.

An oracle for Judd's own importer and engine, so it shares nothing with them: weights come through
the onnx package, arithmetic through PyTorch. Shared by the development scripts beside it.
"""

import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F


def symmetric(pads):
    """ONNX pads [top, left, bottom, right] as PyTorch's (rows, columns)."""
    if not pads:
        return (0, 0)
    if pads[:2] != pads[2:]:
        raise NotImplementedError(f"asymmetric pads {pads}")
    return tuple(pads[:2])


def conv(a, x, weight, bias=None):
    return F.conv2d(x, weight, bias, a.get("strides", [1, 1]), symmetric(a.get("pads")),
                    a.get("dilations", [1, 1]), a.get("group", 1))


def gemm(a, x, weight, bias):
    if a.get("transA", 0):
        raise NotImplementedError("Gemm with transA")
    weight = weight if a.get("transB", 0) else weight.T
    return a.get("alpha", 1.0) * F.linear(x, weight) + a.get("beta", 1.0) * bias


def max_pool(a, x):
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", [1, 1]), symmetric(a.get("pads")),
                        ceil_mode=bool(a.get("ceil_mode", 0)))


OPERATORS = {
    "Conv": conv,
    "Gemm": gemm,
    "MaxPool": max_pool,
    "Relu": lambda a, x: F.relu(x),
    "Add": lambda a, x, y: x + y,
    "GlobalAveragePool": lambda a, x: F.adaptive_avg_pool2d(x, 1),
    "Flatten": lambda a, x: torch.flatten(x, a.get("axis", 1)),
}


class Model:
    """A network read from an ONNX file."""

    def __init__(self, path):
        self.graph = onnx.load(path).graph
        self.weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).double()
                        for tensor in self.graph.initializer}

    def run(self, images):
        """Normalised images [n, channels, height, width] -> (penultimate [n, d], logits [n, c]):
        what goes into the last Gemm and what comes out of the network, float64 arrays."""
        values = dict(self.weights)
        values[self.graph.input[0].name] = torch.as_tensor(images, dtype=torch.float64)
        for node in self.graph.node:
            if node.op_type not in OPERATORS:
                raise NotImplementedError(f"{node.name}: operator {node.op_type}")
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](attributes, *inputs)
        last = [node for node in self.graph.node if node.op_type == "Gemm"][-1]
        return values[last.input[0]].numpy(), values[self.graph.output[0].name].numpy()
