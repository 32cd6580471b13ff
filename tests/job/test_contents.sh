#!/usr/bin/env bash
# judd inspect on what Judd wrote: every tensor that h5py sees, the numbers in it, how far a job is;
# and a file that was made to mislead.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 300 100
write_job
sed -i 's/learning_rate = \[0.01, 0.1\]/learning_rate = [0.01]/; s/steps = 100;/steps = 200000;/; s/checkpoint_s = 0.0/checkpoint_steps = 20/' job.cfg

inspect() { # CODE PATH [WORDS ...]: every WORDS is in what it says
    local code=0 path=$2 wanted=$1 words
    timeout 60 "$JUDD" inspect "$path" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || fail "inspect $path ended with $code, not $wanted: $(cat err)"
    shift 2
    for words in "$@"; do
        grep -qF -- "$words" out err || fail "inspect $path: no '$words' in $(cat out err)"
    done
}

start 2 run
wait_until 60 eval '[ -n "$(find run/checkpoints -name "step-*" -not -name "*tmp*" 2>/dev/null)" ]' || fail "no checkpoint: $(cat run.err)"
send USR1
wait "$started" || true
started=
step=$(find run/checkpoints -name 'step-*' -not -name '*.tmp' | head -1)
inspect 0 "$step" "step ${step##*-}" "title: Judd checkpoint" layer0_weight "optimiser's first state"
inspect 0 run "not complete; trials recorded: 0 ok"
sed -i 's/steps = 200000;/steps = 10;/' job.cfg
must_run 1 done
inspect 0 done "output folder, complete" "32 ok, 0 diverged, 0 failed"
inspect 0 cache "Judd feature cache" "300 x 64"
head=$(ls done/heads/*.h5 | head -1)
inspect 0 "$head" "title: Judd head" class_names "feature_mean"
predictions=$(ls done/predictions/*.h5 | head -1)
inspect 0 "$predictions" "Judd test predictions" "confusion"
mkdir empty
inspect 65 empty
mkdir odd
printf '{"schema":1,"trial":"a","status":"failed","failure":"red \\u001b[31m"}\n' >odd/results.jsonl
inspect 0 odd "not complete" "1 failed" "a: red ?[31m"

"$python" -c 'import h5py' 2>/dev/null || skip "python3-h5py is needed for the rest"
"$python" - "$JUDD" "$head" <<'PY'
import shutil, subprocess, sys
import h5py, numpy as np
judd, path = sys.argv[1:]
def inspect(path):
    p = subprocess.run([judd, "inspect", path], capture_output=True, timeout=60)
    assert p.returncode in (0, 65, 74), (p.returncode, p.stderr)
    return p.returncode, p.stdout.decode(errors="strict"), p.stderr.decode()
code, out, err = inspect(path)
assert code == 0, err
with h5py.File(path, "r") as file:
    for name in file:
        line = [l for l in out.splitlines() if l.split()[:1] == [name]]
        assert len(line) == 1, (name, out)
        assert " x ".join(map(str, file[name].shape)) in line[0], line
        if file[name].size <= 8 and file[name].dtype.kind == "f":
            shown = [float(x) for x in line[0].rsplit(": ", 1)[1].split(",")]
            assert np.allclose(shown, file[name][()], rtol=1e-8), (line, file[name][()])
    assert f"kind: {file.attrs['kind'].decode()}" in out, out

# links that lead elsewhere are not followed, names are one line, what is large is not read
shutil.copy(path, "evil.h5")
with h5py.File("other.h5", "w", libver="latest") as other:
    other["secret"] = np.full(3, 4242.0)
with h5py.File("evil.h5", "r+", libver="latest") as file:
    file["outside"] = h5py.ExternalLink("other.h5", "/secret")
    file["soft"] = h5py.SoftLink("/weight")
    file["a\nb\x1b[31m"] = np.arange(3)
    file.create_dataset("vast", shape=(1 << 40, 1 << 20), chunks=(1, 1), dtype="f8")
    file["circle"] = file["/"]
code, out, err = inspect("evil.h5")
assert "4242" not in out and "\x1b" not in out + err, (out, err)
PY
