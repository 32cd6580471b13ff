"""IDX files (the format of MNIST), plain or gzip; shared by the development scripts beside it."""

import gzip

import numpy as np

FASHION = "/usr/share/datasets/fashion-mnist"  # Debian package dataset-fashion-mnist
SOURCE_CLASSES = (0, 2, 3, 4, 6)
SOURCE_NAMES = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
MEAN, STD = 0.2860, 0.3530  # of the training pixels, scaled to 0..1


def read(path):
    """The array of unsigned bytes in an IDX file, in the shape its header gives."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = data[3]
    dims = np.frombuffer(data, ">u4", rank, 4).astype(np.int64)
    if len(data) != 4 + 4 * rank + int(np.prod(dims)):
        raise ValueError(f"{path}: {len(data)} bytes, but the header promises {dims.tolist()}")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def read_fashion(folder, split):
    """Images [n, 28, 28] and labels [n] of "train" or "t10k"."""
    images = read(f"{folder}/{split}-images-idx3-ubyte.gz")
    labels = read(f"{folder}/{split}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images)} images, {len(labels)} labels in {split}")
    return images, labels


def normalise(images):
    """uint8 [n, 28, 28] -> float64 [n, 1, 28, 28] as the network wants it."""
    return (images[:, None].astype(np.float64) / 255.0 - MEAN) / STD
