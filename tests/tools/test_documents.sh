#!/usr/bin/env bash
# Links, files, commands, options and keys that the documents name are there; the README's jobs are read; its
# commands for an own job are run, line by line.
. "$JUDD_SOURCE/tests/cli/pictures.sh"
documents() { "$python" "$JUDD_SOURCE/tests/tools/documents.py" "$JUDD" "$JUDD_SOURCE" "$@"; }
documents

# it notices what is wrong
cat >wrong.md <<'MD'
# Head
[a](gone.md) [b](#nowhere) `src/job/gone.c` `tools/gone` `judd/job/gone.h`

    judd go runs/mine
    mpirun -n 2 build/judd run mine.cfg --fast --fresh
    judd bench train --sample 3
    judd run mine.cfg --set heads.a.speed=3

`@include "heads/gone.cfg"` and `speed = 3`
MD
if documents "$folder/wrong.md" >wrong.out; then
    echo "nothing is wrong?"
    exit 1
fi
for words in 'gone.md: no such file' '#nowhere: no such heading' 'src/job/gone.c: no' 'tools/gone: no' \
    'judd/job/gone.h: no' 'judd go: no such command' 'judd run: no option --fast' \
    'judd bench train: no option --sample' 'heads.a.speed: no key' 'heads/gone.cfg: no such preset' '9: speed: no key'; do
    grep -qF -- "$words" wrong.out || { echo "not noticed: $words"; cat wrong.out; exit 1; }
done
[ "$(wc -l <wrong.out)" = 11 ] || { echo "too much is wrong:"; cat wrong.out; exit 1; }

# ---- what can be read and run ----
"$python" - <<'PY'
import os, pathlib, re, sys
sys.path.insert(0, os.environ["JUDD_SOURCE"] + "/tools")
import idx
from PIL import Image
images = idx.read(idx.FASHION + "/t10k-images-idx3-ubyte.gz")
labels = idx.read(idx.FASHION + "/t10k-labels-idx1-ubyte.gz")
for folder, first, last in (("photos", 0, 26), ("newer-test-set", 26, 40)):
    for c, name in enumerate(("shirt", "trousers", "pullover")):
        os.makedirs(f"{folder}/{name}")
        for i, pixels in enumerate(images[labels == c][first:last]):
            Image.fromarray(pixels).save(f"{folder}/{name}/{i}.png")

text = pathlib.Path(os.environ["JUDD_SOURCE"], "README.md").read_text()
blocks, block = [], []
for line in text.splitlines() + ["end"]:
    if line.startswith("    "):
        block.append(line[4:])
    elif line.strip() and block:
        blocks.append("\n".join(block).rstrip() + "\n")
        block = []
    elif block:
        block.append("")
jobs = [b for b in blocks if "backbones = (" in b]
assert len(jobs) == 3, len(jobs)
rest = {"schema = ": 'schema = 1; name = "x";\n',
        "datasets = ": 'datasets = ( { name = "d"; format = "folder"; train = { images = "x"; }; test_fraction = 0.2; } );\n',
        "heads = ": 'heads = (\n@include "heads/ridge.cfg"\n);\n'}
for i, job in enumerate(jobs):
    names = re.findall(r'name = "([\w-]+)"', job)
    for key, piece in rest.items():
        if key not in job:
            job += piece
    if "experiments = " not in job:
        target = re.search(r'name = "([\w-]+)"', job[job.index("datasets = "):]).group(1)
        job = job.replace("backbones = (", 'backbones = ( { name = "base"; kind = "pixels"; },')
        job += (f'experiments = ( {{ name = "e"; source = "s"; backbone = "{names[0]}"; baseline = "base"; '
                f'target = "{target}"; head = "ridge"; }} );\n')
    pathlib.Path(f"job{i}.cfg").write_text(job)

own = [b for b in blocks if "judd init photos" in b or "H=runs/mine" in b]
assert len(own) == 2, own
script = "set -eux\n"
for line in "".join(own).splitlines():
    if "submit" in line or "a fine film" in line:
        continue  # no cluster; no texts
    line = line.replace("build/judd", '"$JUDD"').replace("mpirun -n 8", '"$JUDD_SOURCE/tests/mpirun.sh" 2')
    line = line.replace("runs/mine/heads/TRIAL.h5", "$(ls runs/mine/heads/*+transfer.h5 | head -1)").replace(" PATH ", " runs/mine ")
    if "--shard 2/3" in line: # the others run elsewhere, at the same time
        line = "for i in 1 2 3; do " + line.split("#")[0].replace("2/3", "$i/3") + "; done"
    script += line.replace("verdict.seeds=20", "verdict.seeds=3") + "\n"
    if '"$JUDD" init' in line: # the same, in less time
        script += "sed -i 's/seeds = 10/seeds = 2/; s/l2 = .*, 100]/l2 = [0.1, 1]/; s/shots = .*]/shots = [5, 20]/' mine.cfg\n"
pathlib.Path("own.sh").write_text(script)
PY
for job in job?.cfg; do # read to the end: what is missing then is the data
    code=0
    "$JUDD" plan "$job" >plan.out 2>&1 || code=$?
    [ "$code" = 74 ] || { echo "$job: exit code $code"; cat "$job" plan.out; exit 1; }
done
cp "$JUDD_SOURCE/jobs/models/fashion-resnet.onnx" resnet50.onnx
bash own.sh >own.out 2>own.err || { echo "a command of the README fails:"; tail -n 5 own.out own.err; exit 1; }
for file in mine.onnx model.onnx said.tsv sheet.html runs/mine/report.html runs/mine/results.csv runs/mine20/COMPLETED; do
    [ -s "$file" ] || { echo "the README's commands made no $file"; exit 1; }
done
grep -q 'CHECK' mine.cfg
