# L-BFGS against scikit-learn's newton-cg in float64 (its tolerance is on the gradient of the sum): the loss may exceed its minimum by 1e-8 at
# most, and not be below it; the same bits at any number of ranks and on any instruction set.
. "$JUDD_SOURCE/tests/scratch.sh"
need sklearn
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

"$python" - <<'PY'
import json, os, subprocess, sys, warnings
import numpy as np
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
wrong = 0

def judd(ranks, *arguments, **environment):
    result = subprocess.run(["bash", os.environ["JUDD_SOURCE"] + "/tests/mpirun.sh", str(ranks),
                             os.environ["JUDD"], "bench", "path", "--json", *map(str, arguments)],
                            stdout=subprocess.PIPE, check=True, timeout=120,
                            env=dict(os.environ, **environment))
    return json.loads(result.stdout)

def objective(model, x, y, strength):
    z = x @ model.coef_.T + model.intercept_
    z -= z.max(1, keepdims=True)
    loss = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    return loss.mean() + strength / len(y) / 2 * (model.coef_ ** 2).sum()

for name, load in (("iris", load_iris), ("digits", load_digits)):
    x, y = load(return_X_y=True)
    x = x.astype(np.float32)
    n, d = x.shape
    with open("data", "wb") as file:
        file.write(np.concatenate([x, x[:1]]).tobytes())
        file.write(np.append(y, y[0]).astype(np.int32).tobytes())
    arguments = ["--data", "data", "--samples", n, "--tests", 1, "--features", d, "--classes",
                 len(set(y)), "--last", 100]
    tight = judd(1, *arguments, "--values", 4, "--first", 0.1, "--tolerance", 1e-9)  # the default
    for strength, value in zip(np.logspace(-1, 2, 4), tight["objective"]):
        model = LogisticRegression(C=1 / strength, solver="newton-cg", tol=1e-6, max_iter=10000)
        best = objective(model.fit(x.astype(float), y), x.astype(float), y, strength)
        print(f"{name} strength {strength:g}: {value:.15g}, newton-cg {best:.15g}, "
              f"relative {value / best - 1:.1e}")
        if not abs(value / best - 1) <= 1e-8:
            wrong += 1
            print("  differs")
    arguments += ["--values", 3, "--first", 1, "--tolerance", 1e-8]
    result = judd(1, *arguments)
    same = {judd(2, *arguments)["head_sha256"], judd(3, *arguments)["head_sha256"],
            judd(1, *arguments, JUDD_GEMM_ISA="avx2")["head_sha256"]}
    if name == "iris":
        same.add(judd(1, *arguments, JUDD_GEMM_ISA="generic")["head_sha256"])
    if same != {result["head_sha256"]}:
        wrong += 1
        print(name, "has other bits at other ranks or on another instruction set")
# What the curvature along the weights saves: 84 evaluations without it; where classes are separated
# and curvatures vanish, 147, and 650 if it is measured along the weights only.
for shape, most in (((4000, 64, 5), 60), ((300, 300, 10), 160)):
    options = [x for pair in zip(("--samples", "--features", "--classes"), shape) for x in pair]
    evaluations = judd(1, *options, "--values", 4)["evaluations"]
    print(*shape, "evaluations", evaluations)
    wrong += evaluations > most
# Badly scaled features, as they are: a sample a million times as large as the others, a constant column,
# columns of six sizes. What rounding leaves of the same change of all outputs must not grow.
generator = np.random.default_rng(10)
plain = generator.standard_normal((150, 6))
y = generator.integers(0, 3, 150)
outlier, constant = plain.copy(), plain.copy()
outlier[7] *= 1e6
constant[:, 3] = 1e4
for name, x, most in (("outlier", outlier, 1600), ("constant", constant, 120),
                      ("sizes", plain * np.logspace(0, 5, 6), 200)):
    with open("data", "wb") as file:
        file.write(x.astype(np.float32).tobytes() + y.astype(np.int32).tobytes())
    result = judd(1, "--data", "data", "--samples", 140, "--tests", 10, "--features", 6, "--classes", 3,
                  "--values", 4, "--first", 1e-3, "--last", 10, "--tolerance", 1e-6)
    print(name, "evaluations", result["evaluations"], *result["stop"], sep=", ")
    wrong += result["evaluations"] > most or set(result["stop"]) != {"gradient within tolerance"}
sys.exit(wrong > 0)
PY
