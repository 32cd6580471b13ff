# MLPs and the other losses: 40 minibatch steps, weight by weight as PyTorch's from the same first weights and sample
# order; convex heads by L-BFGS as scikit-learn's. Tolerance: both round to float32 in each step, in another order;
# L-BFGS's result is rounded to float32 once.
. "$JUDD_SOURCE/tests/scratch.sh"
need torch sklearn
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

"$python" - <<'PY'
import os, subprocess, sys
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge

n, d, outputs, steps, batch = 90, 12, 5, 40, 32
random = np.random.default_rng(1)
x = random.normal(size=(n, d)).astype(np.float32)
score = x[:, :outputs] + random.normal(size=(n, outputs))
y = score.argmax(1).astype(np.int32)
answers = {0: np.zeros((0, outputs), np.float32), 1: (score > 0.5).astype(np.float32),
           2: (score * [1, 2, 3, 4, 5] + 100).astype(np.float32)}
SGD, NESTEROV, ADAMW, LBFGS = 0, 1, 2, 3
SOFTMAX, SIGMOID, SQUARED = 0, 1, 2

def judd(o):
    with open("data", "wb") as file:
        file.write(np.array([n, d, outputs], np.int32).tobytes() + x.tobytes() + y.tobytes() +
                   answers[o["loss"]].tobytes())
    subprocess.run(["bash", os.environ["JUDD_SOURCE"] + "/tests/mpirun.sh", "1",
                    os.environ["JUDD_BUILD"] + "/tests/learn_bench_optimizer", "data", "out",
                    *(f"{k}={v}" for k, v in o.items())], check=True, timeout=60)
    return np.fromfile("out", np.float32)

def network(o):
    layers, inputs = [], d
    for units in (o[k] for k in ("hidden1", "hidden2", "hidden3") if k in o):
        layers.append(torch.nn.Linear(inputs, units))
        if o.get("norm"):
            layers.append(torch.nn.LayerNorm(units))
        layers.append(torch.nn.GELU() if o.get("gelu") else torch.nn.ReLU())
        inputs = units
    layers.append(torch.nn.Linear(inputs, outputs))
    return torch.nn.Sequential(*layers)

def pytorch(o):
    head, first, at = network(o), np.fromfile("out.first", np.float32), 0
    with torch.no_grad():
        for p in head.parameters():
            p.copy_(torch.from_numpy(first[at:at + p.numel()].reshape(p.shape)))
            at += p.numel()
    assert at == len(first)
    decaying = [p for m in head if isinstance(m, torch.nn.Linear) for p in [m.weight]]
    others = [p for p in head.parameters() if not any(p is q for q in decaying)]
    groups = [{"params": decaying, "weight_decay": o.get("l2", 0)},
              {"params": others, "weight_decay": 0}]
    if o["kind"] == ADAMW:
        optimizer = torch.optim.AdamW(groups, lr=o["rate"])
    else:
        optimizer = torch.optim.SGD(groups, lr=o["rate"], momentum=0.9,
                                    nesterov=o["kind"] == NESTEROV)
    target = torch.from_numpy(answers[o["loss"]])
    mean, deviation = target.mean(0), target.std(0, unbiased=False)
    weight = 0.5 * (1 + torch.arange(outputs)) if o.get("weights") else None
    loss = {SOFTMAX: lambda z, i: torch.nn.CrossEntropyLoss()(z, torch.from_numpy(y[i]).long()),
            SIGMOID: lambda z, i: torch.nn.BCEWithLogitsLoss(pos_weight=weight)(z, target[i]),
            SQUARED: lambda z, i: torch.nn.MSELoss()(z, (target[i] - mean) / deviation)}[o["loss"]]
    order, at = np.fromfile("out.order", np.int64), 0
    for step in range(steps):  # an epoch's last batch is what is left
        size = min(batch, n - step % -(-n // batch) * batch)
        i = order[at:at + size]
        at += size
        optimizer.zero_grad()
        loss(head(torch.from_numpy(x[i])), i).backward()
        if o.get("clip"):
            torch.nn.utils.clip_grad_norm_(head.parameters(), o["clip"])
        optimizer.step()
    assert at == len(order)
    if o["loss"] == SQUARED:
        with torch.no_grad():
            head[-1].weight *= deviation[:, None]
            head[-1].bias.copy_(head[-1].bias * deviation + mean)
    return np.concatenate([p.detach().numpy().ravel() for p in head.parameters()])

def sklearn(o):
    if o["loss"] == SQUARED:
        ridge = Ridge(alpha=o["l2"] * n * outputs / 2, tol=1e-12)
        ridge.fit(x.astype(float), answers[SQUARED].astype(float))
        return np.concatenate([ridge.coef_.ravel(), ridge.intercept_])
    models = []
    for c in range(outputs):
        weight = {0: 1, 1: 0.5 * (1 + c)} if o.get("weights") else None
        models.append(LogisticRegression(C=1 / (o["l2"] * n * outputs), solver="newton-cg", tol=1e-8,
                                         max_iter=10000, class_weight=weight))
        models[c].fit(x.astype(float), answers[SIGMOID][:, c])
    return np.concatenate([np.concatenate([m.coef_.ravel() for m in models]),
                           np.concatenate([m.intercept_ for m in models])])

cases = [dict(kind=SGD, loss=SOFTMAX, hidden1=16, rate=0.1, l2=0.01),
         dict(kind=ADAMW, loss=SOFTMAX, hidden1=16, hidden2=9, gelu=1, rate=0.01, l2=0.1),
         dict(kind=NESTEROV, loss=SOFTMAX, hidden1=16, hidden2=12, hidden3=8, norm=1, rate=0.05),
         dict(kind=ADAMW, loss=SOFTMAX, hidden1=16, hidden2=9, norm=1, gelu=1, rate=0.01, clip=0.5),
         dict(kind=SGD, loss=SIGMOID, rate=0.5, l2=0.01),
         dict(kind=ADAMW, loss=SIGMOID, rate=0.02, weights=1),
         dict(kind=SGD, loss=SIGMOID, hidden1=10, gelu=1, rate=0.2, weights=1),
         dict(kind=SGD, loss=SQUARED, rate=0.05, l2=0.1),
         dict(kind=ADAMW, loss=SQUARED, hidden1=10, norm=1, rate=0.01),
         dict(kind=LBFGS, loss=SIGMOID, l2=0.01), dict(kind=LBFGS, loss=SIGMOID, l2=0.001, weights=1),
         dict(kind=LBFGS, loss=SQUARED, l2=0.01), dict(kind=LBFGS, loss=SQUARED, l2=1)]
wrong, seen = 0, []
for o in cases:
    w = judd(dict(o, steps=steps, batch=batch))
    u = sklearn(o) if o["kind"] == LBFGS else pytorch(o)
    off = abs(w - u).max()
    print(f"{o}: largest parameter {abs(u).max():.3f}, largest difference {off:.1e}")
    if len(w) != len(u) or not off <= 2e-5 * (1 + abs(u).max()):
        wrong += 1
        print("  differs")
    if any(len(w) == len(v) and np.allclose(w, v, atol=1e-4) for v in seen):
        wrong += 1
        print("  an option had no effect")
    seen.append(w)
sys.exit(wrong > 0)
PY
