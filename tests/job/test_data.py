# Run by test_data.sh in an empty folder.
import io, json, os, subprocess, sys
import numpy as np
from PIL import Image

mpirun, judd = sys.argv[1:3]
rng = np.random.default_rng(4)
failed = 0


def check(ok, text):
    global failed
    failed += not ok
    if not ok:
        print("FAILED: " + text)


def run(*arguments, ranks=1):
    a = [mpirun, str(ranks)] if ranks > 1 else []
    r = subprocess.run([*a, judd, *arguments], capture_output=True, timeout=100)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def picture(kind="PNG", mode="RGB", size=(9, 7)):
    f = io.BytesIO()
    a = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(a).convert(mode).save(f, kind)
    return f.getvalue()


# Two of the test images stand in train too; one with the same name and other bytes does not count.
for i in range(24):
    put(f"train/{'ab'[i % 3 // 2]}/{i:02}.png", picture())
for i in range(6):
    put(f"test/{'ab'[i % 2]}/{i:02}.png", picture())
put("test/b/90.png", open("train/a/01.png", "rb").read())
put("test/a/91.png", open("train/b/23.png", "rb").read())
put("train/b/bad.png", b"\x89PNG\r\n\x1a\n")
n = 120
y = rng.integers(0, 3, n)
features = rng.standard_normal((n, 8)).astype(np.float32)
features[np.arange(n), y] += 4
np.save("f.npy", features), np.save("y.npy", y)
job = '''schema = 1; name = "j"; seed = 1; limits = { max_bad_fraction = 0.1; };
verdict = { seeds = 2; };
backbones = ( { name = "x"; kind = "%s"; %s }, { name = "y"; kind = "%s"; %s } );
datasets = ( { name = "d"; format = "%s"; train = { %s }; %s } );
heads = ( { name = "h"; kind = "softmax"; optimizer = { learning_rate = [0.1, 0.3]; steps = 30; }; } );
experiments = ( { name = "e"; source = "s"; target = "d"; backbone = "x"; baseline = "y"; head = "h"; shots = [2, 0]; } );
'''
images = job % ("pixels", "input = { crop = 7; };", "pixels", "input = { crop = 7; scale = 1.0; };", "folder", 'images = "train";',
                'test = { images = "test"; };')
ready = job % ("none", "columns = [0, 4];", "none", "columns = [4, 4];", "npy",
               'images = "f.npy"; labels = "y.npy";', "test_fraction = 0.25;")
for name, text in (("images", images), ("ready", ready)):
    put(f"./{name}.cfg", text.encode())
    for ranks in (1, 3):
        code, out, err = run("run", f"{name}.cfg", "--set", f"output={name}-{ranks}", ranks=ranks)
        check(code == 0, f"{name} at {ranks} ranks: {err}")
        check(("stand in train byte for byte" in err) == (name == "images"), f"{name}: {err}")
    for file in ("results.jsonl", "data.jsonl", "verdicts.jsonl"):
        check(open(f"{name}-1/{file}").read() == open(f"{name}-3/{file}").read(), f"{name}: {file} differs")
records = [json.loads(line) for line in open("images-1/data.jsonl")]
train, test = records
check([r["split"] for r in records] == ["train", "test"], "splits")
check(train["class_counts"] == [16, 8] and train["imbalance"] == 2.0 and train["n_bad"] == 1, f"train: {train}")
pairs = [[os.path.relpath(path) for path in pair] for pair in test["also_in_train"]]
check(test["n_also_in_train"] == 2 and pairs == [["test/a/91.png", "train/b/23.png"],
                                                 ["test/b/90.png", "train/a/01.png"]], f"test: {test}")
check(open("images-1/quarantine.tsv").read() == open("images-3/quarantine.tsv").read(), "quarantine.tsv differs")
train, test = [json.loads(line) for line in open("ready-1/data.jsonl")]
counts = np.bincount(y)
part = np.floor(counts * 0.25 + 0.5).astype(int)
check(test["class_counts"] == list(part) and train["class_counts"] == list(counts - part), f"ready: {train} {test}")
accuracy = [json.loads(line)["metrics"]["accuracy"] for line in open("ready-1/results.jsonl")
            if '"arm":"transfer"' in line.replace(" ", "") and '"shots":null' in line.replace(" ", "")]
check(len(accuracy) == 2 and min(accuracy) > 0.9, f"ready features: accuracy {accuracy}")
for text, word in ((ready.replace('"none"', '"pixels"').replace("columns = [0, 4];", "").replace(
                        "columns = [4, 4];", "input = { scale = 2.0; };"), "holds ready features"),
                   (ready.replace("[4, 4]", "[4, 5]"), "columns 4 to 8, but the data set has 8"),
                   (images.replace('"pixels"', '"none"'),
                    "holds images, not ready features"),
                   (ready.replace("test_fraction = 0.25;", "test_fraction = 0.25; views = 2;"),
                    "views = 2, but train holds ready features"),
                   (ready.replace("0.25", "0.999"), "leaves none to train on")):
    put("./bad.cfg", text.encode())
    code, out, err = run("run", "bad.cfg", "--set", "output=bad", "--fresh")
    check(code in (65, 78) and word in err, f"expected '{word}': {code} {err}")

# inspect
put("kinds/a/grey.jpg", picture("JPEG", "L", (30, 20))), put("kinds/a/cmyk.jpg", picture("JPEG", "CMYK"))
put("kinds/b/rgba.png", picture("PNG", "RGBA")), put("kinds/b/palette.png", picture("PNG", "P", (200, 100)))
code, out, err = run("inspect", "kinds", "--sheet", "sheet.png")
check(code == 0, f"inspect: {err}")
for line in ("format    folder", "height    7 to 100", "width     9 to 200", "kind      JPEG grey, 8 bits: 1",
             "kind      JPEG CMYK, 8 bits: 1", "kind      PNG RGBA, 8 bits: 1", "kind      PNG palette, 8 bits: 1",
             "classes   2, of 2 to 2 samples", "bad       0"):
    check(line in out.split("\n"), f"inspect: no line '{line}' in {out}")
sheet = np.asarray(Image.open("sheet.png"))
check(sheet.shape == (2 * 72 + 4, 12 * 72 + 4, 3), f"sheet: {sheet.shape}")
first = np.asarray(Image.open("kinds/a/cmyk.jpg").convert("RGB"))  # the first by name: enlarged 68 / 9 = 7 times
check((sheet[4 + 9:4 + 9 + 49:7, 4 + 2:4 + 2 + 63:7] == first).all(), "sheet: another picture")
code, out, err = run("inspect", "train", ranks=2)
check("bad       1" in out and "bad.png: PNG" in out, f"inspect train: {out}")
code, out, err = run("inspect", "ready.cfg:d")
check("features  8 a sample" in out and "classes   3" in out, f"inspect ready.cfg:d: {out} {err}")
for arguments, word in ((("ready.cfg:e",), "no data set of this name"), (("ready.cfg:d", "--split", "test"), "no test files"),
                        (("f.npy", "--labels", "y.npy", "--sheet", "s.png"), "needs images"),
                        (("f.npy",), "no labels file"), (("f.npy", "--task", "ranking"), "known: classification")):
    code, out, err = run("inspect", *arguments)
    check(code in (64, 65, 78) and word in err, f"inspect {arguments}: {code} {err}")
sys.exit(1 if failed else 0)
