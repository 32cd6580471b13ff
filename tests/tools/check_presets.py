# Run by test_export_onnx.sh beside net/squeezenet1_1.{onnx,cfg}. Every preset is part of a job that
# judd accepts and runs; the features of the exported network are PyTorch's.
import glob, json, os, subprocess, sys
import h5py
import numpy as np
import torch
import torchvision
from PIL import Image

judd, source = sys.argv[1:3]
torch.set_num_threads(1)
rng = np.random.default_rng(1)
pictures = {}
for kind in "ab":
    os.makedirs(f"images/{kind}")
    for i in range(3):
        small = rng.integers(0, 256, (rng.integers(4, 9), rng.integers(4, 9), 3), dtype=np.uint8)
        size = (int(rng.integers(230, 400)), int(rng.integers(230, 400)))
        name = f"images/{kind}/{i}.png"
        pictures[name] = Image.fromarray(small).resize(size, Image.BICUBIC)
        pictures[name].save(name)


def run(name, backbones, of):
    """The job, with 8 x 8 pixels as baseline -> the features of the backbone and their key."""
    with open(name + ".cfg", "w") as f:
        f.write(f'''schema = 1; name = "{name}"; cache = "{name}-cache"; verdict = {{ seeds = 1; }};
backbones = (
{backbones}
, {{ name = "p"; kind = "pixels"; input = {{ resize = 8; resize_mode = "exact"; }}; }} );
datasets = ( {{ name = "d"; format = "folder"; train = {{ images = "images"; }};
                test = {{ images = "images"; }}; }} );
heads = ( {{ name = "h"; kind = "softmax"; optimizer = {{ learning_rate = 0.1; steps = 1; }}; }} );
experiments = ( {{ name = "e"; source = "s"; target = "d"; backbone = "{of}"; baseline = "p";
                   head = "h"; shots = 1; }} );
''')
    r = subprocess.run([judd, "run", name + ".cfg", "--quiet"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=300)
    if r.returncode != 0:
        sys.exit(f"{name}: exit code {r.returncode}: {r.stdout.decode()}")
    for path in glob.glob(f"{name}-cache/features/*.h5"):
        with h5py.File(path) as f:
            key = json.loads(f.attrs["key"])
            if key.get("resize") != [8, 8]:
                return f["features"][:], f["check"][:] != 0, key
    sys.exit(f"{name}: no features")


def compare(features, there, prepared, of):
    want = np.concatenate([of(prepared(p.copy())[None]) for p in pictures.values()])
    if not there.any():
        sys.exit("no row was computed")
    return np.abs(features[there] - want[there]).max() / np.abs(want[there]).max()


# What the exported entry says, to its end: PNG -> Pillow's resize -> network -> features.
torch.manual_seed(1)  # as tools/export-onnx does
weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
model = torchvision.models.squeezenet1_1(weights=None).eval()
with torch.no_grad():
    rows, there, _ = run("exported", '@include "net/squeezenet1_1.cfg"', "squeezenet1_1")
    error = compare(rows, there, weights.transforms(),
                    lambda x: model.features(x).flatten(1).numpy())
    print(f"exported squeezenet1_1: relative error {error:.1e}")
    if error > 1e-4:
        sys.exit("FAILED: not PyTorch's features")

# Every preset: the prepared pixels, as a backbone of kind "pixels".
presets = sorted(glob.glob(f"{source}/configs/backbones/*.cfg"))
lines = [(p, open(p).read()) for p in presets]
lines = [(p, t) for p, t in lines if t.count("\ninput = ") == 1]
assert len(lines) > 40, len(lines)
chosen = {"resnet", "inception_v3", "xception", "caffe-227"}
for i, (path, text) in enumerate(lines):
    name = os.path.basename(path)[:-4]
    if name not in chosen:
        continue
    rows, there, key = run(name, f'{{ name = "n"; kind = "pixels";\n@include "backbones/{name}.cfg"\n}}', "n")
    side = {"resnet": 224, "inception_v3": 299, "xception": 299, "caffe-227": 227}[name]
    if key["input"] != [3, side, side]:
        sys.exit(f"FAILED: {name}: {key['input']}")
    if name in ("resnet", "inception_v3"):
        model = {"resnet": "resnet50"}.get(name, name)
        prepared = torchvision.models.get_model_weights(model).DEFAULT.transforms()
    elif name == "xception":
        prepared = lambda p: torch.from_numpy(np.asarray(p.resize((299, 299), Image.BILINEAR))
                                              .transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
    else:
        prepared = lambda p: torch.from_numpy(
            (np.asarray(p.resize((256, 256), Image.BILINEAR))[14:241, 14:241, ::-1]
             .astype(np.float32) - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1).copy())
    error = compare(rows, there, prepared, lambda x: x.flatten(1).numpy())
    print(f"{name}: relative error {error:.1e}")
    if error > 1e-6:
        sys.exit(f"FAILED: {name}: other pixels")

# All of them in one job, which is checked as a whole.
entries = ",\n".join(f'{{ name = "n{i}"; kind = "pixels";\n@include "backbones/{os.path.basename(p)}"\n}}'
                     for i, (p, _) in enumerate(lines))
run("all", entries, "n0")
print(f"{len(lines)} presets")
