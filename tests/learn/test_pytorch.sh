#!/usr/bin/env bash
# 50 full-batch steps of SGD against PyTorch's (float64) on the same problem: momentum, weight decay
# on the weights alone, cosine and constant schedules.
. "$JUDD_SOURCE/tests/scratch.sh"
need torch numpy
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"$python" - "$JUDD_BUILD/tests/learn_bench_sgd" <<'PY'
import subprocess, sys
import numpy as np, torch

def torch_sgd(x, y, classes, steps, cosine, rate, l2, momentum):
    layer = torch.nn.Linear(x.shape[1], classes).double()
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD([{"params": [layer.weight], "weight_decay": l2},
                                 {"params": [layer.bias], "weight_decay": 0.0}],
                                lr=rate, momentum=momentum)
    schedule = (torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if cosine else
                torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0))
    inputs, labels = torch.from_numpy(x).double(), torch.from_numpy(y).long()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(inputs), labels).backward()
        optimizer.step()
        schedule.step()
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()

random = np.random.default_rng(5)
cases = [(100, 64, 5, True, 0.1, 0.01, 0.9), (100, 784, 5, True, 0.01, 0.1, 0.9),
         (7, 33, 3, True, 0.5, 0.0, 0.0), (500, 20, 10, False, 0.05, 1e-3, 0.9),
         (250, 300, 2, False, 0.003, 1.0, 0.5)]
for n, dim, classes, cosine, rate, l2, momentum in cases:
    steps = 50
    y = random.integers(0, classes, n).astype(np.int32)
    x = (random.normal(size=(n, dim)) + random.normal(size=(classes, dim))[y]).astype(np.float32)
    with open("input", "wb") as file:
        for array in (np.array([n, dim, classes, n + 9, steps, cosine], np.int64),
                      np.array([rate, l2, momentum], np.float64), x, y):
            file.write(array.tobytes())
    subprocess.run([sys.argv[1], "input", "output"], check=True, timeout=60)
    ours = np.fromfile("output", np.float32).astype(np.float64)
    weight, bias = torch_sgd(x, y, classes, steps, cosine, rate, l2, momentum)
    for name, got, expected in (("weight", ours[:-classes].reshape(classes, dim), weight),
                                ("bias", ours[-classes:], bias)):
        error = np.abs(got - expected).max() / np.abs(expected).max()
        print(f"n {n}, dim {dim}, classes {classes}: {name} relative error {error:.1e}")
        assert error <= 1e-4, "differs from PyTorch"
PY
