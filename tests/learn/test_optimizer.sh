# Optimisers, schedules, clipping, class weights and smoothing: 30 steps, weight by weight as
# PyTorch's. Tolerance: both round to float32 in each step, in another order.
. "$JUDD_SOURCE/tests/scratch.sh"
need torch
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

"$python" - <<'PY'
import math, os, subprocess, sys
import numpy as np
import torch

n, d, classes, steps = 90, 12, 5, 30
random = np.random.default_rng(1)
x = random.normal(size=(n, d)).astype(np.float32)
y = (x[:, :classes] + random.normal(size=(n, classes))).argmax(1).astype(np.int32)
with open("data", "wb") as file:
    file.write(np.array([n, d, classes], np.int32).tobytes() + x.tobytes() + y.tobytes())
SGD, NESTEROV, ADAMW = 0, 1, 2
CONSTANT, COSINE, STEP = 0, 1, 2

def judd(options):
    arguments = [f"{k}={v}" for k, v in options.items()]
    subprocess.run(["bash", os.environ["JUDD_SOURCE"] + "/tests/mpirun.sh", "1",
                    os.environ["JUDD_BUILD"] + "/tests/learn_bench_optimizer", "data", "out",
                    *arguments], check=True, timeout=60)
    result = np.fromfile("out", np.float32)
    return result[:classes * d].reshape(classes, d), result[classes * d:]

def factor(o, t):
    warmup = o.get("warmup", 0)
    if t < warmup:
        return (t + 1) / warmup
    t, all_steps = t - warmup, steps - warmup
    return {CONSTANT: 1, COSINE: (1 + math.cos(math.pi * t / all_steps)) / 2,
            STEP: o.get("decay_factor", 0.1) ** (t // o.get("decay_steps", 1))}[o.get("schedule", 0)]

def pytorch(o):
    head = torch.nn.Linear(d, classes)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    rate, decay = o.get("rate", 0.1), o.get("l2", 0)
    groups = [{"params": [head.weight], "weight_decay": decay},
              {"params": [head.bias], "weight_decay": 0}]
    if o["kind"] == ADAMW:
        optimizer = torch.optim.AdamW(groups, lr=rate)
    else:
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=o["kind"] == NESTEROV)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: factor(o, t))
    weight = 0.5 * (1 + torch.arange(classes)) if o.get("weights") else None
    loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=o.get("smoothing", 0))
    for _ in range(steps):
        optimizer.zero_grad()
        loss(head(torch.from_numpy(x)), torch.from_numpy(y).long()).backward()
        if o.get("clip"):
            torch.nn.utils.clip_grad_norm_(head.parameters(), o["clip"])
        optimizer.step()
        schedule.step()
    return head.weight.detach().numpy(), head.bias.detach().numpy()

cases = [dict(kind=SGD, l2=0.05), dict(kind=NESTEROV, l2=0.05), dict(kind=ADAMW, l2=0.1),
         dict(kind=SGD, schedule=COSINE, warmup=5),
         dict(kind=ADAMW, schedule=STEP, decay_steps=7, decay_factor=0.3, rate=0.05),
         dict(kind=SGD, clip=0.1), dict(kind=NESTEROV, weights=1),
         dict(kind=ADAMW, smoothing=0.2), dict(kind=SGD, weights=1, smoothing=0.1, clip=0.5)]
wrong, seen = 0, []
for case in cases:
    w, b = judd(dict(case, steps=steps))
    u, c = pytorch(case)
    off = max(abs(w - u).max(), abs(b - c).max())
    print(f"{case}: largest weight {abs(u).max():.3f}, largest difference {off:.1e}")
    if not off <= 2e-5 * (1 + abs(u).max()):
        wrong += 1
        print("  differs")
    if any(np.allclose(w, v, atol=1e-4) for v in seen):
        wrong += 1
        print("  an option had no effect")
    seen.append(w)
sys.exit(wrong > 0)
PY
