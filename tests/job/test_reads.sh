#!/usr/bin/env bash
# Every input file is read once a job, at any number of ranks: images, texts, networks and vectors of words
# grow by some megabytes that nobody needs, and what all ranks together have read (rchar of /proc/PID/io, which also
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
import os
for name, n in (("colours.bin", 200), ("colours-test.bin", 40)):
    with open("data/" + name, "wb") as out:
        for i in range(n):
            out.write(bytes([1 + i % 2 * 4]) + os.urandom(3072))
PY
cat >job.cfg <<'CFG'
schema = 1; name = "reads"; seed = 3;
verdict = { seeds = 2; };
backbones = (
@include "backbone.cfg"
    , { name = "coarse"; kind = "pixels"; input = { resize = 8; }; },
    { name = "words"; kind = "tfidf"; tokens = "words"; hash_columns = 64; },
    { name = "letters"; kind = "tfidf"; tokens = "whitespace"; hash_columns = 64; },
    { name = "lines"; kind = "glove"; file = "data/glove.txt"; },
    { name = "lower"; kind = "words"; file = "data/glove.txt"; pool = "max"; tokens = "words"; lowercase = true; },
    { name = "binary"; kind = "word2vec"; file = "data/word2vec.bin"; },
    { name = "model"; kind = "fasttext"; file = "data/fasttext.bin"; }
);
datasets = (
    { name = "pictures"; format = "idx"; classes = [1, 5];
      train = { images = "data/train-images"; labels = "data/train-labels"; };
      test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; }; },
    { name = "colours"; format = "cifar10"; classes = [1, 5];
      train = { images = "data/colours.bin"; }; test = { images = "data/colours-test.bin"; }; },
    { name = "texts"; format = "tsv"; train = { texts = "data/texts.tsv"; }; test_fraction = 0.4; }
);
heads = ( { name = "ridge"; kind = "ridge"; l2 = [0.1, 1.0]; } );
experiments = (
    { name = "images"; source = "own"; backbone = "resnet"; baseline = "resnet-random";
      target = "pictures"; head = "ridge"; shots = 5; },
    { name = "colours"; source = "none"; backbone = "coarse"; baseline = "pixels";
      target = "colours"; head = "ridge"; shots = 5; },
    { name = "texts"; source = "none"; backbone = ["words", "lines", "lower", "binary", "model"]; baseline = "letters";
      target = "texts"; head = "ridge"; shots = 5; }
);
CFG

# grow IMAGES BYTES: so many training images; a text, a network and files of vectors with so many bytes more
gunzip data/train-images.gz data/train-labels.gz
mkdir small
cp data/train-* data/texts.tsv data/colours.bin data/model.onnx small
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
write("colours.bin", read("colours.bin") + (bytes(1) + os.urandom(3072)) * (images // 4))
write("texts.tsv", read("texts.tsv") + b"0\t" + b"x" * extra + b"\n")
write("model.onnx", read("model.onnx") + b"\x32" + varint(extra) + b"d" * extra) # ModelProto.doc_string
words = [b"good", b"bad", b"film"] + [b"unused%d" % i for i in range(extra // 2400)]
row = struct.pack("<300f", *(i / 8 for i in range(300)))
text = b"".join(b" %.3f" % (i / 8) for i in range(300))
write("glove.txt", b"".join(w + text + b"\n" for w in words))
write("word2vec.bin", b"%d 300\n" % len(words) + b"".join(w + b" " + row for w in words))
write("fasttext.bin", struct.pack("<2i12id3i2q", 793712314, 12, 300, 5, 5, 1, 5, 1, 1, 1, 5, 3, 6, 100, 1e-4,
                                  len(words), len(words), 0, 1000, -1)
      + b"".join(w + struct.pack("<bqb", 0, 9, 0) for w in words)
      + struct.pack("<b2q", 0, len(words) + 5, 300) + row * (len(words) + 5))
PY
}

cat >counted <<COUNTED
#!/bin/sh
$JUDD "\$@" || exit
sed -n 's/^rchar: //p' /proc/\$\$/io >$folder/count.\$\$
COUNTED
chmod +x counted

# count RANKS OUTPUT: $read bytes in all by a job that finds no features, $held bytes in its inputs;
# $asked bytes by predictions of a head whose backbone is the second one of its file, $vectors bytes there
count() {
    rm -rf cache count.*
    JUDD=$folder/counted must_run "$@"
    read=$(cat count.* | awk '{ n += $1 } END { print n }')
    held=$(cat data/* | wc -c)
    rm count.*
    "$JUDD_SOURCE/tests/mpirun.sh" "$1" ./counted predict "$2/heads/texts+lower+texts+k5+s3+transfer.h5" \
        small/texts.tsv -q -o predicted.h5 2>predict.err || fail "predict on $1 ranks: $(cat predict.err)"
    asked=$(cat count.* | awk '{ n += $1 } END { print n }')
    vectors=$(wc -c <data/glove.txt)
}

# once WHAT FEW MANY HELD-FEW HELD-MANY
once() {
    factor=$(awk "BEGIN { print ($3 - $2) / ($5 - $4) }")
    echo "$1: $2 and $3 bytes read of $4 and $5: $factor"
    awk "BEGIN { exit !($factor >= 0.99 && $factor <= 1.1) }" || fail "$1: of each further byte $factor were read"
}

for ranks in 1 3; do
    grow 0 0
    count $ranks "few-$ranks"
    few_read=$read few_held=$held few_asked=$asked few_vectors=$vectors
    grow 20000 12000000
    count $ranks "many-$ranks"
    once "$ranks ranks" "$few_read" "$read" "$few_held" "$held"
    once "predict, $ranks ranks" "$few_asked" "$asked" "$few_vectors" "$vectors"
done
