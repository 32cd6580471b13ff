#!/usr/bin/env bash
# Early stopping in a job: heads stop by their validation samples, at the same step and with the same
# bits at any number of ranks; without such samples it is refused.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
sed -i '/^heads = /,/^);/d' job.cfg
cat >>job.cfg <<'CFG'
heads = ( { name = "net"; kind = "mlp"; hidden = 32; dropout = 0.2; validation_fraction = 0.3;
    optimizer = { kind = "adamw"; learning_rate = [0.003, 0.03]; batch = 64; steps = 3000;
                  schedule = "constant"; patience = 3; watch_steps = 10; }; } );
CFG
options=(--set "experiments.0.head=net" --set "experiments.1.head=net"
    --set "experiments.0.target=own" --set "experiments.1.target=own"
    --set "experiments.0.shots=[20]" --set "experiments.1.shots=[20]")

must_run 1 one "${options[@]}"
must_run 3 three "${options[@]}"
same_results one three
"$python" - one/results.jsonl <<'PY' || fail "the records do not say that heads stopped early"
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    stopped = r["hyper"]["stopped_after"]
    assert r["n_validation"] == 30 and r["n_train"] == 70, r
    assert stopped is not None and 30 <= stopped < 3000 and stopped % 10 == 0, stopped
    assert r["status"] == "ok" and r["metrics"]["accuracy"] > 0.4, r
PY

must_fail() { # CODE PATTERN [ARGUMENT ...]
    local code=0 wanted=$1 pattern=$2
    shift 2
    judd_at 2 refused "${options[@]}" "$@" || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $(cat refused.err)"
    grep -q "$pattern" refused.err || fail "not said why: $(cat refused.err)"
}
must_fail 78 'patience needs samples to watch: set validation_fraction' \
    --set heads.net.validation_fraction=0
