# Run by test_raw.sh in an empty folder.
import os, struct
import h5py
import numpy as np
from dataset_runs import check_refused, complain, finish, put, refused, rows, run, run_all

rng = np.random.default_rng(2)
n = 70
pixels = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
labels = rng.integers(0, 10, n)
labels[:10] = range(10)
names = [f"name-{i}" for i in range(10)]


def cifar(path, images, *label_columns):
    records = [np.stack(label_columns, 1).astype(np.uint8), images.reshape(len(images), -1)]
    put(path, np.concatenate(records, 1).tobytes())


# The same images as CIFAR batches, NPY and HDF5, channels first and last.
for b in range(3):
    part = slice(b * n // 3, (b + 1) * n // 3)
    cifar(f"cifar/data_batch_{b + 1}.bin", pixels[part], labels[part])
cifar("cifar/test_batch.bin", pixels[::2], labels[::2])
put("cifar/batches.meta.txt", ("\n".join(names) + "\n\n").encode())
np.save("x.npy", pixels)
np.save("x-last.npy", pixels.transpose(0, 2, 3, 1).copy())
np.save("y.npy", labels)
np.save("y8.npy", labels.astype(np.int8))
np.save("yf.npy", labels.astype(np.float32))
with h5py.File("x.h5", "w", userblock_size=512) as f:
    f["images"] = pixels
    f["labels"] = labels
    f["group/last"] = pixels.transpose(0, 2, 3, 1)
    f["group/y"] = labels.astype(np.uint16)
    f["class_names"] = np.array(names, dtype="S")
cases = [("cifar10", "cifar", "-", "-", 0), ("npy", "x.npy", "y.npy", "-", 0),
         ("npy", "x.npy", "y8.npy", "-", 0), ("npy", "x.npy", "yf.npy", "-", 0),
         ("hdf5", "x.h5", "-", "-", 0), ("hdf5", "x.h5", "x.h5", "-", 0),
         ("npy", "x-last.npy", "y.npy", "-", 0),
         ("hdf5:images=group/last:labels=group/y", "x.h5", "-", "-", 0)]
got = run_all(cases)
for ranks in (2, 3):
    if run_all(cases, ranks) != got:
        complain(f"{ranks} ranks: not the same")
for case, (code, lines) in zip(cases, got):
    if code != 0 or rows(lines, "sample") != rows(got[0][1], "sample") or ["10"] not in rows(lines, "classes"):
        complain(f"{case}: {code} {lines[:9]}")
    # The identity is that of the bytes as they lie.
    if "last" not in str(case) and rows(lines, "sha256") != rows(got[0][1], "sha256"):
        complain(f"{case}: another identity")
# ... also over several of its blocks and two files, which CIFAR's labels and identity are read from in one pass.
many = np.tile(pixels, (36, 1, 1, 1))
many[:, 0, 0, 0] = np.arange(len(many)) % 251
many_labels = np.tile(labels, 36)
cifar("many/data_batch_1.bin", many[:1100], many_labels[:1100])
cifar("many/data_batch_2.bin", many[1100:], many_labels[1100:])
np.save("many.npy", many)
np.save("many-labels.npy", many_labels)
same = run_all([("cifar10", "many", "-", "-", 0), ("npy", "many.npy", "many-labels.npy", "-", 0)], 3)
if same[0][0] != 0 or any(rows(same[0][1], k) != rows(same[1][1], k) for k in ("sha256", "sample")):
    complain("2,520 samples: CIFAR and NPY differ")
for k in (0, 4):
    if rows(got[k][1], "class") != [[x] for x in names]:
        complain(f"{cases[k]}: class names {rows(got[k][1], 'class')}")
for (i, label, h, w, c, _), y in zip(rows(got[0][1], "sample"), labels):
    if [int(label), h, w, c] != [y, "32", "32", "3"]:
        complain(f"sample {i}")
# bench_dataset's hash of pixels is XXH3 of [h, w, c]; PNG files of the same pixels go another way.
from PIL import Image
order = []
for i in range(n):
    order.append(f"{names[labels[i]]}/{i:03}.png")
    os.makedirs("png/" + names[labels[i]], exist_ok=True)
    Image.fromarray(pixels[i].transpose(1, 2, 0)).save("png/" + order[-1])
png = rows(run("folder", "png", "-", "-", 0)[1], "sample")
by_name = {name: s for name, s in zip(sorted(order), png)}
if [by_name[name][2:] for name in order] != [s[2:] for s in rows(got[0][1], "sample")]:
    complain("pixels differ from those of PNG files")

# CIFAR-100: fine and coarse labels, one file or the folder.
fine, coarse = rng.integers(0, 100, n), rng.integers(0, 20, n)
cifar("cifar100/train.bin", pixels, coarse, fine)
put("cifar100/fine_label_names.txt", "".join(f"fine-{i}\n" for i in range(100)).encode())
put("cifar100/coarse_label_names.txt", "".join(f"coarse-{i}\n" for i in range(20)).encode())
for format, path, y, k in (("cifar100", "cifar100", fine, 100), ("cifar100", "cifar100/train.bin", fine, 100),
                           ("cifar100:coarse", "cifar100", coarse, 20)):
    code, lines = run(format, path, "-", "-", 0)
    if [int(s[1]) for s in rows(lines, "sample")] != list(y) or len(rows(lines, "class")) != k:
        complain(f"{format} {path}: {code} {lines[:3]}")

# Grey images, a single channel, and a layout that the shape does not tell.
grey = rng.integers(0, 256, (n, 5, 7), dtype=np.uint8)
np.save("grey.npy", grey), np.save("grey1.npy", grey[:, None]), np.save("grey2.npy", grey[..., None])
shapes = [rows(run("npy", f, "y.npy", "-", 0)[1], "sample") for f in ("grey.npy", "grey1.npy", "grey2.npy")]
if shapes[0] != shapes[1] or shapes[0] != shapes[2] or shapes[0][0][2:5] != ["5", "7", "1"]:
    complain(f"grey: {[s[:1] for s in shapes]}")
np.save("both.npy", rng.integers(0, 256, (n, 3, 9, 3), dtype=np.uint8))
refused("which side is the channels", "npy", "both.npy", "y.npy", "-", 0)
for layout, shape in (("channels_first", ["9", "3", "3"]), ("channels_last", ["3", "9", "3"])):
    s = rows(run(f"npy:layout={layout}", "both.npy", "y.npy", "-", 0)[1], "sample")
    if s[0][2:5] != shape:
        complain(f"{layout}: {s[:1]}")

# Features of three widths: the same float32; targets.
features = rng.standard_normal((n, 6)).astype(np.float16)
features[0, :4] = [6e-8, -65504, 0, -0.0]
for dtype in (np.float16, np.float32, np.float64):
    np.save(f"f-{dtype.__name__}.npy", features.astype(dtype))
with h5py.File("f.h5", "w") as f:
    f["features"], f["labels"] = features, labels
    f["multi"] = rng.integers(0, 2, (n, 4), dtype=np.uint8)
    f["real"] = rng.standard_normal((n, 2))
    multi, real = f["multi"][:], f["real"][:]
np.save("multi.npy", multi.astype(bool)), np.save("real.npy", real), np.save("one.npy", real[:, 0])
got = [run("npy", f"f-{d}.npy", "y.npy", "-", 0) for d in ("float16", "float32", "float64")]
got.append(run("hdf5", "f.h5", "-", "-", 0))
for code, lines in got:
    if code != 0 or rows(lines, "sample") != rows(got[0][1], "sample"):
        complain(f"features: {code} {lines[:4]}")
if rows(got[0][1], "features") != [["6"]] or rows(got[0][1], "row")[0] != [f"{x:.9g}" for x in features[0].astype(float)]:
    complain(f"features: {rows(got[0][1], 'row')[:1]}")
for case, y in ((("npy:multilabel", "f-float32.npy", "multi.npy"), multi),
                (("hdf5:multilabel:labels=multi", "f.h5", "-"), multi),
                (("npy:regression", "f-float32.npy", "real.npy"), real),
                (("npy:regression", "f-float32.npy", "one.npy"), real[:, :1]),
                (("hdf5:regression:labels=real", "f.h5", "-"), real)):
    code, lines = run(*case, "-", 0)
    if rows(lines, "targets") != [[f"{float(np.float32(x)):g}" for x in row] for row in y]:
        complain(f"{case}: {code} {rows(lines, 'targets')[:1]}")

# What is refused.
put("cut.bin", open("cifar100/train.bin", "rb").read()[:-1])
put("empty.bin", b"")
cifar("range.bin", pixels, labels + 3)
refused("are no whole number of CIFAR-100 records", "cifar100", "cut.bin", "-", "-", 0)
refused("0 bytes are no whole number", "cifar10", "empty.bin", "-", "-", 0)
refused("has label 1", "cifar10", "range.bin", "-", "-", 0)
refused("holds no data_batch_1.bin", "cifar10", "cifar100", "-", "-", 0)
refused("are no whole number of CIFAR-10 records", "cifar10", "cifar100/train.bin", "-", "-", 0)
put("nine.txt", b"a\n" * 1 + b"".join(b"%d\n" % i for i in range(8)))
refused("9 names for the 10 classes", "cifar10", "cifar", "nine.txt", "-", 0)


def npy(path, header, data, version=1):
    header = header.encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    put(path, b"\x93NUMPY" + bytes([version, 0]) + length + header + data)


good = "{'descr': '|u1', 'fortran_order': False, 'shape': (70, 4, 4), }"
data = bytes(70 * 16)
npy("v2.npy", good, data, 2)
npy("order.npy", "{'shape':(70,4,4), 'fortran_order':False,'descr':'|u1'}", data)
for f in ("v2.npy", "order.npy"):
    if run("npy", f, "y.npy", "-", 0)[0] != 0:
        complain(f"{f}: refused")
for k, (word, header, d) in enumerate([
        ("promises 1120 bytes, the file holds 1119", good, data[1:]),
        ("promises 1120 bytes, the file holds 1121", good, data + b"x"),
        ("header is damaged", good.replace("70", "-70"), data),
        ("header is damaged", good.replace("(70, 4, 4)", "(70, 4, 4"), data),
        ("header is damaged", good.replace("70", "99999999999999999999"), data),
        ("header is damaged", good.replace("70", "4611686018427387904"), data),
        ("header is damaged", good.replace("'descr'", "'what'"), data),
        ("header is damaged", good[:-3] + ", 'shape': (1,)}", data),
        ("header is damaged", "{'descr': '|u1', 'shape': (70, 4, 4)}", data),
        ("header is damaged", good + "; import os", data),
        ("items of type", good.replace("|u1", "|O8"), data),
        ("items of type", good.replace("|u1", "<c8"), data),
        ("largest byte first", good.replace("|u1", ">u2"), data * 2),
        ("Fortran order", good.replace("False", "True"), data),
        ("more than 4 dimensions", good.replace("70,", "70, 1, 1,"), data),
        ("neither uint8 pixels nor", good.replace("|u1", "<i2"), data * 2),
        ("holds no sample", good.replace("70", "0"), b""),
        ("holds no sample", good.replace("(70, 4, 4)", "()"), b"x"),
        ("2 dimensions", good.replace("70, 4, 4", "70, 16"), data)]):
    npy(f"bad-{k}.npy", header, d)
    refused(word, "npy", f"bad-{k}.npy", "y.npy", "-", 0)
put("short.npy", b"\x93NUMPY\1\0")
put("other.npy", b"PK\3\4" + bytes(100))
put("long.npy", b"\x93NUMPY\2\0" + b"\xff\xff\xff\xff" + bytes(100))
refused("header is damaged", "npy", "short.npy", "y.npy", "-", 0)
refused("is not an NPY file", "npy", "other.npy", "y.npy", "-", 0)
refused("header is damaged", "npy", "long.npy", "y.npy", "-", 0)
for name, values, word in (("frac", labels + 0.5, "whole numbers"), ("minus", labels - 1, "has label -1"),
                           ("big", labels + 65530, "whole numbers 0 .. 65535"), ("nan", labels * np.nan, "has label"),
                           ("few", labels[:-1], "70 samples, but 69 labels"), ("flat", multi, "4 numbers a sample"),
                           ("3d", np.zeros((n, 2, 2)), "3 dimensions")):
    np.save(f"y-{name}.npy", values)
    refused(word, "npy", "x.npy", f"y-{name}.npy", "-", 0)
np.save("two.npy", multi * 2), np.save("inf.npy", real * np.inf)
np.save("f-inf.npy", np.where(features == features[9, 2], np.inf, features).astype(np.float32))
refused("is neither 0 nor 1", "npy:multilabel", "x.npy", "two.npy", "-", 0)
refused("sample 0, column 0: target is not finite", "npy:regression", "x.npy", "inf.npy", "-", 0)
refused("f-inf.npy, sample 9, column 2: feature is not a finite", "npy", "f-inf.npy", "y.npy", "-", 0)
refused("is not an NPY file", "npy", "cifar100/train.bin", "y.npy", "-", 0)

# HDF5 from elsewhere: nothing but plain bytes of this file.
put("secret.bin", pixels.tobytes())
with h5py.File("hostile.h5", "w") as f:
    f["plain"], f["labels"] = pixels, labels
    f["soft"] = h5py.SoftLink("/plain")
    f["outside"] = h5py.ExternalLink("x.h5", "/images")
    f.create_dataset("zip", data=pixels, compression="gzip")
    f.create_dataset("chunks", data=pixels, chunks=(10, 3, 32, 32))
    f.create_dataset("external", pixels.shape, "u1", external=[("secret.bin", 0, pixels.nbytes)])
    virtual = h5py.VirtualLayout(pixels.shape, "u1")
    virtual[:] = h5py.VirtualSource("x.h5", "images", pixels.shape)
    f.create_virtual_dataset("virtual", virtual)
    f.create_dataset("never", pixels.shape, "u1")
    f["big"] = pixels.astype(">u2")
    f["bigreal"] = features.astype(">f4")
    f["words"] = np.array(["x"] * n, dtype="S")
    f["real"] = real
for name, word in (("soft", "soft or external link"), ("outside", "soft or external link"), ("zip", "has filters"),
                   ("chunks", "has chunks"), ("external", "has external storage"), ("virtual", "has a virtual layout"),
                   ("never", "was never written"), ("big", "neither uint8 pixels nor"), ("none", "no 'none'"),
                   ("bigreal", "neither uint8 pixels nor"), ("words", "neither uint8"), ("labels", "neither uint8")):
    refused(word, f"hdf5:images={name}", "hostile.h5", "-", "-", 0)
for name, word in (("soft", "soft or external"), ("words", "words"), ("real", "2 numbers a sample"), ("nope", "no 'nope'")):
    refused(word, f"hdf5:images=plain:labels={name}", "hostile.h5", "-", "-", 0)
put("notes.h5", b"not an HDF5 file, but long enough to be looked at" * 20)
whole = open("x.h5", "rb").read()
put("cut.h5", whole[:len(whole) // 2])
refused("notes.h5", "hdf5", "notes.h5", "-", "-", 0)
refused("cut.h5", "hdf5", "cut.h5", "-", "-", 0)
check_refused()
cases = []
for i in range(60):  # damage in the metadata: an answer, never a crash
    b = bytearray(whole)
    for _ in range(1 + i % 9):
        at = int(rng.integers(0, 3000))
        b[at if i % 2 else len(b) - 1 - at] = int(rng.integers(0, 256))
    put(f"random-{i}.h5", bytes(b))
    cases.append(("hdf5", f"random-{i}.h5", "-", "-", 1))
codes = [code for code, _ in run_all(cases)]
if not set(codes) <= {0, 65, 74}:
    complain(f"damaged HDF5: {codes}")
finish()
