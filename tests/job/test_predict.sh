#!/usr/bin/env bash
# A finished head on other data: judd predict says of the test set what the job said, at any number of
# ranks and in each format; pictures need no labels; judd eval repeats the job's figures; judd export
# writes models that the ONNX checker takes and that give the same scores.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job
options=(--set "experiments.0.target=own" --set "experiments.0.shots=[20]" --set "experiments.1.target=own"
    --set "experiments.1.shots=[5]" --set "heads.softmax.optimizer.steps=50" --set verdict.seeds=1)
must_run 2 out "${options[@]}"
trial=against-pixels+own+k20+s3
head=out/heads/$trial+transfer.h5

refused() {
    local code=0 expected=$1 words=$2
    shift 2
    "$JUDD" "$@" >refused.out 2>refused.err || code=$?
    [ "$code" = "$expected" ] || fail "$*: exit code $code, not $expected: $(cat refused.err)"
    [ "$(grep -c '^judd: ' refused.err)" = 1 ] || fail "$*: not one line: $(cat refused.err)"
    grep -q "$words" refused.err || fail "$*: no \"$words\" in: $(cat refused.err)"
    [ ! -s refused.out ] || fail "$*: something on stdout"
}

for ranks in 1 2 3; do
    for form in tsv jsonl h5; do
        "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" "$JUDD" predict "$head" data/test-images.gz -q \
            -o "at$ranks.$form"
        same at1.$form "at$ranks.$form"
    done
done
"$JUDD" predict "$head" data/test-images.gz -q --top 2 >top.tsv
echo mine >own.tsv.tmp # not ours to use
"$JUDD" predict "$head" data/test-images.gz -q -o own.tsv
[ "$(cat own.tsv.tmp)" = mine ] || fail "a file beside the output was overwritten"
# 10,000 x 784 numbers, in memory and streamed
sed 's/memory_mib = .*/memory_mib = 16;/' out/job.cfg >streamed.cfg
"$JUDD" predict "out/heads/$trial+baseline.h5" $fashion/t10k-images-idx3-ubyte.gz -q -o pixels.tsv
"$JUDD" predict "out/heads/$trial+baseline.h5" $fashion/t10k-images-idx3-ubyte.gz -q --job streamed.cfg -o streamed.tsv
same pixels.tsv streamed.tsv
"$JUDD" eval "$head" data/test-images.gz --labels data/test-labels.gz -q >eval.out 2>eval.err
grep -q "left out: not of the head's classes" eval.err || fail "eval: $(cat eval.err)"
"$JUDD" export "$head" -o transfer.onnx
"$JUDD" export "out/heads/$trial+baseline.h5" -o baseline.onnx
"$JUDD" export "out/heads/against-random+own+k5+s3+baseline.h5" -o head.onnx --head-only
"$python" "$JUDD_SOURCE/tests/job/test_predict.py" whole out "$trial" "$JUDD_BUILD/tests/engine_bench_forward"

# An MLP with layer norm, GELU and whitened features, whose exported head numpy runs node by node.
cat >mlp.cfg <<'CFG'
heads = ({ name = "mlp"; kind = "mlp"; hidden = [6, 5]; activation = "gelu"; layer_norm = true; transform = "whiten";
           components = 9; standardize = true; l2 = [0.01]; folds = 2;
           optimizer = { kind = "adamw"; batch = 32; steps = 10; learning_rate = [0.01]; }; });
CFG
sed -e '/^heads = (/,/^);/d' -e 's/head = "softmax"/head = "mlp"/' job.cfg >rest.cfg
cat mlp.cfg rest.cfg >job.cfg
must_run 1 mlp --set "experiments.0.target=own" --set "experiments.0.shots=[20]" --set verdict.seeds=1 \
    --set "experiments.1.target=own" --set "experiments.1.shots=[20]"
"$JUDD" export "mlp/heads/$trial+transfer.h5" -o mlp.onnx --head-only
"$JUDD" predict "mlp/heads/$trial+transfer.h5" data/test-images.gz -q -o mlp.h5
"$python" "$JUDD_SOURCE/tests/job/test_predict.py" head mlp.onnx mlp.h5 "$JUDD_CACHE" data/test-images.gz

