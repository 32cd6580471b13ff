# Pixels of Judd against Pillow and torchvision's formulas: see test_pillow.sh.
import base64, io, os, random, struct, subprocess, sys, tarfile, zlib
import warnings
import numpy as np
from PIL import Image

program, folder, sample = sys.argv[1:4]
warnings.simplefilter("ignore")  # Pillow on transparent palettes
random.seed(4)
rng = np.random.default_rng(4)


def centre_crop(im, h, w):  # torchvision.transforms.functional.center_crop on a PIL image
    iw, ih = im.size
    if w > iw or h > ih:
        pad = ((w - iw) // 2 if w > iw else 0, (h - ih) // 2 if h > ih else 0)
        size = (max(w, iw), max(h, ih))
        padded = Image.new(im.mode, size)
        padded.paste(im, pad)
        im = padded
        iw, ih = im.size
    top, left = int(round((ih - h) / 2.0)), int(round((iw - w) / 2.0))
    return im.crop((left, top, left + w, top + h))


def transform(im, rh, rw, interpolation, ch, cw, channels):
    im = im.convert("RGB")
    if channels == 1:
        im = im.convert("L")
    if rh:
        iw, ih = im.size
        short, long = min(iw, ih), max(iw, ih)
        if rw:
            size = (rw, rh)
        else:
            longer = int(rh * long / short)
            size = (rh, longer) if iw <= ih else (longer, rh)
        im = im.resize(size, Image.BICUBIC if interpolation == "bicubic" else Image.BILINEAR)
    if ch:
        im = centre_crop(im, ch, cw)
    a = np.asarray(im)
    return a[:, :, None] if a.ndim == 2 else a


def run(paths, *options):
    r = subprocess.run([program, *map(str, options)], input="\n".join(paths).encode() + b"\n",
                       stdout=subprocess.PIPE, check=True).stdout
    f, out = io.BytesIO(r), []
    for _ in paths:
        line = f.readline().decode().rstrip("\n")
        if line[0] == "E":
            out.append(line[2:])
        else:
            h, w, c = map(int, line[2:].split())
            out.append(np.frombuffer(f.read(h * w * c), np.uint8).reshape(h, w, c))
    assert f.read() == b""
    return out


failed = 0


def complain(text):
    global failed
    failed += 1
    print("FAILED: " + text)


def compare(paths, *options):
    for path, got in zip(paths, run(paths, *options)):
        expected = transform(Image.open(path), *options)
        if isinstance(got, str):
            complain(f"{path} {options}: refused: {got}")
        elif got.shape != expected.shape or not np.array_equal(got, expected):
            d = "shape" if got.shape != expected.shape else np.abs(got.astype(int) - expected).max()
            complain(f"{path} {options}: differs: {got.shape} {expected.shape} {d}")


def path_of(name):
    return os.path.join(folder, name)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, raw, interlace=0, extra=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def put(name, data):
    with open(path_of(name), "wb") as f:
        f.write(data)
    return path_of(name)


def picture(h, w, c):  # smooth and noisy at once
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([127 + 90 * np.sin(x / (3 + k)) + 60 * np.cos(y / (5 - k)) for k in range(c)], -1)
    return np.clip(a + rng.normal(0, 20, a.shape), 0, 255).astype(np.uint8)


good = []
for name, size, options in [("a", (67, 45), {}), ("b", (45, 67), {"progressive": True}),
                            ("c", (33, 80), {"subsampling": 0}), ("d", (1, 9), {}),
                            ("e", (300, 200), {"subsampling": 1, "quality": 30})]:
    Image.fromarray(picture(size[1], size[0], 3)).save(path_of(name + ".jpg"), **options)
    good.append(path_of(name + ".jpg"))
Image.fromarray(picture(40, 50, 1)[:, :, 0]).save(path_of("grey.jpg"))
Image.fromarray(picture(40, 50, 4), "CMYK").save(path_of("cmyk.jpg"))
exif = Image.Exif()
exif[0x0112] = 6  # rotated
Image.fromarray(picture(20, 50, 3)).save(path_of("exif.jpg"), exif=exif)
good += [path_of(n) for n in ("grey.jpg", "cmyk.jpg", "exif.jpg")]
os.link(path_of("a.jpg"), path_of("jpeg-named.png"))
good.append(path_of("jpeg-named.png"))
palette = bytes(rng.integers(0, 256, 3 * 200, dtype=np.uint8))
for colour, depths, channels in [(0, (1, 2, 4, 8, 16), 1), (2, (8, 16), 3), (3, (1, 2, 4, 8), 1),
                                 (4, (8, 16), 2), (6, (8, 16), 4)]:
    for depth in depths:
        w, h = 37, 29
        row = (w * channels * depth + 7) // 8
        data = rng.integers(0, 256, (h, row), dtype=np.uint8)
        if colour == 0 and depth == 16:
            data[::2, ::2] = 0  # values on both sides of 255
        raw = b"".join(b"\0" + r.tobytes() for r in data)
        n = min(200, 1 << depth)
        for transparent in (b"", b"tRNS"):
            extra = chunk(b"PLTE", palette[:3 * n]) if colour == 3 else b""
            if transparent and colour in (4, 6):
                continue
            if transparent:
                value = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\0\x80"}[colour]
                extra += chunk(b"tRNS", value)
            extra = chunk(b"gAMA", struct.pack(">I", 100000)) + extra
            good.append(put(f"png-{colour}-{depth}{transparent.decode()}.png",
                            png(w, h, depth, colour, raw, 0, extra)))
# Arithmetic-coded (ITU-T T.81 Annex D), from libjpeg-turbo's encoder: Pillow cannot write it.
arithmetic = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB"
    "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT0//yQARCAAOABQDASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/AHFFJbLaAPR5gEaG"
    "VvyOpzxCyQomWBJ4qDdQnAdbynM7YftHNPT32dOeQSqu6j9dpTQnIbdQ/9k=")
