#!/usr/bin/env bash
# Bad input: one line with place and fact from all ranks together, the right exit code, no results.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
"$python" -c 'from onnx import numpy_helper' 2>/dev/null || skip "python3-onnx is needed"
model=$JUDD_SOURCE/jobs/models/fashion-resnet.onnx

# Small random images; damaged copies of them; damaged models.
mkdir data
"$python" - "$model" <<'PY'
import gzip, random, struct, sys
import numpy as np
import onnx
from onnx import numpy_helper
random.seed(1)
def images(n, size=28, declared=None):
    return struct.pack(">IIII", 0x803, declared or n, size, size) + random.randbytes(n * size * size)
def labels(n, classes=3):
    return struct.pack(">II", 0x801, n) + bytes(i % classes for i in range(n))
def put(name, data, pack=True):
    with open(f"data/{name}", "wb") as file:
        file.write(gzip.compress(data) if pack else data)
for split in "train", "test":
    put(f"{split}-images.gz", images(60))
    put(f"{split}-labels.gz", labels(60))
whole = open("data/train-images.gz", "rb").read()
put("cut.gz", whole[:len(whole) // 2], False)
put("noise.gz", b"\x1f\x8b" + random.randbytes(1000), False)
put("text.gz", b"this is not an image file, but a letter\n", False)
put("short.gz", images(59, declared=60))
put("fewer-labels.gz", labels(59))
put("empty.gz", b"", False)
put("small.gz", images(60, size=14))
put("absurd.gz", struct.pack(">IIII", 0x803, 2**31 - 1, 2**15, 2**15))
model = open(sys.argv[1], "rb").read()
put("cut.onnx", model[:len(model) // 2], False)
put("text.onnx", b"hello, this is text and no model\n" * 10, False)
graph = onnx.load(sys.argv[1])
node = graph.graph.node[3]
node.op_type = "Frobnicate"
node.name = "the-odd-one"
onnx.save(graph, "data/unknown.onnx")
graph = onnx.load(sys.argv[1])
last = [node for node in graph.graph.node if node.op_type == "Conv"][-1]
for tensor in graph.graph.initializer:
    if tensor.name == last.input[2]:
        tensor.CopyFrom(numpy_helper.from_array(
            np.full(tensor.dims, np.inf, np.float32), tensor.name))
onnx.save(graph, "data/infinite.onnx")
PY
cat >job.cfg <<CFG
schema = 1; name = "bad"; lanes = 4;
verdict = { seeds = 1; };
backbones = ( { name = "net"; kind = "onnx"; file = "$model"; },
              { name = "pixels"; kind = "pixels"; } );
datasets = ( { name = "data"; format = "idx";
    train = { images = "data/train-images.gz"; labels = "data/train-labels.gz"; };
    test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; }; } );
heads = ( { name = "linear"; kind = "softmax"; optimizer = { steps = 5; }; } );
experiments = ( { name = "e"; source = "none"; target = "data"; backbone = "net";
    baseline = "pixels"; head = "linear"; shots = [5]; } );
CFG
must_run 2 good # else every refusal below would prove nothing
number=0

# refused RANKS CODE WORDS [ARGUMENT ...]
refused() {
    local ranks=$1 expected=$2 words=$3 code=0 begin
    shift 3
    number=$((number + 1))
    begin=$(date +%s)
    judd_at "$ranks" "bad$number" "$@" || code=$?
    local err=bad$number.err
    [ "$code" = "$expected" ] || fail "$*: exit code $code, not $expected: $(cat "$err")"
    # mpirun adds words of its own between lines of dashes; none of ours may stand among them
    [ "$(grep -c 'judd: ' "$err")" = 1 ] || fail "$*: not one line: $(cat "$err")"
    [ "$ranks" != 0 ] || [ "$(wc -l <"$err")" = 1 ] || fail "$*: more than a line: $(cat "$err")"
    grep -q "^judd: .*$words" "$err" || fail "$*: no \"$words\" in: $(cat "$err")"
    [ ! -s "bad$number.out" ] || fail "$*: something on stdout"
    [ ! -e "bad$number/results.jsonl" ] || fail "$*: results"
    [ ! -e "bad$number/COMPLETED" ] || fail "$*: COMPLETED"
    [ $(($(date +%s) - begin)) -le 20 ] || fail "$*: took $(($(date +%s) - begin)) s"
}

images=datasets.data.train.images
labels=datasets.data.train.labels
refused 2 74 'data/nothing.gz: ' --set $images=data/nothing.gz
refused 0 74 'data/nothing.gz: ' --set $labels=data/nothing.gz
refused 3 65 'data/cut.gz: ' --set $images=data/cut.gz
refused 0 65 'data/noise.gz: ' --set $images=data/noise.gz
refused 0 65 'data/text.gz: ' --set $images=data/text.gz
refused 2 65 'data/short.gz: ' --set $images=data/short.gz
refused 0 65 'data/empty.gz: ' --set $images=data/empty.gz
refused 0 65 'data/absurd.gz: ' --set $images=data/absurd.gz
refused 3 65 '60.*59\|59.*60' --set $labels=data/fewer-labels.gz
refused 0 65 'data/train-labels.gz: ' --set $images=data/train-labels.gz
refused 0 65 'data/train-images.gz: ' --set $labels=data/train-images.gz
refused 2 65 'training images are 1 x 14 x 14 .*test images 1 x 28 x 28' --set $images=data/small.gz
refused 0 65 'data: is a folder' --set $images=data
refused 0 65 'class 7' --set datasets.data.classes='[0, 7]'
refused 2 65 'shots\|samples' --set experiments.e.shots='[500]'

file=backbones.net.file
refused 2 74 'data/nothing.onnx: ' --set $file=data/nothing.onnx
refused 3 65 'data/text.onnx: ' --set $file=data/text.onnx
refused 0 65 'data/cut.onnx: ' --set $file=data/cut.onnx
refused 2 65 'the-odd-one.*Frobnicate\|Frobnicate.*the-odd-one' --set $file=data/unknown.onnx
refused 0 65 'no-such-place' --set backbones.net.tap=no-such-place

refused 2 78 'did you mean \|nearest\|lanes' --set lines=4
refused 0 78 'lanes' --set lanes=many
refused 0 78 'lanes' --set lanes=0
refused 0 78 'verdict.seeds' --set verdict.seeds=0
refused 3 64 'unknown option' --frsh
refused 0 64 'another.cfg is too much' another.cfg

# Refusals of the command line and of a job file that is not there
for arguments in '' 'run' 'run nothing.cfg' 'fly'; do
    code=0
    # shellcheck disable=SC2086 # a list of words
    timeout 20 "$JUDD" $arguments >out 2>err || code=$?
    case $arguments in
        '') [ "$code" = 0 ] && [ -s out ] || fail "judd alone shows no help" ;;
        'run nothing.cfg')
            [ "$code" = 78 ] || [ "$code" = 74 ] || fail "missing job file: $code"
            grep -q '^judd: nothing.cfg' err || fail "the missing job file is not named"
            ;;
        *) [ "$code" = 64 ] && [ "$(wc -l <err)" = 1 ] || fail "judd $arguments: $code: $(cat err)" ;;
    esac
done

# Features that are not finite are an error, not a result: also without standardisation.
for standardize in true false; do
    refused 2 65 'infinite\|not finite' --set $file=data/infinite.onnx \
        --set heads.linear.standardize=$standardize
done
