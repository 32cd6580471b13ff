#!/usr/bin/env bash
# Every input file is read once a job, at any number of ranks: images, texts and networks grow by some
# megabytes that nobody needs, and what all ranks together have read (rchar of /proc/PID/io, which also
# counts what comes from the page cache) grows by as much.
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
[ -r /proc/self/io ] || skip "/proc/self/io cannot be read"
make_data 400 100
cp "$JUDD_SOURCE/jobs/models/fashion-resnet.onnx" data/model.onnx
sed 's,"[^"]*fashion-resnet.onnx","data/model.onnx",' "$JUDD_SOURCE/configs/backbones/fashion-resnet.cfg" >backbone.cfg
"$python" - <<'PY'
with open("data/texts.tsv", "w") as out:
    for i in range(60):
        print(i % 2, "good film" if i % 2 else "bad film", i, sep="\t", file=out)
PY
cat >job.cfg <<'CFG'
schema = 1; name = "reads"; seed = 3;
verdict = { seeds = 2; };
backbones = (
@include "backbone.cfg"
    , { name = "words"; kind = "tfidf"; tokens = "words"; hash_columns = 64; },
    { name = "letters"; kind = "tfidf"; tokens = "whitespace"; hash_columns = 64; }
);
datasets = (
    { name = "pictures"; format = "idx"; classes = [1, 5];
      train = { images = "data/train-images"; labels = "data/train-labels"; };
      test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; }; },
    { name = "texts"; format = "tsv"; train = { texts = "data/texts.tsv"; }; test_fraction = 0.4; }
);
heads = ( { name = "ridge"; kind = "ridge"; l2 = [0.1, 1.0]; } );
experiments = (
    { name = "images"; source = "own"; backbone = "resnet"; baseline = "resnet-random";
      target = "pictures"; head = "ridge"; shots = 5; },
    { name = "texts"; source = "none"; backbone = "words"; baseline = "letters";
      target = "texts"; head = "ridge"; shots = 5; }
);
CFG

# grow IMAGES BYTES: so many training images; a text and a network with so many bytes more
gunzip data/train-images.gz data/train-labels.gz
mkdir small
cp data/train-* data/texts.tsv data/model.onnx small
grow() {
    "$python" - "$1" "$2" <<'PY'
import os, struct, sys
images, extra = int(sys.argv[1]), int(sys.argv[2])
read = lambda name: open("small/" + name, "rb").read()
def write(name, data):
    open("data/" + name, "wb").write(data)
def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])
old, labels = read("train-images"), read("train-labels")
n = struct.unpack(">I", old[4:8])[0]
write("train-images", old[:4] + struct.pack(">I", n + images) + old[8:] + os.urandom(784 * images))
write("train-labels", labels[:4] + struct.pack(">I", n + images) + labels[8:] + bytes(images))
write("texts.tsv", read("texts.tsv") + b"0\t" + b"x" * extra + b"\n")
write("model.onnx", read("model.onnx") + b"\x32" + varint(extra) + b"d" * extra) # ModelProto.doc_string
PY
}

cat >counted <<COUNTED
#!/bin/sh
$JUDD "\$@" || exit
sed -n 's/^rchar: //p' /proc/\$\$/io >$folder/count.\$\$
COUNTED
chmod +x counted

# count RANKS OUTPUT: $read bytes in all by a job that finds no features, $held bytes in its inputs
count() {
    rm -rf cache count.*
    JUDD=$folder/counted must_run "$@"
    read=$(cat count.* | awk '{ n += $1 } END { print n }')
    held=$(cat data/* | wc -c)
}

for ranks in 1 3; do
    grow 0 0
    count $ranks "few-$ranks"
    few_read=$read few_held=$held
    grow 20000 12000000
    count $ranks "many-$ranks"
    factor=$(awk "BEGIN { print ($read - $few_read) / ($held - $few_held) }")
    echo "$ranks ranks: $few_read and $read bytes read of $few_held and $held: $factor"
    awk "BEGIN { exit !($factor >= 0.99 && $factor <= 1.1) }" ||
        fail "$ranks ranks: of each further byte $factor were read"
done
