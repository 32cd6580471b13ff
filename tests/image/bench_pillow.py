# The yardstick of `judd bench decode`: bench_pillow.py FILE.tar [transform]. CPU time of one core.
import io, sys, tarfile, time
from PIL import Image

with tarfile.open(sys.argv[1]) as tar:
    data = [tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()][:1000]


def one(d, whole):
    im = Image.open(io.BytesIO(d)).convert("RGB")
    if not whole:
        return im
    w, h = im.size
    size = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    im = im.resize(size, Image.BILINEAR)
    top, left = int(round((im.size[1] - 224) / 2.0)), int(round((im.size[0] - 224) / 2.0))
    return im.crop((left, top, left + 224, top + 224)).tobytes()


for whole in (False, True):
    best = 1e9
    for _ in range(5):
        start = time.process_time()
        for d in data:
            one(d, whole)
        best = min(best, time.process_time() - start)
    print(f"{'decode, resize, crop' if whole else 'decode'}: {len(data) / best:.1f} images/s")
