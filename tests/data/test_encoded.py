# Run by test_encoded.sh in an empty folder.
import io, os, shutil, socket, tarfile
import numpy as np
from PIL import Image

from dataset_runs import check_refused, complain, finish, put, refused, rows, run, run_all

rng = np.random.default_rng(1)


def encoded(kind="JPEG"):
    h, w = rng.integers(5, 40, 2)
    f = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(f, kind)
    return f.getvalue()


# The same images as a folder, a tar, shards and a list.
names = [f"{c}/{i:03}.{'png' if i % 3 == 0 else 'jpg'}" for c in ("cat", "dog", "ape") for i in range(30)]
data = {n: encoded("PNG" if n.endswith("png") else "JPEG") for n in names}
for n in names:
    put("folder/" + n, data[n])
put("folder/cat/notes.txt", b"not an image")
put("folder/.hidden/x.jpg", b"")
os.symlink("000.png", "folder/cat/link.txt")


def write_tar(path, members, **options):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with tarfile.open(path, "w", **options) as t:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            t.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)


shuffled = [names[i] for i in rng.permutation(len(names))]
write_tar("all.tar", [(n, data[n]) for n in shuffled], format=tarfile.USTAR_FORMAT)
write_tar("gnu.tar", [(n, data[n]) for n in names], format=tarfile.GNU_FORMAT)
for s in range(3):
    write_tar(f"shards/{s}.tar", [(n, data[n]) for n in shuffled[s::3]], format=tarfile.PAX_FORMAT)
put("list.tsv", "".join(f"folder/{n}\t{n.split('/')[0]}\n" for n in shuffled).encode())

expected = []
for i, n in enumerate(sorted(names)):
    a = np.asarray(Image.open(io.BytesIO(data[n])).convert("RGB"))
    expected.append([str(i), str(["ape", "cat", "dog"].index(n.split("/")[0])), *map(str, a.shape)])
reference = None
cases = [(f, p, "-", "-", 0) for f, p in (("folder", "folder"), ("tar", "all.tar"), ("tar", "gnu.tar"),
                                          ("tar", "shards"), ("list", "list.tsv"))]
for (format, path, *_), (code, lines) in zip(cases, run_all(cases)):
    if code != 0:
        complain(f"{path}: {lines}")
        continue
    if [s[:5] for s in rows(lines, "sample")] != expected:
        complain(f"{path}: samples differ")
    if rows(lines, "class") != [["ape"], ["cat"], ["dog"]]:
        complain(f"{path}: classes {rows(lines, 'class')}")
    if format == "list":  # names differ: they say folder/...
        lines = [l for l in lines if not l.startswith("sha256")]
        lines2 = [l for l in reference if not l.startswith("sha256")]
    else:
        reference = reference or lines
        lines2 = reference
    if lines != lines2:
        complain(f"{path}: not the same as the folder")
for ranks in (2, 3):
    if run("tar", "shards", "-", "-", 0, ranks=ranks)[1] != reference:
        complain(f"{ranks} ranks: not the same")
put("changed/" + names[0], data[names[0]] + b"\0")
shutil.copytree("folder", "changed", dirs_exist_ok=True)
put("changed/" + names[0], data[names[1]])
if rows(run("folder", "changed", "-", "-", 0)[1], "sha256") == rows(reference, "sha256"):
    complain("other bytes, same identity")

# WebDataset's .cls, class lists, labels in a list, long names.
long = "deep/" * 30 + "x" * 90 + "/y.jpg"
cls = [(f"{i:05}.{e}", c) for i in range(4) for e, c in (("jpg", encoded()), ("cls", str(i * 3).encode()))]
write_tar("cls.tar", cls)
code, lines = run("tar", "cls.tar", "-", "-", 0)
if [s[1] for s in rows(lines, "sample")] != ["0", "3", "6", "9"] or ["10"] not in rows(lines, "classes"):
    complain(f"cls.tar: {lines}")
