"""test_views.py BENCH FOLDER: judd's augmented views against torchvision's."""
import math
import subprocess
import sys

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import Image
from scipy.stats import binomtest, ks_2samp
from torchvision.transforms import InterpolationMode, RandomResizedCrop

bench, folder = sys.argv[1:3]
failed = False


def check(ok, what):
    global failed
    if not ok:
        print("FAILED:", what)
        failed = True


def columns(boxes, height, width):
    """What is drawn, as numbers that should have the same distribution."""
    top, left, h, w = boxes.T
    return {"area": h * w / (height * width), "shape": np.log(w / h),
            "top": top[h < height] / (height - h[h < height]),
            "left": left[w < width] / (width - w[w < width])}


torch.manual_seed(1)
for height, width, scale, ratio in [(375, 500, (0.08, 1.0), (3 / 4, 4 / 3)),
                                    (32, 32, (0.08, 1.0), (3 / 4, 4 / 3)),
                                    (200, 64, (0.3, 0.6), (1.0, 1.0)),
                                    (40, 300, (0.9, 1.0), (3 / 4, 4 / 3))]:  # mostly the fallback
    n = 4000
    out = subprocess.run([bench, "boxes"] + [repr(x) for x in (height, width, n, *scale, *ratio)],
                         check=True, capture_output=True, text=True).stdout
    ours = np.array([line.split() for line in out.splitlines()], dtype=float)
    check(ours.shape == (n, 5), "boxes of all samples")
    blank = torch.zeros(1, height, width)
    theirs = np.array([RandomResizedCrop.get_params(blank, scale, ratio) for _ in range(n)], dtype=float)
    check(binomtest(int(ours[:, 4].sum()), n).pvalue > 1e-4, "half of the views are mirrored")
    check((ours[:, 0] + ours[:, 2] <= height).all() and (ours[:, 1] + ours[:, 3] <= width).all()
          and (ours[:, :2] >= 0).all() and (ours[:, 2:4] >= 1).all(), "boxes lie inside")
    a, b = columns(ours[:, :4], height, width), columns(theirs, height, width)
    for name in a:
        if len(a[name]) < 50:
            continue
        p = ks_2samp(a[name], b[name]).pvalue
        print(f"{height}x{width} {scale} {ratio} {name}: Kolmogorov-Smirnov p = {p:.3f}")
        check(p > 1e-4, f"{name} of {height}x{width}")
    check(abs((a["area"] == 1).mean() - (b["area"] == 1).mean()) < 0.05, "whole images as often")

rng = np.random.default_rng(5)
paths, images = [], []
for k, (height, width) in enumerate([(375, 500), (64, 48), (32, 32), (7, 90), (300, 301), (1, 1)]):
    base = rng.integers(0, 256, (max(height // 8, 1), max(width // 8, 1), 3), dtype=np.uint8)
    image = Image.fromarray(base).resize((width, height), Image.BICUBIC)
    paths.append(f"{folder}/{k}.png")
    image.save(paths[-1])
    images.append(image)
for size in [(224, 224), (28, 40)]:
    for name, mode in [("bilinear", InterpolationMode.BILINEAR), ("bicubic", InterpolationMode.BICUBIC)]:
        views = 8
        data = subprocess.run([bench, "pixels", str(size[0]), str(size[1]), name, str(views)],
                              input=("\n".join(paths) + "\n").encode(), check=True,
                              capture_output=True)
        bytes_, at, seen = data.stdout, 0, set()
        for k, image in enumerate(images):
            for v in range(views):
                end = bytes_.index(b"\n", at)
                top, left, h, w, flip = map(int, bytes_[at:end].split())
                at = end + 1 + 3 * math.prod(size)
                ours = np.frombuffer(bytes_[end + 1:at], np.uint8).reshape(3, *size)
                view = F.resized_crop(image, top, left, h, w, list(size), mode)
                if flip:
                    view = F.hflip(view)
                theirs = np.asarray(view).transpose(2, 0, 1)
                check((ours == theirs).all(), f"pixels of image {k}, view {v + 1}, {size}, {name}: "
                      f"{np.abs(ours.astype(int) - theirs).max()} levels apart")
                seen.add((k, top, left, h, w, flip))
        check(at == len(bytes_), "nothing follows")
        check(len(seen) > 5 * views - 10, "views differ")
sys.exit(1 if failed else 0)
