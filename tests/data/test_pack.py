# Run by test_pack.sh in an empty folder.
import io, subprocess, sys
import h5py
import numpy as np
from PIL import Image
from dataset_runs import check_refused, complain, finish, mpirun, put, refused, rows, run, run_all

judd = sys.argv[3]
rng = np.random.default_rng(3)


def pack(*arguments, ranks=1):
    a = [mpirun, str(ranks)] if ranks > 1 else []
    r = subprocess.run([*a, judd, "pack", *arguments], capture_output=True, timeout=60)
    if r.returncode != 0:
        complain(f"pack {arguments}: {r.stderr.decode()}")


names = [f"{c}/{i:03}.jpg" for c in ("ape", "cat", "dog") for i in range(40)]
for name in names:
    f = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (9, int(rng.integers(5, 30)), 3), dtype=np.uint8)).save(f, "JPEG")
    put("folder/" + name, f.getvalue())
put("folder/cat/003.jpg", b"")
put("folder/dog/039.jpg", open("folder/dog/039.jpg", "rb").read()[:-30])
put("list.tsv", "".join(f"folder/{n}\t{i / 7}\t{-i}\n" for i, n in enumerate(names)).encode())
pixels, labels = rng.integers(0, 256, (50, 6, 5, 3), dtype=np.uint8), rng.integers(0, 3, 50)
np.save("x.npy", pixels), np.save("y.npy", labels)
np.save("f.npy", rng.standard_normal((50, 7)).astype(np.float32))
np.save("t.npy", rng.integers(0, 2, (50, 4)).astype(np.uint8))

# The source's lines and the packed file's are the same, but for where bad images lie.
put("job.cfg", b'''schema = 1; name = "j"; seed = 1;
backbones = ( { name = "p"; kind = "pixels"; }, { name = "q"; kind = "pixels"; input = { scale = 1.0; }; } );
datasets = ( { name = "d"; format = "npy"; train = { images = "x.npy"; labels = "y.npy"; };
               test = { images = "f.npy"; labels = "y.npy"; }; } );
heads = ( { name = "h"; kind = "softmax"; } );
experiments = ( { name = "e"; source = "s"; target = ["d"]; backbone = "p"; baseline = "q"; head = "h"; } );
''')
cases = [(("folder", "folder", "-"), "packed", ("folder",)), (("list:regression", "list.tsv", "-"), "packed:regression",
                                                            ("list.tsv", "--task", "regression")),
         (("npy", "x.npy", "y.npy"), "packed", ("x.npy", "--labels", "y.npy")),
         (("npy", "x.npy", "y.npy"), "auto", ("job.cfg:d",)),
         (("npy", "f.npy", "y.npy"), "packed", ("job.cfg:d", "--split", "test")),
         (("npy:multilabel", "f.npy", "t.npy"), "packed:multilabel",
          ("f.npy", "--labels", "t.npy", "--task", "multilabel"))]
for k, (source, packed, arguments) in enumerate(cases):
    pack(*arguments, "-o", f"{k}.h5", ranks=1 + k % 3)
    pack(*arguments, "-o", "again.h5", ranks=1 + (k + 1) % 3)
    if open(f"{k}.h5", "rb").read() != open("again.h5", "rb").read():
        complain(f"{arguments}: other bytes at another number of ranks")
    want, got = run(*source, "-", 1)[1], run(packed, f"{k}.h5", "-", "-", 1)[1]
    want, got = ([l.replace("folder/", "").replace("./", "").replace(f"{k}.h5:", "") for l in lines] for lines in (want, got))
    if want != got or not rows(got, "samples"):
        complain(f"{arguments}: {[x for x in zip(want, got) if x[0] != x[1]][:3]}")
if run("packed", "0.h5", "-", "-", 1, ranks=3)[1] != run("packed", "0.h5", "-", "-", 1)[1]:
    complain("3 ranks: not the same")
with h5py.File("0.h5") as f:  # as the format says
    o = f["offsets"][:]
    at = list(f["names"][:].tobytes().split(b"\0")).index(b"dog/007.jpg")
    if f["bytes"][o[at]:o[at + 1]].tobytes() != open("folder/dog/007.jpg", "rb").read() or f["labels"][at] != 2:
        complain("h5py sees something else")

# Damage: a flipped bit in any part, a part that is missing, sizes that do not fit.
whole = open("0.h5", "rb").read()
with h5py.File("0.h5") as f:
    places = {name: f[name].id.get_offset() for name in ("bytes", "offsets", "check", "names", "labels")}
for name, at in places.items():
    b = bytearray(whole)
    b[at + 8] ^= 1
    put(f"flip-{name}.h5", bytes(b))
    refused({"bytes": "changed since", "names": "damaged"}.get(name, "are damaged"),
            "packed", f"flip-{name}.h5", "-", "-", 1)
for name in ("bytes", "offsets", "check", "names", "labels"):
    put("edit.h5", whole)
    with h5py.File("edit.h5", "a") as f:
        data = f[name][:]
        del f[name]
        f[name] = data[:-1]
    put(f"short-{name}.h5", open("edit.h5", "rb").read())
    refused("pack the data set again", "packed", f"short-{name}.h5", "-", "-", 1)
put("cut.h5", whole[:len(whole) // 2])
refused("cut.h5", "packed", "cut.h5", "-", "-", 1)
put("plain.h5", b"")
with h5py.File("plain.h5", "w") as f:
    f["images"] = pixels
refused("not a file that judd wrote", "packed", "plain.h5", "-", "-", 1)
check_refused()
random = []
for i in range(40):
    b = bytearray(whole)
    for _ in range(1 + i % 9):
        b[int(rng.integers(0, len(b)))] = int(rng.integers(0, 256))
    put(f"random-{i}.h5", bytes(b))
    random.append(("packed", f"random-{i}.h5", "-", "-", 1))
codes = [code for code, _ in run_all(random)]
if not set(codes) <= {0, 65, 74}:
    complain(f"damaged packs: {codes}")
finish()
