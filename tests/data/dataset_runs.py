# What the tests of data sets share: bench_dataset runs, collected refusals, files.
import os, subprocess, sys

mpirun, program = sys.argv[1:3]
failed = 0


def complain(text):
    global failed
    failed += 1
    print("FAILED: " + text)


def put(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def run_all(cases, ranks=1):
    """(status, lines) of each case in one process: starting MPI takes longer than all the rest."""
    a = [program, *[str(x) for case in cases for x in case]]
    if ranks > 1:
        a = [mpirun, str(ranks)] + a
    r = subprocess.run(a, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    out, lines = [], []
    for line in r.stdout.decode().split("\n"):
        if line.startswith("end\t"):
            out.append((int(line[4:]), lines))
            lines = []
        else:
            lines.append(line)
    if r.returncode != 0 or len(out) != len(cases):
        complain(f"case {len(out)} of {cases}: ended with {r.returncode}: {r.stderr.decode()[-2000:]}")
        sys.exit(1)
    return out


def run(*arguments, ranks=1):
    return run_all([arguments], ranks)[0]


def rows(lines, key):
    return [l.split("\t")[1:] for l in lines if l.startswith(key + "\t")]


expectations = []


def refused(word, *arguments):
    expectations.append((word, arguments))


def check_refused():
    """All that was expected so far, in one process."""
    for (word, arguments), (code, lines) in zip(expectations,
                                                run_all([e[1] for e in expectations])):
        said = rows(lines, "error")
        if code not in (65, 74, 78) or not said or word not in said[-1][0]:
            complain(f"{arguments}: expected '{word}', got {code} {lines[-1:]}")
    expectations.clear()


def finish():
    sys.exit(1 if failed else 0)
