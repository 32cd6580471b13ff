# Run by test_words.sh in an empty folder.
import random, subprocess
import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from words import *

random.seed(3)
rng = np.random.default_rng(3)
letters = "abcdefghijklmnopqrstuvwxyz" + "éßñžøñ" + "дома" + "語"
vocabulary = ["".join(random.choices(letters, k=random.randint(1, 11))) for _ in range(400)]
marks = [",", ".", "don't", "A.B", "</s>", "Ünïcode", "e\u0301te", "\u00a0x", "I-II", "a_b", "١٢", "ﬁ"]


def sentence(label):
    pool = vocabulary[:250] if label == "one" else vocabulary[150:]
    words = random.choices(pool, k=random.randint(1, 12)) + random.choices(marks, k=2)
    random.shuffle(words)
    return random.choice([" ", "  "]).join(words)


split = {}
for name, n in (("train", 300), ("test", 90)):
    split[name] = [(label, sentence(label)) for label in ["one", "two"] * (n // 2)]
split["train"][3] = ("two", "")             # an empty text
split["train"][4] = ("one", "\u2003 \u0085")  # spaces only, for some
split["test"][5] = ("two", "語語語語語語 qqqqqqq")  # nothing that files without n-grams know
for name, rows in split.items():
    put(name + ".tsv", "".join(f"{l}\t{t}\n" for l, t in rows))
    put(name + ".csv", "text,id,label\r\n" + "".join('"%s",7,%s\r\n' % (t.replace('"', '""'), l) for l, t in rows))
    put(name + ".txt", "".join(t + "\n" for _, t in rows))
    put(name + ".labels", "".join(l + "\n" for l, _ in rows))
    put(name + ".jsonl", "".join(json.dumps({"label": l, "text": t, "x": [1]}) + "\n" for l, t in rows))
put("corpus.txt", "".join(t + "\n" for _, t in split["train"][:240]))
for name, options in (("model", ["-minn", "2", "-maxn", "5"]), ("plain", ["-maxn", "0"])):
    subprocess.run(["fasttext", "skipgram", "-input", "corpus.txt", "-output", name, "-dim", "24", "-bucket",
                    "900", "-minCount", "2", "-epoch", "2", "-thread", "1", *options],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
words = {}
for line in open("plain.vec", encoding="utf-8").read().split("\n")[1:-1]:
    word, *numbers = line.rstrip(" ").split(" ")
    words[word] = np.array(numbers, "f4")
dim = 24
for name, newline in (("w2v", b""), ("w2v-newlines", b"\n")):
    put(name + ".bin", b"%d %d\n" % (len(words), dim) + b"".join(
        w.encode() + b" " + x.astype("<f4").tobytes() + newline for w, x in words.items()))
# GloVe: no head, words with spaces, a word twice (the first counts).
lines = [w + " " + " ".join("%.9g" % v for v in x) for w, x in words.items()]
lines.insert(5, ". . " + " ".join(["1.5"] * dim))
lines.insert(6, ", at name@domain.com " + " ".join(["1e-3"] * dim))
lines.append(lines[0].split(" ")[0] + " 7" * dim)
put("glove.txt", "\n".join(lines) + "\n")

file = lambda kind, path, pool, more="": f'kind = "{kind}"; file = "{path}"; pool = "{pool}"; {more}'
backbones = {
    "hashed": 'kind = "tfidf"; hash_columns = 300;',
    "hashed-words": 'kind = "tfidf"; hash_columns = 128; tokens = "words"; lowercase = true;',
    "fasttext": file("fasttext", "model.bin", "fasttext"), "subwords": file("words", "model.bin", "mean"),
    "vec": file("fasttext", "plain.vec", "mean"), "w2v": file("word2vec", "w2v.bin", "mean"),
    "newlines": file("word2vec", "w2v-newlines.bin", "mean"), "glove": file("glove", "glove.txt", "mean"),
    "bin": file("fasttext", "plain.bin", "mean"), "max": file("words", "w2v.bin", "max"),
    "meanmax": file("words", "w2v.bin", "meanmax"), "idf": file("words", "w2v.bin", "tfidf"),
    "sif": file("words", "w2v.bin", "sif", "smoothing = 0.01;"),
    "words": file("words", "w2v.bin", "mean", 'tokens = "words"; lowercase = true;')}
files = lambda a: " ".join(f'{s} = {{ texts = "{s}.{a}"; }};' for s in split)
datasets = {
    "tsv": f'format = "tsv"; {files("tsv")}',
    "csv": f'format = "csv"; text_column = "text"; label_column = "label"; {files("csv")}',
    "jsonl": f'format = "jsonl"; {files("jsonl")}',
    "lines": 'format = "lines"; train = { texts = "train.txt"; labels = "train.labels"; }; '
             'test = { texts = "test.txt"; labels = "test.labels"; };'}
write_job("job.cfg", backbones, datasets)
code, out, err = call("features", "job.cfg", "--all", "--quiet", "--set", "cache=cache0")
if code != 0:
    complain(err)
    finish()
# The four formats hold the same texts: each backbone has one file a split.
if len(glob.glob("cache0/features/*")) != 2 * len(backbones):
    complain(f"{len(glob.glob('cache0/features/*'))} cache files for {len(backbones)} backbones")


def pooled(texts, pool, rule="whitespace", lowercase=False):
    """Features by NumPy in float64, and what they learned from the training texts."""
    cut = lambda t: [w for w in tokens(t, rule, lowercase)]
    train = [cut(t) for _, t in split["train"]]
    n, total = len(train), sum(map(len, train))
    idf = lambda w: np.log((1 + n) / (1 + sum(w in t for t in train))) + 1
    sif = lambda w: 0.01 / (0.01 + sum(t.count(w) for t in train) / total)
    weight = functools.lru_cache(None)({"tfidf": idf, "sif": sif}.get(pool, lambda w: 1.0))

    def one(t):
        known = [w for w in t if w in words]
        if not known:
            return np.zeros(dim * (2 if pool == "meanmax" else 1))
        x = np.array([words[w] for w in known], "f8")
        most = x.max(0)
        w = np.array([weight(k) for k in known])
        mean = (x * w[:, None]).sum(0) / (w.sum() if pool == "tfidf" else len(known))
        return {"max": most, "meanmax": np.concatenate([mean, most])}.get(pool, mean)

    rows = np.array([one(cut(t)) for t in texts])
    if pool == "sif":
        u = np.linalg.svd(np.array([one(t) for t in train]), full_matrices=False)[2][0]
        rows = rows - np.outer(rows @ u, u)
    return rows


import functools, hashlib
numbers_of = {name: [t for _, t in rows] for name, rows in split.items()}
hashes = {hashlib.sha256(open(p, "rb").read()).hexdigest(): p for p in
          ("model.bin", "plain.bin", "plain.vec", "w2v.bin", "w2v-newlines.bin", "glove.txt")}
sizes = {len(rows): name for name, rows in split.items()}
checked = 0
for path, key, got in features("cache0"):
    texts = numbers_of[sizes[len(got)]]
    name = hashes.get(key.get("model_sha256"), "hashed") + ", " + key.get("pool", "") + ", " + key["tokens"]
    checked += 1
    if name.startswith("model.bin, fasttext"):
        want = fasttext("print-sentence-vectors", "model.bin", texts)
        wrong = [i for i, x in enumerate(got) if as_text(x) != want[i]]
        if wrong or len(want) != len(got):
            complain(f"{name}: {len(wrong)} sentences are not fastText's, the first {wrong[:1]}")
        continue
    if name.startswith("model.bin"):
        every = sorted({w for t in texts for w in tokens(t)})
        vector = {w: np.array(l.split(" ")[-dim:], "f8") for w, l in
                  zip(every, fasttext("print-word-vectors", "model.bin", every))}
        want = np.array([np.mean([vector[w] for w in tokens(t)] or [np.zeros(dim)], 0) for t in texts])
    elif name.startswith("hashed"):
        cut = lambda t: tokens(t, key["tokens"], key["lowercase"])
        count = HashingVectorizer(analyzer=cut, norm=None, alternate_sign=True, n_features=key["columns"])
        idf = TfidfTransformer().fit(count.transform(numbers_of["train"]))
        want = idf.transform(count.transform(texts)).toarray()
    else:
        want = pooled(texts, key["pool"], key["tokens"], key["lowercase"])
    error = np.abs(got - want).max() / np.abs(want).max()
    if got.shape != want.shape or error > (2e-5 if "bin, mean" in name else 2e-6):
        complain(f"{name}: {got.shape}, error {error:.1e}")
print(f"{checked} cache files")

# A word alone is its vector: known, unknown, of one letter, of several bytes.
every = sorted({w for name in split for _, t in split[name] for w in tokens(t)} |
               {"".join(random.choices(letters, k=k % 15 + 1)) for k in range(1000)})
for name in ("w-train", "w-test"):
    put(name + ".tsv", "".join(f"{i % 2}\t{w}\n" for i, w in enumerate(every)))
write_job("single.cfg", {"m": file("fasttext", "model.bin", "mean"), "f": file("fasttext", "plain.bin", "mean")},
          {"w": 'format = "tsv"; train = { texts = "w-train.tsv"; }; test = { texts = "w-test.tsv"; };'})
code, out, err = call("features", "single.cfg", "--all", "--quiet", "--set", "cache=single")
for path, key, got in features("single"):
    model = hashes[key["model_sha256"]]
    want = [l.split(" ", 1)[1] for l in fasttext("print-word-vectors", model, every)]
    wrong = [every[i] for i, x in enumerate(got) if as_text(x + 0.0) != want[i].replace("-0 ", "0 ")]
    if code or wrong or len(want) != len(got):
        complain(f"{model}: {err} {len(wrong)} of {len(want)} words are not fastText's: {wrong[:5]}")

# What the words of each split are known to be, and one record at any number of ranks.
write_job("run.cfg", backbones, {"tsv": datasets["tsv"]})
before = sorted(glob.glob("cache0/features/*"))
code, out, err = call("run", "run.cfg", "--quiet", "--set", "cache=cache0", "--set", "output=r0")
if code != 0 or sorted(glob.glob("cache0/features/*")) != before:
    complain(f"run: {err} {len(before)} cache files before it")
if "<q>" not in open("r0/report.html", encoding="utf-8").read():
    complain("the report shows no texts that transfer fixed or broke")
heads = sorted(glob.glob("r0/heads/*transfer.h5"))
for more, want, word in (((), 78, "with --head-only"), (("--head-only",), 0, "")):
    code, out, err = call("export", heads[0], "-o", "head.onnx", *more)
    if code != want or word not in err or os.path.exists("head.onnx") != (want == 0):
        complain(f"export {more}: {code} {err}")
for line in map(json.loads, open("r0/data.jsonl")):
    texts = [tokens(t) for t in numbers_of[line["split"]]]
    all_words = [w for t in texts for w in t]
    unknown = sum(w not in words for w in all_words)
    got = line["words"]["glove"]
    want = {"tokens": len(all_words), "unknown": unknown, "without_vector": unknown,
            "texts_without": sum(not any(w in words for w in t) for t in texts), "repeated_words": 1,
            "unknown_share": unknown / len(all_words)}
    if got != want or line["words"]["subwords"]["without_vector"] != 0:
        complain(f"data.jsonl: {got}, not {want}; {line['words']['subwords']}")
for ranks in (2, 3, 4):
    code, out, err = call("run", "run.cfg", "--quiet", "--set", f"cache=cache{ranks}", "--set", f"output=r{ranks}",
                          ranks=ranks)
    if code != 0:
        complain(f"{ranks} ranks: {err}")
    paths = [f"r0/{name}" for name in ("results.jsonl", "data.jsonl", "verdicts.jsonl")] if not code else []
    for path in before + paths:
        other = path.replace("cache0/", f"cache{ranks}/").replace("r0/", f"r{ranks}/")
        if code == 0 and open(path, "rb").read() != open(other, "rb").read():
            complain(f"{ranks} ranks: another {path}")
finish()
