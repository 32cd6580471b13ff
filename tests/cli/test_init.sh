#!/usr/bin/env bash
# judd init: of data sets of every kind and of models it writes jobs that run as they are and end with
# verdicts; nothing is overwritten, nothing left behind, and bad input is one line.
. "$JUDD_SOURCE/tests/cli/pictures.sh"
model=$JUDD_SOURCE/jobs/models/fashion-resnet.onnx
"$python" "$JUDD_SOURCE/tests/cli/test_init.py"

fail() {
    echo "$*" >&2
    exit 1
}

# ends LINES JOB [ARGUMENT ...]: the job as it is, or with --set; a verdict on each of so many lines
ends() {
    local lines=$1 job=$2 name
    name=$(basename "$job" .cfg)
    shift 2
    "$JUDD" run "$job" --quiet "$@" >"$name.out" 2>"$name.err" || fail "$job: $(cat "$name.err")"
    [ "$(grep -cE '  (positive|negative|neutral|inconclusive)' "$name.out")" = "$lines" ] ||
        fail "$job: not $lines verdicts: $(cat "$name.out")"
    [ -s "runs/$name/COMPLETED" ] || fail "$job: not completed"
}

# init JOB ARGUMENT ...
init() {
    local job=$1
    shift
    "$JUDD" init "$@" -o "$job" >init.out 2>init.err || fail "init $*: $(cat init.err)"
    [ ! -s init.err ] || fail "init $*: $(cat init.err)"
}

has() {
    grep -qF -- "$2" "$1" || fail "$1: no '$2' in: $(cat "$1")"
}

few=(--set verdict.seeds=2 --set heads.0.l2=[0.1,1]) # others run as they are

init photos.cfg "my photos" "$model"
has photos.cfg 'test_fraction = 0.2'
has photos.cfg '"my photos"'
has photos.cfg 'Pull "over" 12'
has photos.cfg 'max_bad_fraction'
has photos.cfg 'resize = [28, 28]; resize_mode = "exact"'
has init.out 'judd run photos.cfg'
ends 1 photos.cfg
"$JUDD_SOURCE/tests/mpirun.sh" 2 "$JUDD" init "my photos" "$model" -o twice.cfg >init.out
sed -i 's/^name = "twice"/name = "photos"/' twice.cfg
cmp photos.cfg twice.cfg

init idx.cfg mnist "$model"
has idx.cfg 't10k-labels-idx1-ubyte'
has idx.cfg 'classes = [0, 1, 2, 7]'
ends 2 idx.cfg "${few[@]}"

init texts.cfg train-reviews.tsv vectors.vec
has texts.cfg 'test = { texts = "test-reviews.tsv"; }'
ends 2 texts.cfg "${few[@]}"

mkdir jobs
init jobs/split.cfg split "$model" # paths hold in another folder
has jobs/split.cfg "$folder/split/train"
has jobs/split.cfg "$folder/split/val"
ends 1 jobs/split.cfg "${few[@]}"
init tar.cfg some.tar "$model" "$model"
has tar.cfg '["fashion-resnet", "fashion-resnet-2"]'
ends 2 tar.cfg "${few[@]}"
init cifar.cfg cifar "$model"
has cifar.cfg 'test_batch.bin'
ends 1 cifar.cfg "${few[@]}"
init features.cfg X_train.npy
has features.cfg 'columns = [4, 4]'
ends 2 features.cfg "${few[@]}"
init tags.cfg tags.tsv vectors.vec --task multilabel
ends 1 tags.cfg "${few[@]}"
init stars.cfg stars.tsv vectors.vec --task regression
has stars.cfg '1 numbers to predict each'
ends 1 stars.cfg "${few[@]}"
init given.cfg mnist/train-images-idx3-ubyte "$model" --labels mnist/train-labels-idx1-ubyte \
    --test mnist/t10k-images-idx3-ubyte --test-labels mnist/t10k-labels-idx1-ubyte
ends 2 given.cfg "${few[@]}"

# ---- presets by name, if they fit ----
"$python" - "$model" <<'PY'
import sys
try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    import numpy as np
except ImportError:
    sys.exit()
def network(path, channels, side, producer):
    weight = np.full((channels, 4), 0.1, np.float32)
    shape = ["n", channels, side, side]
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
         helper.make_node("MatMul", ["f", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, producer_name=producer, opset_imports=[helper.make_opsetid("", 13)]), path)
network("ResNet50-mine.onnx", 3, 224, "pytorch")
network("resnet20.onnx", 3, 32, "pytorch")        # not what the preset of that beginning takes
network("vgg16.onnx", 3, 224, "tf2onnx")
network("open_vit_b_16.onnx", 3, None, "pytorch") # no name that begins as a preset, no size
PY
if [ -f resnet20.onnx ]; then
    init presets.cfg "my photos" ResNet50-mine.onnx resnet20.onnx vgg16.onnx open_vit_b_16.onnx
    [ "$(grep -c '@include "backbones/' presets.cfg)" = 2 ] || fail "presets: $(cat presets.cfg)"
    has presets.cfg '@include "backbones/resnet.cfg"'
    has presets.cfg '@include "backbones/keras-caffe.cfg"'
    has presets.cfg 'resize = [32, 32]'
    has presets.cfg 'resize = 256; crop = 224'
    ends 4 presets.cfg "${few[@]}"
fi

# ---- bad input ----
# refused CODE WORDS ARGUMENT ...
refused() {
    local code=0 expected=$1 words=$2
    shift 2
    ls -A >before
    "$JUDD" init "$@" >refused.out 2>refused.err || code=$?
    [ "$code" = "$expected" ] || fail "init $*: exit code $code, not $expected: $(cat refused.err)"
    [ "$(grep -c '^judd: ' refused.err)" = 1 ] && [ ! -s refused.out ] || fail "init $*: not one line"
    has refused.err "$words"
    ls -A >after
    cmp before after || fail "init $*: left something behind"
}
head -c 300 /dev/urandom >vectors.junk
touch before after refused.out refused.err
cp photos.cfg kept.cfg
refused 64 'is there already' "my photos" "$model" -o photos.cfg
cmp photos.cfg kept.cfg
refused 64 'no model' "my photos" -o new.cfg
refused 64 'no model' train-reviews.tsv -o new.cfg
refused 64 'leave out' X_train.npy "$model" -o new.cfg
refused 64 'holds no texts' "my photos" vectors.vec -o new.cfg
refused 65 "$model" train-reviews.tsv "$model" -o new.cfg
refused 65 'needs two' "one class" "$model" -o new.cfg
refused 74 'nowhere' nowhere "$model" -o new.cfg
refused 74 'no.onnx' "my photos" no.onnx -o new.cfg
refused 65 'vectors.junk' "my photos" vectors.junk -o new.cfg
refused 64 'write judd init' "my photos" "$model"
refused 64 'unknown option' "my photos" "$model" --fast -o new.cfg
refused 64 'stands in a job' photos.cfg:photos "$model" -o new.cfg
refused 64 '--labels FILE' mnist/t10k-labels-idx1-ubyte "$model" -o new.cfg
refused 74 'no/such' "my photos" "$model" -o no/such/new.cfg