for f in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
    write_tar("long.tar", [(long, encoded()), ("a/b.jpg", encoded())], format=f)
    code, lines = run("tar", "long.tar", "-", "-", 0)
    if rows(lines, "class") != [["a"], ["x" * 90]]:
        complain(f"long.tar: {lines}")
put("classes.tsv", b"0\tdog\tDog\n1\tn1\tOne\n2\tape\n3\tcat\n")
code, lines = run("folder", "folder", "classes.tsv", "-", 0)
if [s[1] for s in rows(lines, "sample")] != ["2"] * 30 + ["3"] * 30 + ["0"] * 30:
    complain(f"class list: {lines[:9]}")
write_tar("prefix.tar", [("n1_x.JPEG", encoded()), ("cat_y.JPEG", encoded())])
code, lines = run("tar", "prefix.tar", "classes.tsv", "-", 0)
if [s[1] for s in rows(lines, "sample")] != ["3", "1"]:
    complain(f"prefix.tar: {lines}")
put("numbers.tsv", "".join(f"folder/{n}\t{i % 5}\n" for i, n in enumerate(names)).encode())
if ["5"] not in rows(run("list", "numbers.tsv", "-", "-", 0)[1], "classes"):
    complain("numbers.tsv")

# Several classes each, and numbers: order of names, of a class list, of numbers; sorted by path.
some = sorted(names)[:4]
def task_list(path, values):
    put(path, "".join(f"folder/{n}\t{v}\n" for n, v in reversed(list(zip(some, values)))).encode())
task_list("multi.tsv", ["sky,dog", "", "ape", "dog"])
code, lines = run("list:multilabel", "multi.tsv", "-", "-", 0)
if (rows(lines, "class") != [["ape"], ["dog"], ["sky"]] or rows(lines, "column") != rows(lines, "class")
        or rows(lines, "targets") != [["0", "1", "1"], ["0", "0", "0"], ["1", "0", "0"], ["0", "1", "0"]]
        or {s[1] for s in rows(lines, "sample")} != {"0"}):
    complain(f"multi.tsv: {lines}")
if run("list:multilabel", "multi.tsv", "-", "-", 0, ranks=3)[1] != lines:
    complain("multi.tsv at 3 ranks")
put("multi-classes.tsv", b"sky\ncat\ndog\nape\n")
code, lines = run("list:multilabel", "multi.tsv", "multi-classes.tsv", "-", 0)
if rows(lines, "targets")[0] != ["1", "0", "1", "0"]:
    complain(f"multi.tsv with a class list: {lines}")
task_list("multi-numbers.tsv", ["3,0", "", "1", "1"])
code, lines = run("list:multilabel", "multi-numbers.tsv", "-", "-", 0)
if ["4"] not in rows(lines, "classes") or rows(lines, "targets")[0] != ["1", "0", "0", "1"]:
    complain(f"multi-numbers.tsv: {lines}")
task_list("real.tsv", ["1.5\t-2", "0\t1e3", "3\t4", "5\t6"])
put("columns.tsv", b"length\nweight\n")
code, lines = run("list:regression", "real.tsv", "columns.tsv", "-", 0, ranks=2)
if (rows(lines, "column") != [["length"], ["weight"]] or rows(lines, "targets")[:2] != [["1.5", "-2"], ["0", "1000"]]
        or ["0"] not in rows(lines, "classes")):
    complain(f"real.tsv: {lines}")
