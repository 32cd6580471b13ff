# Run by test_bad_input.sh in an empty folder.
import struct
import numpy as np
from words import *

dim, n = 4, 60
rows = [np.arange(dim, dtype="<f4") + k / 8 for k in range(n)]
text = "".join(f"w{k} " + " ".join(map(str, r)) + "\n" for k, r in enumerate(rows))
binary = b"".join(b"w%d " % k + r.tobytes() for k, r in enumerate(rows))


def model(version=12, magic=793712314, dim=dim, buckets=5, words=n, entries=n, pruned=-1, quantised=0, rows=None,
          types=0, least=3, most=6, cut=None, bad=None):
    """fastText's format: head, dictionary, matrix."""
    out = struct.pack("<2i12id", magic, version, dim, 5, 5, 1, 5, 1, 1, 1, buckets, least, most, 100, 1e-4)
    out += struct.pack("<3i2q", entries, words, entries - words, 1000, pruned)
    out += b"".join(b"w%d\0" % k + struct.pack("<qb", 9, types) for k in range(n))
    x = np.ones((n + 5 if rows is None else rows, dim), "<f4")
    if bad is not None:
        x[bad] = np.nan
    out += struct.pack("<b2q", quantised, len(x), dim) + x.tobytes()
    return out[:cut]


vectors = {  # content, what is said of it
    "fewer": (f"61 {dim}\n{text}", "promises 61 words, but 60"),
    "more": (f"59 {dim}\n{text}", "promises 59 words, but 60"),
    "absurd-count": (f"999999999999 {dim}\n{text}", "cannot hold"),
    "dim-0": (f"60 0\n{text}", "vectors of 0 numbers"),
    "dim-absurd": (f"60 99999999\n{text}", "vectors of 99999999 numbers"),
    "dim-other": (f"60 5\n{text}", "has 4 numbers, the others 5"),
    "ragged": (text.replace("w7 0.875 ", "w7 "), "\"w7\" has 3 numbers"),
    "ragged-head": (f"60 {dim}\n" + text.replace("w7 ", "w7 1 "), "\"w7\" has 5 numbers"),
    "ragged-more": (text.replace("w7 ", "w7 0.5 "), "\"w7\" has 5 numbers"),
    "nan": (text.replace("w7 0.875", "w7 nan"), "no finite number"),
    "inf": (text.replace("w7 0.875", "w7 1e60"), "no finite number"),
    "no-number": (text.replace("w7 0.875", "w7 0x1p3"), "no finite number"),
    "spaced": (text.replace("w7 ", "w7 w7 w7 "), None),
    "last-line": (text[:-1], None),
    "returns": (f"60 {dim} \r\n" + text.replace("\n", " \r\n"), None),
    "b-good": (b"60 4\n" + binary, None),
    "b-newlines": (b"60 4\n" + binary.replace(b"w", b"\nw"), None),
    "b-cut": (b"60 4\n" + binary[:-1], "cut off"),
    "b-fewer": (b"61 4\n" + binary, "promises 61 words, but 60"),
    "b-dim": (b"60 5\n" + binary, "cannot hold"), "b-dim-less": (b"60 3\n" + binary, "no whole word"),
    "b-nan": (b"60 4\n" + binary[:3] + b"\xff" * 4 + binary[7:], "not finite"),
    "b-long-word": (b"61 4\n" + binary + b"w" * 6000 + b" " + rows[0].tobytes() * 2, "no whole word"),
    "f-good": (model(), None),
    "f-11": (model(version=11), None),
    "f-13": (model(version=13), "version 13"),
    "f-1": (model(version=1), "version 1 "),
    "f-quantised": (model(quantised=1), "quantised"),
    "f-pruned": (model(pruned=3), "quantised"),
    "f-dim-0": (model(dim=0), "vectors of 0 numbers"),
    "f-dim-absurd": (model(dim=1 << 20), "vectors of 1048576"),
    "f-buckets": (model(buckets=-5), "n-grams cannot be"),
    "f-ngrams": (model(most=1 << 30), "n-grams cannot be"),
    "f-words": (model(words=61), "other sizes"),
    "f-entries": (model(entries=1 << 30, words=1 << 30), "cannot hold"),
    "f-labels": (model(types=1), "other words"),
    "f-type": (model(types=5), "neither word nor label"),
    "f-matrix": (model(rows=64), "another size"),
    "f-cut": (model(cut=-1), "matrix is cut off"),
    "f-dictionary": (model(cut=700), "dictionary is cut off"),
    "f-head": (model(cut=50), "head is cut off"),
    "f-nan": (model(bad=63), "row 63"),
}
files, mpi = sys.argv[3], sys.argv[2]


def check(cases, ranks=0):
    """Arguments, and what is said of the file or None -> complaints."""
    command = ([mpi, str(ranks)] if ranks else []) + [files] + [a for arguments, _ in cases for a in arguments]
    r = subprocess.run(command, stdout=subprocess.PIPE, timeout=100)
    lines = r.stdout.decode().split("\n")[:-1]
    if r.returncode or len(lines) != len(cases):
        complain(f"{ranks} ranks: code {r.returncode}, {len(lines)} of {len(cases)} answers: {lines[-1:]}")
    for (arguments, word), line in zip(cases, lines):
        good = line.startswith("0 ") if word is None else line.startswith("65 ") and word in line
        if not good or (word is not None and arguments[1] not in line):
            complain(f"{arguments} on {ranks} ranks: {line}")


