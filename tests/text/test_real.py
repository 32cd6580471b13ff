# Run by test_real.sh in an empty folder.
import random, warnings
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from words import *

shared = sys.argv[3]
warnings.filterwarnings("ignore")
random.seed(1)
model = f"{shared}/vectors/movie-reviews-64d.bin"
read = lambda name: [l.rstrip("\n").split("\t") for l in open(f"{shared}/text/{name}.tsv", encoding="utf-8")]
polarity = read("sentence_polarity")
known = sorted({w for _, t in polarity for w in t.split()})
words = random.sample(known, 8000) + ["".join(random.choices("abcdefghijklmnopqrstuvwxyzéü-'", k=1 + k % 20))
                                      for k in range(2300)]
words = list(dict.fromkeys(words))
put("words.tsv", "".join(f"{i % 2}\t{w}\n" for i, w in enumerate(words)))

# 10,000 words; every sentence; the same vectors as word2vec and as GloVe.
thousand = [l.split(" ", 1)[0] for l in open(f"{shared}/vectors/word2vec-1000x300.glove.txt", encoding="utf-8")]
put("thousand.tsv", "".join(f"{i % 2}\t{w}\n" for i, w in enumerate(thousand)))
both = lambda path: f'format = "tsv"; train = {{ texts = "{path}"; }}; test = {{ texts = "{path}"; }};'
write_job("words.cfg", {"p": f'kind = "tfidf"; hash_columns = 2;', "m": f'kind = "fasttext"; file = "{model}";'},
          {"w": both("words.tsv")})
write_job("sentences.cfg", {"p": f'kind = "tfidf"; hash_columns = 2;',
                            "m": f'kind = "fasttext"; file = "{model}"; pool = "fasttext";'},
          {"s": both(f"{shared}/text/sentence_polarity.tsv")})
write_job("thousand.cfg", {"w": f'kind = "word2vec"; file = "{shared}/vectors/word2vec-1000x300.bin";',
                           "g": f'kind = "glove"; file = "{shared}/vectors/word2vec-1000x300.glove.txt";'},
          {"t": both("thousand.tsv")})
got = {}
for job, ranks in (("words", 0), ("sentences", 0), ("thousand", 3)):
    code, out, err = call("features", f"{job}.cfg", "--all", "--quiet", "--set", f"cache={job}", ranks=ranks)
    if code:
        complain(f"{job}: {err}")
    got[job] = {k.get("model_sha256", "none"): x for _, k, x in features(job)}
    got[job].pop("none", None)
want = [l[len(w) + 1:] for w, l in zip(words, fasttext("print-word-vectors", model, words))]
rows = list(got["words"].values())[0]
wrong = [w for w, x, y in zip(words, rows, want) if as_text(x) != y]
print(f"{len(rows)} words, {len(wrong)} differ from fastText's")
if wrong or not len(rows) == len(want) > 10000:
    complain(f"words: {wrong[:5]}")
want = fasttext("print-sentence-vectors", model, [t for _, t in polarity])
rows = list(got["sentences"].values())[0]
wrong = [i for i, (x, y) in enumerate(zip(rows, want)) if as_text(x) != y]
print(f"{len(rows)} sentences, {len(wrong)} differ from fastText's")
if wrong or len(rows) != len(want):
    complain(f"sentences: {wrong[:5]}")
a, b = got["thousand"].values()
written = [np.array(l.rstrip().split(" ")[1:], "f4") for l in
           open(f"{shared}/vectors/word2vec-1000x300.glove.txt", encoding="utf-8")]
glove = next(x for x in (a, b) if (x == np.array(written)).all())
if np.abs(a - b).max() > 1e-6 or a.shape != (1000, 300) or glove is None:
    complain(f"word2vec and GloVe: {np.abs(a - b).max()}")

# Three data sets under a logistic head, as scikit-learn trains it on the same vectors.
sets = {name: f'format = "tsv"; train = {{ texts = "{shared}/text/{file}.tsv"; }}; {rest}' for name, file, rest in (
    ("polarity", "sentence_polarity", "test_fraction = 0.2;"), ("subjectivity", "subjectivity", "test_fraction = 0.2;"),
    ("question", "question_class_train", f'test = {{ texts = "{shared}/text/question_class_test.tsv"; }};'))}
write_job("heads.cfg", {"p": 'kind = "tfidf"; hash_columns = 64;', "m": f'kind = "fasttext"; file = "{model}";'}, sets,
          heads='{ name = "h"; kind = "softmax"; optimizer = { kind = "lbfgs"; }; l2 = 1e-4; }')
for ranks in (0, 4):
    code, out, err = call("run", "heads.cfg", "--quiet", "--set", "cache=heads", "--set", f"output=r{ranks}", ranks=ranks)
    if code or open(f"r{ranks}/results.jsonl").read() != open("r0/results.jsonl").read():
        complain(f"{ranks} ranks: other records {err}")
cached = {len(x): x for _, k, x in features("heads") if "model_sha256" in k}
for record in map(json.loads, open("r0/results.jsonl")):
    if record["arm"] != "transfer":
        continue
    name = record["target"]
    with h5py.File(f"r0/predictions/{record['trial']}.h5") as f:
        test = f["sample_id"][:]
    if name == "question":
        texts, other = read("question_class_train"), read("question_class_test")
        x, t = cached[len(texts)], cached[len(other)]
        y, u = [l for l, _ in texts], [l for l, _ in other]
    else:
        texts = polarity if name == "polarity" else read("subjectivity")
        rest = np.setdiff1d(np.arange(len(texts)), test)
        labels = np.array([l for l, _ in texts])
        x, t, y, u = cached[len(texts)][rest], cached[len(texts)][test], labels[rest], labels[test]
    scale = StandardScaler().fit(x)
    head = LogisticRegression(C=1 / (1e-4 * len(x)), max_iter=2000, tol=1e-6).fit(scale.transform(x), y)
    accuracy = head.score(scale.transform(t), u)
    print(f"{name}: accuracy {record['metrics']['accuracy']:.4f}, scikit-learn {accuracy:.4f}")
    if abs(accuracy - record["metrics"]["accuracy"]) > 0.005:
        complain(f"{name}: accuracy {record['metrics']['accuracy']}, scikit-learn's {accuracy}")
finish()