task_list("real-nan.tsv", ["1\t2", "3\tnan", "3\t4", "5\t6"])
task_list("real-word.tsv", ["1\t2", "3\tx", "3\t4", "5\t6"])
task_list("real-short.tsv", ["1\t2", "3", "3\t4", "5\t6"])
task_list("multi-gap.tsv", ["sky,,dog", "", "ape", "dog"])
task_list("multi-none.tsv", ["", "", "", ""])
put("columns3.tsv", b"a\nb\nc\n")
refused("sample 1, column 1: target is not finite", "list:regression", "real-nan.tsv", "-", "-", 0)
refused('"x" is no number', "list:regression", "real-word.tsv", "-", "-", 0)
refused("1 numbers, the first sample has 2", "list:regression", "real-short.tsv", "-", "-", 0)
refused("2 targets a sample, but 3 names", "list:regression", "real.tsv", "columns3.tsv", "-", 0)
refused("an empty label between commas", "list:multilabel", "multi-gap.tsv", "-", "-", 0)
refused("no sample has a label", "list:multilabel", "multi-none.tsv", "-", "-", 0)
refused("label sky is not among the 2 of columns.tsv", "list:multilabel", "multi.tsv", "columns.tsv", "-", 0)
refused("is no number", "folder:regression", "folder", "-", "-", 0)
check_refused()

# Reduced decoding: the sizes and pixels of Pillow's draft mode.
a = (np.add.outer(np.arange(300), np.arange(400)) % 256).astype(np.uint8)
for i, size in enumerate([(400, 300), (300, 400), (128, 127), (31, 250), (257, 256)]):
    f = io.BytesIO()
    Image.fromarray(a).resize(size).convert("RGB").save(f, "JPEG")
    put(f"dct/a/{i}.jpg", f.getvalue())
put("dct/a/x.png", encoded("PNG")), put("dct/b/y.jpg", encoded())
for side in (16, 64, 300):
    got = [s[2:] for s in rows(run(f"folder:dct={side}", "dct", "-", "-", 0)[1], "sample")]
    os.makedirs(f"drafts-{side}/a", exist_ok=True), os.makedirs(f"drafts-{side}/b", exist_ok=True)
    for name in ("a/0.jpg", "a/1.jpg", "a/2.jpg", "a/3.jpg", "a/4.jpg", "a/x.png", "b/y.jpg"):
        image = Image.open("dct/" + name)
        image.draft("RGB", (side, side))
        image.convert("RGB").save(f"drafts-{side}/{name[:-4]}.png")
    want = [s[2:] for s in rows(run("folder", f"drafts-{side}", "-", "-", 0)[1], "sample")]
    if got != want:
        complain(f"dct_side = {side}: {got} instead of {want}")

# What a name ends with tells that it is an image, not which.
put("ending/a/jpeg.png", encoded()), put("ending/b/png.JPG", encoded("PNG")), put("ending/b/gif.jpg", b"GIF89a" + bytes(40))
code, lines = run("folder", "ending", "-", "-", 0.5)
if [b[1] for b in rows(lines, "bad")] != ["ending/b/gif.jpg"]:
    complain(f"ending: {lines}")

# Labels may stand anywhere in their shard, and another shard may use the same keys.
shards = [[(f"{i:03}.{e}", c) for i in range(9) for e, c in (("b.jpg", encoded()), ("cls", str(i + 20 * k).encode()))]
          for k in range(2)]
shards[1] = [(n.replace("b.jpg", "a.jpg"), c) for n, c in shards[1]]
for k, members in enumerate(shards):
    write_tar(f"keys/{k}.tar", [members[i] for i in rng.permutation(len(members))])
code, lines = run("tar", "keys", "-", "-", 0)
if [s[1] for s in rows(lines, "sample")] != [str(i + 20 * k) for i in range(9) for k in (1, 0)]:
    complain(f"keys: {lines}")

# Bad images: the same set at any number of ranks and from memory; too many are an error.
shutil.copytree("folder", "bad")
put("bad/ape/003.png", b"")
put("bad/cat/001.jpg", data["cat/001.jpg"][:60])
put("bad/dog/029.jpg", data["dog/029.jpg"][:-2])
one = run("folder", "bad", "-", "-", 0.5)[1]
if [(b[0], b[1]) for b in rows(one, "bad")] != [("3", "bad/ape/003.png"), ("31", "bad/cat/001.jpg"),
                                                ("89", "bad/dog/029.jpg")]:
    complain(f"bad images: {rows(one, 'bad')}")
