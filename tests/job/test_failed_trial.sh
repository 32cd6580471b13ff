#!/usr/bin/env bash
# A training that has no answer for its samples is a failed trial: the others go on, what starts
# from it fails too, all of it is the same at any number of ranks and finished the next time.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 200
write_job
sed -i '/^heads = (/,$d' job.cfg
cat >>job.cfg <<CFG
heads = (
    { name = "good"; kind = "ridge"; },
    { name = "lda"; kind = "lda"; covariance = "ledoit-wolf"; },
    { name = "lone"; kind = "knn"; k = 3; },
    { name = "deep"; kind = "mlp"; hidden = [8]; transform = "pca"; components = 30; folds = 2;
      optimizer = { kind = "adamw"; learning_rate = [0.01]; steps = 5; batch = 16; }; }
);
experiments = (
    { name = "good"; source = "own"; backbone = "resnet"; baseline = "pixels"; target = "other";
      head = ["good", "lda"]; shots = [2]; },
    { name = "warm"; mode = "warm"; source = "own"; source_shots = 5; labels = "none";
      backbone = "pixels"; target = "other"; head = "deep"; shots = 20; }
);
CFG

for ranks in 1 2 3; do
    must_run $ranks "at$ranks" --set "cache=cache$ranks"
    same_results at1 "at$ranks"
    for file in at1/heads/* at1/predictions/*; do same "$file" "${file/#at1/at$ranks}"; done
done
"$python" - <<'PY'
import json, os
records = [json.loads(line) for line in open("at1/results.jsonl")]
failed = {r["trial"]: r for r in records if r["status"] == "failed"}
assert {r["head"] for r in failed.values()} == {"lda", "deep"}, failed
for trial, r in failed.items():
    assert r["failure"] and r["metrics"] == {"ci95": {}} and r["head_sha256"] is None, r
    assert r["n_train"] > 0 or "starts" in r["failure"], r
    assert not os.path.exists(f"at1/heads/{trial}.h5"), trial
    assert not os.path.exists(f"at1/predictions/{trial}.h5"), trial
lda = [r["failure"] for r in failed.values() if r["head"] == "lda"]
assert all("set covariance" in x for x in lda), lda
deep = [r for r in failed.values() if r["head"] == "deep"]
source = [r for r in deep if "pca: components = 30" in r["failure"]]
heirs = [r for r in deep if "from whose head it starts" in r["failure"]]
assert source and heirs and len(source) + len(heirs) == len(deep), deep
assert all(any(s["trial"] in r["failure"] for s in source) for r in heirs), heirs
ok = [r for r in records if r["status"] == "ok"]
assert {r["head"] for r in ok} >= {"good", "deep"}, ok  # the heirs' baselines
verdicts = {(v["experiment"], v["head"]): v for v in map(json.loads, open("at1/verdicts.jsonl"))}
assert verdicts["good", "good"]["gain"] is not None
assert verdicts["good", "lda"]["gain"] is None and verdicts["warm", "deep"]["gain"] is None
PY
grep -q 'trials failed' at1.err || fail "no warning: $(cat at1.err)"
grep -q 'failed: ' at1/report.html || fail "the report does not say what failed"
"$JUDD" verify at1 | grep -q ' 0 damaged' || fail "verify: $("$JUDD" verify at1)"

# Finished is finished: nothing is trained again, at another number of ranks either.
cp at1/timing.jsonl before.jsonl
must_run 2 at1 --set cache=cache1
same at1/timing.jsonl before.jsonl

# What an earlier training left, on other data, is not taken for what failed.
mkdir stale
cp -r at1/. stale/
mv stale/heads/"$(ls stale/heads | grep good+other+good | head -1)" stale/heads/good+other+lda+k2+s3+transfer.h5
sed -i '/"failure"/d' stale/results.jsonl
rm stale/COMPLETED
must_run 1 stale --set cache=cache1
[ ! -e stale/heads/good+other+lda+k2+s3+transfer.h5 ] || fail "a failed trial kept the head of an earlier one"
same_results at1 stale

# Predictions of a head without weights are verified, too.
sed -i 's/head = \["good", "lda"\]/head = ["good", "lone"]/' job.cfg
must_run 1 lone --set cache=cache1
for file in lone/predictions/*lone*.h5; do printf x | dd of="$file" bs=1 seek=2000 conv=notrunc status=none; done
code=0
"$JUDD" verify lone >verify.out || code=$?
[ "$code" = 65 ] || fail "verify of damaged predictions ended with $code: $(cat verify.out)"

# Nothing but failures is no outcome: it is said, and the job is not complete.
sed -i 's/head = \["good", "lone"\]/head = "lda"/; /name = "warm"/,/shots = 20/d' job.cfg
for again in 1 2; do
    code=0
    judd_at 2 none --set cache=cache1 || code=$?
    [ "$code" = 65 ] || fail "a job of failures ended with $code: $(cat none.err)"
    grep -q 'all 4 trials failed; .*set covariance' none.err || fail "not said: $(cat none.err)"
    [ ! -e none/COMPLETED ] || fail "a job of failures is complete"
done

# A pick that has a model on the training part (one sample a class: no covariance, hence the nearest
# mean), and none with the validation samples, gives way to the next best value of the grid.
"$python" - <<'PY'
import numpy as np
random = np.random.default_rng(5)
for part, n in (("train", 200), ("test", 60)):
    y = np.arange(n) % 4
    x = random.normal(size=(n, 12)).astype("f4")
    x[np.arange(n), y] += 2
    x[:, [3, 7]] = 1
    np.save(f"{part}-x.npy", x)
    np.save(f"{part}-y.npy", y.astype("i8"))
PY
cat >job.cfg <<CFG
schema = 1; name = "refit"; seed = 1; verdict = { seeds = 2; };
backbones = ( { name = "few"; kind = "none"; columns = [0, 8]; }, { name = "all"; kind = "none"; columns = [0, 12]; } );
datasets = ( { name = "t"; format = "npy"; train = { images = "train-x.npy"; labels = "train-y.npy"; };
               test = { images = "test-x.npy"; labels = "test-y.npy"; }; } );
heads = ( { name = "lda"; kind = "lda"; shrinkage = [0.0, 0.1, 0.5]; validation_fraction = 0.34; } );
experiments = ( { name = "e"; source = "s"; backbone = "all"; baseline = "few"; target = "t"; head = "lda"; shots = [2]; } );
CFG
for ranks in 1 3; do must_run $ranks "refit$ranks"; done
same_results refit1 refit3
grep -q 'singular at shrinkage = 0: .*; the next best value of the grid is taken' refit1.err ||
    fail "not said: $(cat refit1.err)"
"$python" - <<'PY'
import json
for r in map(json.loads, open("refit1/results.jsonl")):
    assert r["status"] == "ok" and r["refit"] and r["hyper"]["shrinkage"] == 0.1, r
    assert [n["score"] for n in r["selection"]["neighbours"] if n["shrinkage"] == 0] == [None], r
PY
