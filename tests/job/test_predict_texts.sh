#!/usr/bin/env bash
# A finished head on other texts: labelled and not, in files and from standard input, at any number of
# ranks the scores of the job; the words of TF-IDF and SIF weigh what they weighed in training.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
"$python" - <<'PY'
import random
r = random.Random(4)
words = ["w%d" % i for i in range(60)]
with open("vectors.txt", "w") as f:
    for w in words[:50]:
        f.write(w + "".join(" %.4f" % r.gauss(0, 1) for _ in range(8)) + "\n")
for name in ("one", "two"):
    with open(name + ".tsv", "w") as f, open(name + ".txt", "w") as plain:
        for i in range(90):
            c = i % 3
            text = " ".join(r.choice(words[c * 12:c * 12 + 30]) for _ in range(7))
            f.write("%s\t%s\n" % ("abc"[c], text))
            plain.write(text + "\n")
PY
cat >job.cfg <<'CFG'
schema = 1; name = "texts"; seed = 1; output = "out"; verdict = { seeds = 1; };
backbones = ( { name = "mean"; kind = "glove"; file = "vectors.txt"; },
    { name = "sif"; kind = "words"; file = "vectors.txt"; pool = "sif"; },
    { name = "tfidf"; kind = "tfidf"; hash_columns = 128; } );
datasets = ( { name = "two"; format = "tsv"; train = { texts = "two.tsv"; }; test_fraction = 0.3; },
    { name = "one"; format = "tsv"; train = { texts = "one.tsv"; }; test_fraction = 0.3; } );
heads = ( { name = "softmax"; kind = "softmax"; l2 = [0.01]; optimizer = { kind = "lbfgs"; }; } );
experiments = ( { name = "e"; source = "none"; backbone = ["mean", "sif"]; baseline = "tfidf"; target = ["one", "two"];
    head = "softmax"; shots = [0]; } );
CFG
"$JUDD" run job.cfg -q >/dev/null 2>&1
rm -r "$JUDD_CACHE"
for trial in e+mean+one+k0+s1+transfer e+sif+one+k0+s1+baseline e+sif+one+k0+s1+transfer e+sif+two+k0+s1+transfer; do
    target=$(echo "$trial" | cut -d+ -f3)
    "$JUDD" predict "out/heads/$trial.h5" $target.tsv -q -o $trial.labelled.h5
    "$JUDD" predict "out/heads/$trial.h5" $target.txt -q -o $trial.lines.h5
    kept=$(ls "$JUDD_CACHE/features" | wc -l)
    "$JUDD_SOURCE/tests/mpirun.sh" 3 "$JUDD" predict "out/heads/$trial.h5" - -q -o $trial.piped.h5 <$target.txt
    head -n 20 $target.txt | "$JUDD" predict "out/heads/$trial.h5" - -q -o $trial.tsv
    [ "$(ls "$JUDD_CACHE/features" | wc -l)" = "$kept" ] || fail "features of standard input stay in the cache"
    "$python" - $trial <<'PY'
import sys
import h5py, numpy as np
trial = sys.argv[1]
score = [h5py.File(f"{trial}.{kind}.h5")["score"][:] for kind in ("labelled", "lines", "piped")]
with h5py.File(f"out/predictions/{trial}.h5") as job:
    assert all(np.array_equal(s[job["sample_id"][:]], job["score"][:]) for s in score), trial
    names = [n.decode() for n in job["output_names"][:]]
assert all(np.array_equal(score[0], s) for s in score), trial
rows = [line.rstrip("\n").split("\t") for line in open(f"{trial}.tsv")][1:]
assert [r[1] for r in rows] == [names[k] for k in score[0][:20].argmax(1)], trial
PY
done
trial=e+sif+one+k0+s1+transfer
head=out/heads/$trial.h5
"$JUDD" eval "$head" one.tsv -q >eval.out
grep -q 'on one.tsv: 90 samples' eval.out || fail "eval: $(cat eval.out)"
printf 'label,text\nno such label,"w1 w2, w3"\n' >records.csv
printf '{"text": "w1 w2, w3"}\n' >records.jsonl
printf 'w1 w2, w3\n' >records.txt
for file in records.csv records.jsonl records.txt; do
    "$JUDD" predict "$head" $file -q --text-column text >$file.tsv
    same records.csv.tsv $file.tsv
done
"$JUDD" predict "$head" one.txt -q -o sheet.html
[ "$(grep -c '<q>' sheet.html)" = 90 ] || fail "not 90 texts on the contact sheet"

refused() {
    local code=0
    "$JUDD" predict "$head" "${@:2}" >refused.out 2>refused.err || code=$?
    [ "$code" = 65 ] && grep -q "$1" refused.err || fail "${*:2}: $code, $(cat refused.err)"
}
printf 'w1\n\377\n' >bad.txt
refused 'bad.txt:2: byte 0xff' bad.txt
refused '/dev/stdin:2: byte 0xff' - <bad.txt
refused 'holds no text' - </dev/null
printf '{"words": 1}\n' >bad.jsonl
refused 'bad.jsonl:1: has no string "text"' bad.jsonl
sed 's/test_fraction = 0.3/test_fraction = 0.4/' out/job.cfg >other.cfg
refused 'corpus_sha256 is' one.tsv --job other.cfg
