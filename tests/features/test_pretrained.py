# Run by test_pretrained.sh in an empty folder: mpirun judd shared [all]. Without "all": the small
# network and 40 of the 200 images.
import glob, hashlib, io, json, subprocess, sys, tarfile
import h5py
import numpy as np
import onnx
import onnx.numpy_helper
import torch
from PIL import Image


import onnx_torch

mpirun, judd, shared = sys.argv[1:4]
everything = sys.argv[4:] == ["all"]
networks = ["resnet20-cifar10"] + ["resnet56-cifar10"] * everything
failed = 0


def check(ok, text):
    global failed
    failed += not ok
    print(("" if ok else "FAILED: ") + text)


def logits(name, ranks, network, tar, prepare, dataset="", labels=""):
    """The network's own classifier on a data set: rows of the cache that judd fills, in the order of
    the images' names, and its SHA-256; the record and the predicted classes of the head."""
    cache, model = f"{name}-{ranks}", f"{shared}/models/{network}.onnx"
    with open("job.cfg", "w") as f:
        f.write(f'''schema = 1; name = "{name}"; cache = "{cache}"; output = "{cache}/run";
verdict = {{ seeds = 1; }};
backbones = (
    {{ name = "n"; kind = "onnx"; file = "{model}"; tap = "logits"; input = {{ {prepare} }}; }},
    {{ name = "r"; kind = "onnx"; file = "{model}"; weights = "random"; input = {{ {prepare} }}; }} );
datasets = ( {{ name = "d"; format = "tar"; {dataset}
    train = {{ images = "{tar}"; {labels} }};
    test = {{ images = "{tar}"; {labels} }}; }} );
heads = ( {{ name = "h"; kind = "source"; }} );
experiments = ( {{ name = "e"; source = "s"; target = "d"; backbone = "n"; baseline = "r"; head = "h"; }} );
''')
    r = subprocess.run([mpirun, str(ranks), judd, "run", "job.cfg", "--quiet"], timeout=300,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if r.returncode != 0:
        sys.exit(f"{name}: judd ended with {r.returncode}: {r.stderr.decode()[-3000:]}")
    with open(f"{cache}/run/results.jsonl") as f:
        record = [r for r in map(json.loads, f) if r["arm"] == "transfer"][0]
    with h5py.File(f"{cache}/run/predictions/{record['trial']}.h5") as f:
        predicted = f["predicted"][:]
    for path in glob.glob(f"{cache}/features/*.h5"):
        with h5py.File(path) as f:
            key = f.attrs["key"]
            key = json.loads(key if isinstance(key, str) else key.decode())
            if key["weights"] == "file":
                if not (f["check"][:] != 0).all():
                    sys.exit(f"{name}: rows are missing")
                digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
                return f["features"][:], digest, record, predicted
    sys.exit(f"{name}: no cache")


def files(tar):
    with tarfile.open(tar) as t:
        members = sorted((m for m in t.getmembers() if m.isfile()), key=lambda m: m.name.encode())
        return [(m.name, t.extractfile(m).read()) for m in members]


torch.set_num_threads(2)


def cifar_resnet(network, x):
    """He et al. 2016, section 4.2 (shortcuts of kind A), by PyTorch with the weights of the file, in
    whose order the convolutions stand."""
    graph = onnx.load(f"{shared}/models/{network}.onnx").graph
    values = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
    convs = [[values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    last = [[values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Gemm"][0]
    F, blocks = torch.nn.functional, (len(convs) - 1) // 6
    y = F.relu(F.conv2d(x, *convs[0], padding=1))
    for b in range(3 * blocks):
        stride = 2 if b in (blocks, 2 * blocks) else 1
        z = F.relu(F.conv2d(y, *convs[1 + 2 * b], stride=stride, padding=1))
        z = F.conv2d(z, *convs[2 + 2 * b], padding=1)
        if stride == 2:
            more = (z.shape[1] - y.shape[1]) // 2
            y = F.pad(y[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        y = F.relu(z + y)
    return F.linear(y.mean((2, 3)), *last)


def squeezenet(x):
    """The ONNX file by PyTorch's operators, float32, up to what goes into its softmax."""
    graph = onnx.load(f"{shared}/models/squeezenet1.0-imagenet.onnx").graph
    values = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
    values[[i.name for i in graph.input if i.name not in values][0]] = x
    operators = dict(onnx_torch.OPERATORS)
    operators["Concat"] = lambda a, *parts: torch.cat(parts, a["axis"])
    operators["Dropout"] = lambda a, y, *rest: y
    operators["Reshape"] = lambda a, y, shape: y.reshape(*[int(s) for s in shape])
    for node in graph.node:
        if node.op_type == "Softmax":
            return values[node.input[0]].reshape(len(x), -1)
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = operators[node.op_type](attributes, *[values[n] for n in node.input])
    return values[graph.output[0].name].reshape(len(x), -1)

published = {"resnet20-cifar10": 0.8103, "resnet56-cifar10": 0.8320}
for network in networks:
    tar = f"{shared}/data/cifar10-jpeg-test.tar"
    with tarfile.open(tar) as t:
        names = sorted(m.name for m in t.getmembers() if m.isfile())
    classes = sorted({n.split("/")[1] for n in names})
    labels = np.array([classes.index(n.split("/")[1]) for n in names])
    rows, _, record, predicted = logits(network, 2, network, tar,
                     "channels = 3; height = 32; width = 32; mean = [0.485, 0.456, 0.406]; "
                     "std = [0.229, 0.224, 0.225];")
    top1 = (rows.argmax(1) == labels).mean()
    check(abs(top1 - published[network]) <= 0.0003, f"{network}: top-1 {top1:.4f}")
    check((predicted == rows.argmax(1)).all() and record["metrics"]["accuracy"] == top1,
          f"{network}: head of kind source: {record['metrics']}")
    some = range(0, len(labels), 20)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
                       for _, data in files(tar)[::20]]).astype(np.float32) / 255
    pixels = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = cifar_resnet(network, torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).numpy()
    agree = int((predicted[some] == expected.argmax(1)).sum())
    check(agree == len(some), f"{network}: head of kind source as PyTorch's on {agree} of {len(some)}, "
          f"logits within {np.abs(rows[some] - expected).max():.2g}")

tar = f"{shared}/data/imagenet-sample-200.tar"
if not everything:
    with tarfile.open("sample.tar", "w") as t:
        for name, data in files(tar)[::5]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    tar = "sample.tar"
index = {line.split("\t")[1]: int(line.split("\t")[0]) for line in open(f"{shared}/data/imagenet-classes.tsv")}
pictures, labels = [], []
for name, data in files(tar):
    a = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((256, 256), Image.BILINEAR))
    a = a[14:241, 14:241, ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    pictures.append(a.transpose(2, 0, 1).copy())
    labels.append(index[name.split("_")[0]])
class_list = f'labels = "{shared}/data/imagenet-classes.tsv";'
dataset = f"classes = {sorted(labels)};"
prepare = ('channels = 3; resize = 256; resize_mode = "exact"; crop = 227; channel_order = "bgr"; '
           "scale = 1.0; mean = [104.0, 117.0, 123.0];")
rows, first, record, predicted = logits("squeezenet", 1, "squeezenet1.0-imagenet", tar, prepare, dataset, class_list)
_, second, again, _ = logits("squeezenet", 2, "squeezenet1.0-imagenet", tar, prepare, dataset, class_list)
check(first == second and record == again, "cache and record of 1 and 2 ranks: the same bytes")
with torch.no_grad():
    expected = np.concatenate([squeezenet(torch.from_numpy(np.stack(pictures[i:i + 1]))).numpy()
                               for i in range(len(pictures))])
agree = int((rows.argmax(1) == expected.argmax(1)).sum())
check(agree == len(pictures), f"squeezenet: top-1 as PyTorch's on {agree} of {len(pictures)}")
classes = sorted(labels)  # of the task; the head knows only these
agree = int((predicted == expected[:, classes].argmax(1)).sum())
check(agree == len(pictures), f"squeezenet: head of kind source as PyTorch's on {agree} of {len(pictures)}")
nll = -np.log(np.exp(expected[:, classes] - expected[:, classes].max(1, keepdims=True)))
nll = np.mean([n[classes.index(c)] + np.log(np.exp(-n).sum()) for n, c in zip(nll, labels)])
check(abs(record["metrics"]["nll"] - nll) < 1e-3, f"squeezenet: nll {record['metrics']['nll']:.4f}, {nll:.4f}")
check(np.abs(rows - expected).max() <= 1e-2, f"squeezenet: logits within {np.abs(rows - expected).max():.2g}")
print(f"squeezenet: top-1 {(rows.argmax(1) == np.array(labels)).mean():.3f}")
sys.exit(1 if failed else 0)