for name, (content, word) in vectors.items():
    put(name, content)
for ranks in (0, 3):
    check([(("vectors", name), word) for name, (_, word) in vectors.items()], ranks)

# Texts, and vectors that a job uses.
good = "a\tw1 w2 w3\nb\tw7 w8\n" * 8
texts = {
    "good.tsv": (good, None), "cut.tsv": (good + "a", "cut.tsv:17: 1 columns"), "no.tsv": ("", "no.tsv: holds no text"),
    "utf8.tsv": (good.encode() + b"a\tw1 \xff\xfe\n", "utf8.tsv:17: byte 0xff of the text (at 3) is no UTF-8"),
    "surrogate.tsv": (good.encode() + b"a\t\xed\xa0\x80\n", "surrogate.tsv:17: byte 0xed"),
    "zero.tsv": (good.encode() + b"a\tw\0\n", "zero.tsv:17: holds a zero byte"),
    "no-label.tsv": (good + "\tw1\n", "no-label.tsv: line 17: has no label"),
    "control.tsv": (good + "a\x01\tw1\n", "control.tsv:17: the label"),
    "bom.tsv": ("\ufeff" + good, None), "returns.tsv": (good.replace("\n", "\r\n"), None),
    "quote.csv": ('a,"w1 w2\n', "quote.csv:1: a quotation mark"), "behind.csv": ('a,"w1"x\n', "behind.csv:1: something"),
    "good.csv": ('a,"w1 ""x"", w2\nw3"\r\nb,w4\n' * 8, None),
    "bad.jsonl": ('{"text": "w1", "label": "a"}\n{"text": "w1"\n', "bad.jsonl:2:"),
    "list.jsonl": ('{"text": ["w1"], "label": "a"}\n', 'list.jsonl:1: has no string "text"'),
    "deep.jsonl": ("[" * 100000 + "\n", "deep.jsonl:1:"), "none.jsonl": ('{"text": "w1"}\n', 'no key "label"'),
    "good.jsonl": ('{"text": "w1", "label": "a"}\n{"label": 7, "text": "w\\u00e9"}\n' * 8, None),
}
for name, (content, word) in texts.items():
    put(name, content)
put("nowhere.tsv", "label\ttext\na\tw\n")
put("three.txt", "w1\nw2\nw3\n")
put("two.txt", "a\nb\n")
check([((name.split(".")[1], name, "-", "-", "-"), word) for name, (_, word) in texts.items()] + [
    (("tsv", "nowhere.tsv", "-", "txt", "label"), "no column is called"),
    (("tsv", "nowhere.tsv", "-", "text", "label"), None),
    (("tsv", "nowhere.tsv", "-", "9", "0"), "2 columns, but label and text need 10"),
    (("lines", "three.txt", "two.txt", "-", "-"), "not the same number of lines")])
for name, code, word in (("f-11", 0, "n-grams"), ("spaced", 0, "in 1 words"), ("b-cut", 65, "cut off"),
                         ("good.csv", 0, "texts     2 to 13 bytes"), ("f-nan", 65, "row 63")):
    got, out, err = call("inspect" if code == 0 else "verify", name)
    if got != code or word not in out + err:
        complain(f"{name}: {got} {out} {err}")
job = lambda kind, more="", format="tsv", files="texts": write_job(
    "job.cfg", {"h": 'kind = "tfidf";', "w": f'kind = "{kind}"; {more}'},
    {"d": f'format = "{format}"; train = {{ {files} = "good.tsv"; }}; test = {{ {files} = "good.tsv"; }};'})
for arguments, code, word in (
        (("glove", 'file = "b-good";'), 65, "format of word2vec, not glove"),
        (("words", 'file = "good.tsv";'), 65, "no word vectors"), (("words", 'file = "gone";'), 74, "gone"),
        (("words",), 78, "needs vectors of words"), (("words", 'file = "nan";'), 65, "no finite number"),
        (("words", 'file = "ragged";'), 65, "w7"), (("words", 'file = "fewer";'), 65, "promises 61"),
        (("words", 'file = "f-nan";'), 65, "not finite"), (("words", 'file = "b-nan";'), 0, ""),  # no text has these words
        (("words", 'file = "b-good"; pool = "avg";'), 78, "pool"), (("pixels",), 78, "holds texts"),
        (("words", 'file = "b-good"; tokens = "bytes";'), 78, "tokens"), (("tfidf", 'pool = "mean";'), 78, "pool"),
        (("words", 'file = "b-good";', "tsv", "images"), 78, "rename it")):
    job(*arguments)
    got, out, err = call("features", "job.cfg", "--quiet", "--set", "cache=cache", ranks=2 if "nan" in str(arguments) else 0)
    if got != code or word not in err:
        complain(f"job {arguments}: {got} {err}")
# Vectors that have none of the texts' words leave zeros: the user hears of it.
put("others", "2 4\nzz 1 2 3 4\nyy 4 3 2 1\n")
for file, heard in (("others", True), ("b-good", False)):
    job("words", f'file = "{file}";')
    got, out, err = call("run", "job.cfg", "--set", "cache=cache", "--set", f"output=r-{file}")
    if got != 0 or ("backbone w has no vector for" in err) != heard:
        complain(f"unknown words, {file}: {got} {err}")
finish()