for ranks in (1, 2, 3):
    cases = [("folder", "bad", "-", c, 0.5) for c in ("-", f"cache-{ranks}", f"cache-{ranks}")]
    for case, (code, lines) in zip(cases, run_all(cases, ranks)):
        if lines != one:
            complain(f"bad images at {ranks} ranks, {case}, differ")
refused("3 of 90 images are bad", "folder", "bad", "-", "cache-1", 0.03)
check_refused()
kept = os.path.join("cache-1/bad-images", os.listdir("cache-1/bad-images")[0])
whole = open(kept, "rb").read()
for damaged in (whole.replace(b"\n31\t", b"\n32\t"), whole[:-1], b"something else\n"):
    put(kept, damaged)
    if run("folder", "bad", "-", "cache-1", 0.5)[1] != one or open(kept, "rb").read() != whole:
        complain(f"a damaged or foreign file in the cache was believed: {damaged[-40:]}")
# Other bytes under the same names and sizes: the list that seems to be theirs is not.
shutil.copytree("bad", "other")
put("other/ape/001.jpg", bytes(os.path.getsize("other/ape/001.jpg")))
for ranks in (1, 2):
    without, kept = run_all([("folder", "other", "-", c, 0.5) for c in ("-", "cache-1")], ranks)
    if without != kept or len(rows(kept[1], "bad")) != 4:
        complain(f"images of known names and sizes with other bytes: {rows(kept[1], 'bad')}")

# What is refused.
refused("No such file", "folder", "none", "-", "-", 0)
os.makedirs("empty-class/a"), put("empty-class/b/x.jpg", encoded())
refused("without an image", "folder", "empty-class", "-", "-", 0)
os.makedirs("nothing")
refused("no image", "folder", "nothing", "-", "-", 0)
put("flat/x.jpg", encoded())
refused("lies in no class folder", "folder", "flat", "-", "-", 0)
put(b"latin/a/caf\xe9.jpg", encoded())
refused("no printable UTF-8", "folder", "latin", "-", "-", 0)
os.makedirs("pipe/a"), os.mkfifo("pipe/a/x.jpg")
refused("device or pipe", "folder", "pipe", "-", "-", 0)
os.makedirs("socket/a")
with socket.socket(socket.AF_UNIX) as s:
    s.bind("socket/a/y.jpg")
refused("device or pipe", "folder", "socket", "-", "-", 0)
# A link that leads nowhere is a bad image, if it is one by its name.
for folder, target in (("dangling", "nowhere"), ("self", "y.jpg")):
    put(f"{folder}/a/x.jpg", encoded()), put(f"{folder}/b/x.jpg", encoded())
    os.symlink(target, f"{folder}/a/y.jpg"), os.symlink("none", f"{folder}/a/notes.txt"), os.symlink("none", f"{folder}/c")
    code, lines = run("folder", folder, "-", "-", 0.5)
    if code != 0 or [b[1] for b in rows(lines, "bad")] != [f"{folder}/a/y.jpg"] or "leads nowhere" not in str(lines):
        complain(f"{folder}: {lines}")
    refused("1 of 3 images are bad", "folder", folder, "-", "-", 0)
for k, name in enumerate(("a\nb.jpg", "a\tb.jpg", "a\x7fb.jpg")):
    put(f"control-{k}/a/{name}", encoded())
    refused("no printable UTF-8", "folder", f"control-{k}", "-", "-", 0)
put("giant/a/x.jpg", encoded()), put("giant/a/y.jpg", b"")
os.truncate("giant/a/y.jpg", 3 << 40)  # of nothing
refused("more than an image has", "folder", "giant", "-", "-", 0)
os.makedirs("loop/a"), os.symlink("..", "loop/a/b"), put("loop/a/x.jpg", encoded())
refused("does a link lead back", "folder", "loop", "-", "-", 0)
put("short.tsv", b"dog\ncat\n")
refused("class ape is not in short.tsv", "folder", "folder", "short.tsv", "-", 0)
put("order.tsv", b"0\tdog\n2\tcat\n")
refused("order.tsv:2: label 2, expected 1", "folder", "folder", "order.tsv", "-", 0)
put("twice.tsv", b"dog\ncat\ndog\n")
refused("stands twice", "folder", "folder", "twice.tsv", "-", 0)


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


