#!/usr/bin/env bash
# Features beyond limits.memory_mib are streamed from the cache: the same results, heads and predictions.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 12000 200
write_job
"$python" - <<'PY'
text = open("job.cfg").read().replace("seeds = 2", "seeds = 1")
text = text[: text.index("experiments")] + """experiments = (
    { name = "all"; source = "own"; backbone = "pixels"; baseline = "resnet-random";
      target = ["other"]; head = "softmax"; shots = [0]; }
);
"""
open("job.cfg", "w").write(text)
PY

# 6,000 rows of 784 floats are 17.9 MiB; on two ranks they fit.
few=(--set heads.0.optimizer.steps=40)
must_run 0 kept "${few[@]}"
must_run 0 streamed "${few[@]}" --set limits.memory_mib=16
must_run 2 two "${few[@]}" --set limits.memory_mib=16
for other in streamed two; do
    same_results kept $other
    for file in kept/heads/* kept/predictions/*; do same "$file" "${file/#kept/$other}"; done
done
lbfgs=(--set heads.0.optimizer.kind=lbfgs --set heads.0.optimizer.tolerance=1e-2)
must_run 0 kept-lbfgs "${lbfgs[@]}"
must_run 0 streamed-lbfgs "${lbfgs[@]}" --set limits.memory_mib=16
same_results kept-lbfgs streamed-lbfgs

# Closed forms, neighbours and components from one pass over streamed rows; what they need of them besides.
"$python" - <<'PY'
text = open("job.cfg").read()
start, end = text.index("heads = ("), text.index("experiments")
heads = """heads = (
    { name = "lda"; kind = "lda"; shrinkage = [0.1]; },
    { name = "ridge"; kind = "ridge"; l2 = [1.0, 100.0]; transform = "pca"; components = 30; },
    { name = "near"; kind = "centroid"; metric = "cosine"; },
    { name = "knn"; kind = "knn"; k = [5]; }
);
"""
open("job.cfg", "w").write(text[:start] + heads + text[end:].replace('"softmax"', '["lda", "ridge", "near", "knn"]'))
PY
must_run 0 kept-closed
must_run 0 streamed-closed --set limits.memory_mib=16
same_results kept-closed streamed-closed
for file in kept-closed/heads/* kept-closed/predictions/*; do same "$file" "${file/#kept/streamed}"; done
