"""Exports models of torchvision and compares logits and penultimate features with PyTorch.

usage: campaign_models.py PROGRAM WORK [--short] [MODEL[:OPSET[:raw]]...]     PROGRAM: engine_bench_forward
Weights are random (fixed seed), running statistics those of random images, moved. The oracle is
PyTorch in float64; its own float32 error is printed beside ours. Without names: all models below.
raw: as older exporters wrote them, shape arithmetic and normalisations not folded.
Prints one line a model and fails where the relative error of either exceeds 1e-4.
"""
import argparse
import os
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
import torchvision

warnings.filterwarnings("ignore")

FAMILIES = """alexnet
vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
googlenet inception_v3 xception
resnet18 resnet34 resnet50 resnet101 resnet152
resnext50_32x4d resnext101_32x8d resnext101_64x4d wide_resnet50_2 wide_resnet101_2
squeezenet1_0 squeezenet1_1 densenet121 densenet161 densenet169 densenet201
mobilenet_v2 mobilenet_v3_small mobilenet_v3_large
efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
efficientnet_b6 efficientnet_b7 efficientnet_v2_s efficientnet_v2_m efficientnet_v2_l
regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf regnet_y_8gf regnet_y_16gf
regnet_y_32gf regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf
regnet_x_16gf regnet_x_32gf
shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0
mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3
convnext_tiny convnext_small convnext_base convnext_large
vit_b_16 vit_b_32 vit_l_16 vit_l_32 swin_t swin_s swin_b""".split()
SHORT = """mobilenet_v3_small:14 shufflenet_v2_x0_5:11:raw squeezenet1_1:12 mnasnet0_5:16:raw
resnet18:9""".split()
OPSETS = (11, 12, 13, 14, 15, 16, 17)
SIDES = {"inception_v3": 299, "xception": 299}


def make(name):
    if name == "xception":
        tools = os.environ.get("JUDD_PEERS", "")
        sys.path.insert(0, tools)
        from xception import Xception
        return Xception()
    kinds = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    model = torchvision.models.get_model(name, weights=None, **kinds)
    if hasattr(model, "aux_logits"):
        model.aux_logits = False
        for aux in ("aux1", "aux2", "AuxLogits"):
            if hasattr(model, aux):
                setattr(model, aux, None)
    return model


def unsettle(model, side):
    """Scales and shifts that matter; running statistics are those of random images, moved.

    Every normalisation sees its statistics in the pass that feeds the next one, so numbers stay of
    one size at any depth (as in Mishkin & Matas 2016, "All you need is a good init"). Statistics
    moved only afterwards make gates saturate and later layers multiply rounding by a thousand.
    """
    for p in model.parameters():
        if p.dim() == 1:
            p.add_(0.1 * torch.randn_like(p))
        elif p.abs().max() == 0:  # class token and head of ViT
            p.normal_(0, 0.1)

    # Branches add less than what they branch off, as in trained networks (Goyal et al. 2017 start
    # them at 0): else float32 itself, PyTorch's, is off by 5e-4 in ResNet-152 and
    # EfficientNet v2 L.
    for m in model.modules():
        if isinstance(m, torchvision.models.resnet.Bottleneck):
            m.bn3.weight.mul_(0.3)
        elif isinstance(m, torchvision.models.resnet.BasicBlock):
            m.bn2.weight.mul_(0.3)
        elif isinstance(m, torchvision.models.regnet.ResBottleneckBlock):
            m.f.c[1].weight.mul_(0.3)
        elif isinstance(m, (torchvision.models.efficientnet.MBConv,
                            torchvision.models.efficientnet.FusedMBConv)):
            m.block[-1][1].weight.mul_(0.3)

    def settle(norm, inputs):
        var, mean = torch.var_mean(inputs[0], (0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean + 0.1 * var.sqrt() * torch.randn_like(mean))
        norm.running_var.copy_(var * (0.8 + 0.4 * torch.rand_like(var)))

    hooks = [m.register_forward_pre_hook(settle) for m in model.modules()
             if isinstance(m, torch.nn.BatchNorm2d)]
    if hooks:
        model(torch.randn(2, 3, side, side))
    for hook in hooks:
        hook.remove()


def classifier(model):
    """The last linear layer, or the last convolution of a network without one."""
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    return linear[-1] if linear else [m for m in model.modules()
                                      if isinstance(m, torch.nn.Conv2d)][-1]


def error(got, want):
    return float(np.abs(got - want).max() / np.abs(want).max())


def spread(features):
    """How far the images are apart, on the scale of error()."""
    return error(features[:1], features[1:])


def values(model, x):
    """Logits and penultimate features."""
    seen = []
    hook = classifier(model).register_forward_pre_hook(lambda m, i: seen.append(i[0]))
    logits = model(x).flatten(1).numpy()
    hook.remove()
    return logits, seen[0].flatten(1).numpy()


def engine(program, path, x, work):
    """What the engine computes, as values() has it."""
    a, b = os.path.join(work, "in"), os.path.join(work, "out")
    x.numpy().tofile(a)
    subprocess.run([program, path, str(len(x)), "run", "onednn", a, b, "logits", "penultimate"],
                   check=True)
    return np.fromfile(b, np.float32).reshape(len(x), -1)


def campaign(program, work, name, opset, raw):
    torch.manual_seed(1)
    side = SIDES.get(name, 224)
    path = os.path.join(work, "model.onnx")
    start = time.time()
    with torch.no_grad():
        model = make(name).eval()
        unsettle(model, side)
        x = torch.randn(2, 3, side, side)
        single = values(model, x)
        logits, penultimate = values(model.double(), x.double())
        model.float()
    with torch.enable_grad():  # else attention takes a fused path that no opset has
        torch.onnx.export(model, x[:1], path, opset_version=opset, input_names=["image"],
                          output_names=["scores"], dynamic_axes={"image": {0: "N"}},
                          do_constant_folding=not raw,
                          training=torch.onnx.TrainingMode.PRESERVE if raw else
                          torch.onnx.TrainingMode.EVAL)
    got = engine(program, path, x, work)
    cut = logits.shape[1]
    e = [error(got[:, :cut], logits), error(got[:, cut:], penultimate)]
    own = [error(single[0], logits), error(single[1], penultimate)]
    good = max(e) <= 1e-4
    print(f"{name:22} opset {opset:2}{' raw' if raw else '    '}  logits {e[0]:.1e} ({own[0]:.1e})  penultimate {e[1]:.1e} "
          f"({own[1]:.1e})  {penultimate.shape[1]} features, images differ by "
          f"{spread(penultimate):.2f}, {time.time() - start:.0f} s"
          f"{'' if good else '  FAILED'}", flush=True)
    os.remove(path)
    return good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("work")
    p.add_argument("models", nargs="*")
    p.add_argument("--short", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(1)
    names = a.models or (SHORT if a.short else FAMILIES)
    bad = []
    for i, entry in enumerate(names):
        name, opset, raw, *_ = (entry + "::").split(":")
        try:
            good = campaign(a.program, a.work, name, int(opset or OPSETS[i % len(OPSETS)]),
                            raw == "raw")
        except Exception as problem:  # one line each, and go on
            print(f"{name:22} FAILED: {str(problem).splitlines()[0][:200]}", flush=True)
            good = False
        if not good:
            bad.append(name)
    print(f"{len(names) - len(bad)} of {len(names)} models agree with PyTorch")
    sys.exit(1 if bad else 0)


main()