# Pictures in a folder, with and without classes, and one that is none.
"$python" "$JUDD_SOURCE/tests/job/test_predict.py" pictures
JUDD_CACHE=$folder/pictures-cache "$JUDD" run pictures.cfg -q >/dev/null 2>&1
picture_head=pictures-out/heads/$(ls pictures-out/heads | head -1)
"$JUDD" predict "$picture_head" flat -q -o flat.tsv 2>flat.err
grep -q 'broken.png' flat.err || fail "the broken picture is not named: $(cat flat.err)"
"$JUDD" predict "$picture_head" pictures/test -q -o classes.tsv
"$JUDD" predict "$picture_head" flat.txt --format list -q -o list.tsv
"$JUDD" predict "$picture_head" flat -q -o sheet.html 2>sheet.err
[ "$(grep -o 'src="data:image/png;base64,' sheet.html | wc -l)" = 12 ] || fail "not 12 pictures on the contact sheet"
[ "$(cut -f2 flat.tsv | tail -n +2)" = "$(sed -n 's/.*<strong>\([a-z]*\)<.*/\1/p' sheet.html)" ] ||
    fail "the contact sheet says something else than the table"
"$python" "$JUDD_SOURCE/tests/job/test_predict.py" flat flat.tsv classes.tsv list.tsv
"$JUDD" export "$picture_head" -o pictures.onnx

# Wrong heads, wrong data, wrong use.
refused 74 'cannot be read' predict out/heads/none.h5 data/test-images.gz
refused 74 'nope: cannot be read; give OUTPUT/heads/TRIAL.h5' predict nope data/test-images.gz
refused 64 'is a folder; give a head' predict out data/test-images.gz
refused 64 'unknown option --labels' predict "$head" data/test-images.gz --labels data/test-labels.gz
refused 64 'name one of: own, other' inspect job.cfg:nope
refused 78 'job.cfg' predict pictures.onnx data/test-images.gz --job nowhere/job.cfg
refused 65 'Judd predictions" holds no sums' verify at1.h5
mkdir lonely
cp "$head" lonely/lonely.h5
refused 78 'by --job' predict lonely/lonely.h5 data/test-images.gz
"$JUDD" predict lonely/lonely.h5 data/test-images.gz -q --job out/job.cfg -o lonely.tsv
same at1.tsv lonely.tsv
# another backbone of the job, whose model is gone, is no matter
sed '0,/fashion-resnet.onnx/s//gone.onnx/' out/job.cfg >gone.cfg
grep -q gone.onnx gone.cfg || fail "no model to lose in out/job.cfg"
other="out/heads/against-random+own+k5+s3+baseline.h5"
"$JUDD" predict "$other" data/test-images.gz -q --job gone.cfg -o gone.tsv
"$JUDD" predict "$other" data/test-images.gz -q -o there.tsv
same there.tsv gone.tsv
refused 74 'backbone resnet: .*gone.onnx' predict "$head" data/test-images.gz --job gone.cfg
"$JUDD" export "$head" -o gone.onnx --job gone.cfg # its model is there as resnet-random's too
same transfer.onnx gone.onnx
refused 78 'any size; set its input.height' predict "out/heads/$trial+baseline.h5" pictures/test
sed 's/scale = 0.0039[0-9]*;/scale = 0.5;/' out/job.cfg >scaled.cfg
refused 65 'scale is 0.5, was 0.0039.*data of the same form' predict "$head" data/test-images.gz --job scaled.cfg
refused 65 'no sample of the data set is one of the head' eval "$picture_head" pictures/other
refused 64 'write csv; known: tsv, jsonl, hdf5, html' predict "$head" data/test-images.gz --write csv
refused 64 'said.hdf5: its ending names no format' predict "$head" data/test-images.gz -o said.hdf5
refused 64 'give -o' predict "$head" data/test-images.gz --write hdf5
refused 64 'top' predict "$head" data/test-images.gz --top 0
refused 65 'random weights' export out/heads/against-random+own+k5+s3+baseline.h5 -o none.onnx
[ ! -e none.onnx ] || fail "a model was written"
head -c 3000 "$head" >out/heads/cut.h5
refused 65 'cut.h5' predict out/heads/cut.h5 data/test-images.gz

# What is read is not written over.
cp "$head" kept.h5
refused 64 'would replace .*, which is read' export "$head" -o "$head"
refused 64 'would replace .*, which is read' predict "$head" data/test-images.gz -o "out/heads/../heads/${head##*/}"
same "$head" kept.h5
cp -r pictures own-pictures
picture=$(find own-pictures -name '*.png' | head -1)
sample=$(dirname "$(dirname "$picture")")
refused 64 'would replace .*, which is read' inspect "$sample" --sheet "$picture"
refused 64 'would replace .*, which is read' pack "$sample" -o "$picture"
