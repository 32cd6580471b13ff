#!/usr/bin/env bash
# verdict.seeds = "auto": the same looks at any number of ranks and after kill -9; a comparison that is
# decided stops; what is recorded is what a job with fixed seeds records of those trials.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
sed -i 's/shots = \[5, 20\]/shots = [5]/; s/seeds = 2;/seeds = "auto"; max_seeds = 10; margin = 0.01;/' job.cfg

options=(--set heads.softmax.l2=0.1 --set heads.softmax.optimizer.learning_rate=0.03
    --set heads.softmax.optimizer.steps=40)

for ranks in 1 2 3; do
    must_run $ranks "at$ranks" "${options[@]}"
    same_results at1 "at$ranks"
    same_table at1.out "at$ranks.out"
done
grep -q 'seeds = "auto"' at1/job.cfg || fail "the resolved job does not say auto"

# again: nothing is trained, nothing changes
cp at1/results.jsonl before.jsonl
must_run 2 at1 "${options[@]}"
same before.jsonl at1/results.jsonl
same_results at1 at2

# killed in the second look
look2() { [ -f killed/results.jsonl ] && [ "$(wc -l <killed/results.jsonl)" -gt 42 ]; }
start 2 killed "${options[@]}"
kill_when look2
[ ! -f killed/COMPLETED ] || fail "killed too late"
must_run 3 killed "${options[@]}"
same_results at1 killed

must_run 2 fixed "${options[@]}" --set verdict.seeds=10
"$python" - <<'PY'
import json
read = lambda name: [json.loads(line) for line in open(name)]
auto = {r["comparison"]: r for r in read("at1/verdicts.jsonl")}
fixed = {r["comparison"]: r for r in read("fixed/verdicts.jsonl")}
used = {}
for r in read("at1/results.jsonl"):
    used.setdefault(r["trial"].rsplit("+s", 1)[0], set()).add(r["trial"])
assert used.keys() == auto.keys() == fixed.keys() and len(auto) == 4
for name, v in auto.items():
    assert v["looks"] == 2 and "looks" not in fixed[name], v
    assert v["n_seeds"] in (5, 10) and len(used[name]) == 2 * v["n_seeds"], v
    if v["n_seeds"] == 5:
        assert v["verdict"] != "inconclusive" and v["p_holm"] < 0.05, v
    else:  # twice the p-value of the same seeds looked at once
        assert v["gain"] == fixed[name]["gain"] and v["p_holm"] >= fixed[name]["p_holm"], v
assert {v["n_seeds"] for v in auto.values()} == {5, 10}, auto
lines = set(open("fixed/results.jsonl"))
assert all(line in lines for line in open("at1/results.jsonl"))
PY
code=0
judd_at 0 bad --set verdict.seeds=automatic || code=$?
[ "$code" = 78 ] || fail "seeds = automatic ended with $code"