good.append(put("arithmetic.jpg", arithmetic))
Image.fromarray(picture(33, 21, 3)).save(path_of("plain.png"))
good.append(path_of("plain.png"))
frames = [Image.fromarray(picture(24, 24, 3)) for _ in range(3)]
frames[0].save(path_of("animated.png"), save_all=True, append_images=frames[1:])
good.append(path_of("animated.png"))
# Adam7 by hand: seven passes of an 8-bit grey picture
grey = picture(21, 19, 1)[:, :, 0]
passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
raw = b"".join(b"\0" + r.tobytes() for y, x, dy, dx in passes for r in grey[y::dy, x::dx]
               if r.size)
good.append(put("interlaced.png", png(19, 21, 8, 0, raw, 1)))

compare(good, 0, 0, "bilinear", 0, 0, 3)
for options in [(24, 0, "bilinear", 20, 20, 3), (24, 0, "bicubic", 21, 17, 3),
                (64, 0, "bilinear", 33, 41, 3), (90, 0, "bicubic", 200, 300, 3),
                (16, 48, "bilinear", 0, 0, 3), (48, 16, "bicubic", 15, 15, 3),
                (45, 67, "bilinear", 44, 60, 3), (0, 0, "bilinear", 30, 31, 3),
                (24, 0, "bilinear", 20, 20, 1)]:
    compare(good, *options)
if not np.array_equal(run([path_of("interlaced.png")], 0, 0, "bilinear", 0, 0, 1)[0][:, :, 0], grey):
    complain("interlaced.png: not the pixels that were written")

if os.path.exists(sample):
    big = []
    with tarfile.open(sample) as tar:
        for m in tar.getmembers()[:40]:
            big.append(put(os.path.basename(m.name), tar.extractfile(m).read()))
    compare(big, 256, 256, "bilinear", 227, 227, 3)
    compare(big, 256, 0, "bilinear", 224, 224, 3)
    compare(big[:10], 235, 0, "bicubic", 224, 224, 3)
    print(f"{len(big)} images of the sample compared")

# What must be refused, and with which word.
whole = open(path_of("e.jpg"), "rb").read()
progressive = open(path_of("b.jpg"), "rb").read()
plain = open(path_of("plain.png"), "rb").read()
sof = whole.index(b"\xff\xc0")
bomb = whole[:sof + 5] + struct.pack(">HH", 50000, 50000) + whole[sof + 9:]
scan = progressive[progressive.rindex(b"\xff\xda"):-2]
bad = {
    "empty.jpg": (b"", "empty"), "three.jpg": (whole[:3], "3 bytes"),
    "half.jpg": (whole[:len(whole) // 2], "Premature end"),
    "no-end.jpg": (whole[:-2], "Premature end"),
    "head.jpg": (whole[:20], "JPEG"),
    "flipped.jpg": (whole[:len(whole) // 2] + b"\xff\xd5\0\0" + whole[len(whole) // 2 + 4:], "JPEG"),
    "bomb.jpg": (bomb, "50000 x 50000"),
    "arithmetic.jpg": (arithmetic[:-20], "Premature end"),
    "scans.jpg": (progressive[:-2] + scan * 300 + b"\xff\xd9", "JPEG"),
    "text.jpg": (b"<html>not found</html>", "neither JPEG nor PNG"),
    "gif.jpg": (b"GIF89a" + bytes(40), "neither JPEG nor PNG"),
    "bomb.png": (png(50000, 50000, 8, 2, b"\0" * 1000), "50000 x 50000"),
    "hollow.png": (png(12000, 12000, 8, 2, b"\0" * 1000), "can hold"),
    "half.png": (plain[:len(plain) // 2], "truncated"),
    "no-end.png": (plain[:-12], "truncated"),
    "crc.png": (plain[:60] + bytes([plain[60] ^ 1]) + plain[61:], "PNG"),
    "short.png": (png(37, 29, 8, 2, b"\0" * 500), "PNG"),
    "no-palette.png": (png(37, 29, 8, 3, b"\0" * 38 * 29), "PNG"),
    "zero.png": (png(0, 29, 8, 2, b"\0"), "PNG"),
}
for name, (data, word) in bad.items():
    put("bad-" + name, data)
for (name, (data, word)), got in zip(bad.items(), run([path_of("bad-" + n) for n in bad],
                                                      24, 0, "bilinear", 20, 20, 3)):
    if not isinstance(got, str):
        complain(f"{name}: was taken")
    elif word not in got:
        complain(f"{name}: said '{got}', not '{word}'")

# Damage anywhere: an answer, never a crash.
random_bad = []
for i in range(300):
    data = bytearray(random.choice([whole, progressive, plain, open(path_of("cmyk.jpg"), "rb").read(),
                                    open(path_of("png-3-4tRNS.png"), "rb").read()]))
    for _ in range(random.choice([1, 3, 30])):
        data[random.randrange(2, len(data))] = random.randrange(256)
    random_bad.append(put(f"random-{i}", bytes(data[:random.randrange(4, len(data) + 1)] if i % 3 == 0 else data)))
answers = run(random_bad, 24, 0, "bicubic", 20, 20, 3)
refused = sum(isinstance(a, str) for a in answers)
if not 150 < refused < 300:
    complain(f"only {refused} of 300 damaged images refused")
print(f"{len(good)} images compared, {len(bad)} refused, {refused} of 300 damaged ones refused")
sys.exit(1 if failed else 0)
