"""Small data sets of every kind for test_init.sh, in the working directory."""

import os
import pathlib
import struct
import sys
import tarfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.environ["JUDD_SOURCE"] + "/tools")
import idx

CLASSES = ("T-shirt", "Trouser", "Pull \"over\"")  # as people call folders
rng = np.random.default_rng(1)
images = idx.read(idx.FASHION + "/t10k-images-idx3-ubyte.gz")
labels = idx.read(idx.FASHION + "/t10k-labels-idx1-ubyte.gz")
of_class = [images[labels == c] for c in range(3)]


def folder(path, first, last, sizes=((28, 28),)):
    for name, some in zip(CLASSES, of_class):
        os.makedirs(f"{path}/{name}")
        for i, pixels in enumerate(some[first:last]):
            Image.fromarray(pixels).convert("RGB").resize(sizes[i % len(sizes)]).save(f"{path}/{name}/{i}.png")


folder("my photos", 0, 12, ((28, 28), (40, 36)))
folder("split/train", 0, 8)
folder("split/val", 8, 12)
folder("single/x", 0, 4)
for name in CLASSES[1:]:
    for file in pathlib.Path("single/x", name).iterdir():
        file.unlink()
    os.rmdir(f"single/x/{name}")
os.rename("single/x", "one class")
pathlib.Path("my photos", CLASSES[0], "bad.png").write_bytes(b"no picture")
with tarfile.open("some.tar", "w") as tar:
    tar.add("my photos", "photos")


def write_idx(path, array):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    pathlib.Path(path).write_bytes(head + array.tobytes())


os.mkdir("mnist")
chosen = labels < 4
for split, part in (("train", slice(0, 160)), ("t10k", slice(160, 260))):
    write_idx(f"mnist/{split}-images-idx3-ubyte", images[chosen][part])
    write_idx(f"mnist/{split}-labels-idx1-ubyte", np.where(labels[chosen][part] == 3, 7, labels[chosen][part]))

os.mkdir("cifar")
for file, n in (("data_batch_1.bin", 120), ("test_batch.bin", 60)):
    record = rng.integers(0, 256, (n, 3073), dtype=np.uint8)
    record[:, 0] = np.arange(n) % 10
    record.tofile(f"cifar/{file}")

target = rng.integers(0, 3, 90)
np.save("X_train.npy", (rng.normal(size=(90, 8)) + target[:, None]).astype(np.float32))
np.save("y_train.npy", target)

words = ["good", "bad", "film", "Plot", "actor", "dull", "bright", "end"]
with open("vectors.vec", "w") as file:
    file.write(f"{len(words)} 5\n")
    for word in words:
        file.write(word.lower() + " " + " ".join(f"{x:.4f}" for x in rng.normal(size=5)) + "\n")


def text(kind):
    favourite = ("good", "bright") if kind else ("bad", "dull")
    return " ".join(rng.choice(favourite) if rng.random() < 0.4 else rng.choice(words) for _ in range(8))


for split, n in (("train", 80), ("test", 40)):
    with open(f"{split}-reviews.tsv", "w") as file:
        for i in range(n):
            file.write(f"{('worse', 'better')[i % 2]}\t{text(i % 2)}\n")
with open("tags.tsv", "w") as file:
    for i in range(120):
        file.write(f"{('a', 'b', 'a,b')[i % 3]}\t{text(i % 2)}\n")
with open("stars.tsv", "w") as file:
    for i in range(120):
        file.write(f"{rng.normal():.3f}\t{text(i % 2)}\n")