good = ("a/x.jpg", encoded())
for name, members, word in [
        ("up", [good, ("../x.jpg", encoded())], "climbs out"),
        ("up2", [good, ("a/../../x.jpg", encoded())], "climbs out"),
        ("abs", [good, ("/etc/x.jpg", encoded())], "is absolute"),
        ("sym", [good, ("", special("a/y.jpg", tarfile.SYMTYPE, "/etc/passwd"))], "is a link"),
        ("hard", [good, ("", special("a/y.jpg", tarfile.LNKTYPE, "a/x.jpg"))], "is a link"),
        ("dev", [good, ("", special("a/y.jpg", tarfile.CHRTYPE))], "neither file nor folder"),
        ("fifo", [good, ("", special("a/y.jpg", tarfile.FIFOTYPE))], "neither file nor folder"),
        ("twice", [good, good], "stands in it twice"),
        ("no-cls", cls + [("z.jpg", encoded())], "has no .cls"),
        ("word", [("z.jpg", encoded()), ("z.cls", b"seven")], "label seven"),
        ("big", [("z.jpg", encoded()), ("z.cls", b"70000")], "label 70000"),
        ("minus", [("z.jpg", encoded()), ("z.cls", b"-1")], "label -1"),
        ("none", [("a/x.txt", b"text")], "no image"),
        ("root", [("x.jpg", encoded())], "lies in no class folder")]:
    write_tar(f"bad-{name}.tar", members)
    refused(word, "tar", f"bad-{name}.tar", "-", "-", 0)
write_tar("mixed/0.tar", cls), write_tar("mixed/1.tar", [good])
refused("unlike the shards before it", "tar", "mixed", "-", "-", 0)
whole = open("all.tar", "rb").read()
put("cut.tar", whole[:len(whole) // 2])
refused("truncated", "tar", "cut.tar", "-", "-", 0)
put("no-end.tar", whole[:whole.rindex(b"ustar") - 257])
refused("truncated", "tar", "no-end.tar", "-", "-", 0)
put("flip.tar", whole[:3] + b"?" + whole[4:])
refused("is not a tar file", "tar", "flip.tar", "-", "-", 0)
put("zip.tar", b"PK\3\4" + bytes(2000))
refused("is not a tar file", "tar", "zip.tar", "-", "-", 0)
put("empty.tar", b"")
refused("is empty", "tar", "empty.tar", "-", "-", 0)
put("l1.tsv", b"folder/cat/000.png cat\n")
refused("l1.tsv:1: expected path<TAB>label", "list", "l1.tsv", "-", "-", 0)
put("l2.tsv", b"\nfolder/cat/nope.png\t1\n")
refused("l2.tsv:2: ./folder/cat/nope.png: No such file", "list", "l2.tsv", "-", "-", 0)
put("l3.tsv", b"folder/cat/000.png\t99999\n")
refused("label 99999", "list", "l3.tsv", "-", "-", 0)
check_refused()
cases, base = [], open("gnu.tar", "rb").read()
for i in range(150):  # damage anywhere: an answer, never a crash
    b = bytearray(base)
    for _ in range(1 + i % 20):
        b[int(rng.integers(0, 40)) * 512 + int(rng.integers(0, 512))] = int(rng.integers(0, 256))
    put(f"random-{i}.tar", bytes(b))
    cases.append(("tar", f"random-{i}.tar", "-", "-", 1))
codes = [code for code, _ in run_all(cases)]
if not set(codes) <= {0, 65} or 65 not in codes:
    complain(f"damaged tars: {codes}")
finish()
