# What the tests of texts share: small jobs, their features, and what other programs say.
import glob, json, os, subprocess, sys, unicodedata
import h5py

judd, mpirun = sys.argv[1:3]
failures = []


def complain(text):
    failures.append(text)
    print("FAILED:", text, file=sys.stderr)


def finish():
    sys.exit(1 if failures else 0)


def put(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def call(*arguments, ranks=0):
    """-> exit code, standard output, standard error."""
    command = [judd, *arguments] if ranks == 0 else [mpirun, str(ranks), judd, *arguments]
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def fasttext(command, model, lines):
    """What the fasttext program prints for each line: the numbers as text."""
    r = subprocess.run(["fasttext", command, model], input="".join(l + "\n" for l in lines).encode(),
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [l.strip(" ") for l in r.stdout.decode().split("\n")[:-1]]


def write_job(path, backbones, datasets, experiments="", heads="", seeds=1):
    """backbones, datasets: name -> keys as libconfig text."""
    group = lambda d: ", ".join('{ name = "%s"; %s }' % (k, v) for k, v in d.items())
    names = list(backbones)
    experiments = experiments or '{ name = "e"; source = "s"; backbone = [%s]; baseline = "%s"; ' \
        'target = [%s]; head = "h"; shots = 0; }' % (
            ", ".join(f'"{n}"' for n in names[1:]), names[0], ", ".join(f'"{n}"' for n in datasets))
    heads = heads or '{ name = "h"; kind = "softmax"; optimizer = { learning_rate = 0.1; steps = 1; }; }'
    put(path, f'''schema = 1; name = "{os.path.basename(path)[:-4]}"; lanes = 4;
verdict = {{ seeds = {seeds}; }};
backbones = ( {group(backbones)} );
datasets = ( {group(datasets)} );
heads = ( {heads} );
experiments = ( {experiments} );
''')


def features(folder):
    """Every cache file: its key and rows."""
    for path in sorted(glob.glob(f"{folder}/features/*.h5")):
        with h5py.File(path) as f:
            if not f["check"][:].all():
                complain(f"{path}: rows are missing")
            yield path, json.loads(f.attrs["key"]), f["features"][:]


def tokens(text, rule="whitespace", lowercase=False):
    if rule == "words":
        text = unicodedata.normalize("NFC", text)
        out = ""
        for c in text:
            kind = unicodedata.category(c)
            lone = kind[0] in "PS" or kind in ("Cn", "Co", "Cs")
            out += c if kind[0] in "LMN" else f" {c} " if lone else " "
        text = out
    if lowercase:
        text = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    for c in "\t\n\v\f\r":
        text = text.replace(c, " ")
    return [t for t in text.split(" ") if t]


def as_text(row):
    return " ".join("%.5g" % x for x in row)
