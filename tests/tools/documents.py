"""What the documents name is there: links, files, commands and options, keys of job files.

Usage: documents.py JUDD SOURCE [DOCUMENT ...]; prints what is wrong, a line each, and fails if anything is."""

import pathlib
import re
import subprocess
import sys

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", "tests/README.md", "configs/README.md",
             "jobs/README.md", "slurm/README.md", "docs/metrics.md", "docs/report.md"]
SUFFIXES = ["", ".c", ".h", ".sh", ".py", ".cfg", "/"]
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\$|\.\.\.|[<>*]|\bmy\.")  # NAME, my.cfg, ... stand for something
judd, source = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
wrong = []


def help_of(*command):
    return subprocess.run([judd, *command, "--help"], capture_output=True, text=True, check=True).stdout


COMMANDS = set(re.findall(r"^  ([a-z]+) {2,}", help_of(), re.M))
BENCHES = set(re.findall(r"^judd bench ([a-z]+)", help_of("bench"), re.M))
KEYS = set(re.findall(r"^\| `(\w+)`", subprocess.run([judd, "inspect", "--keys"], capture_output=True, text=True,
                                                    check=True).stdout, re.M))
helps = {}


def options_of(command):
    if command not in helps:
        helps[command] = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", help_of(*command)))
    return helps[command] | {"--help", "-h"}


def blocks(text):
    """(line number, code, whether it is a block) of inline code and indented or fenced blocks."""
    fenced, code, start = False, [], 0
    for number, line in enumerate(text.splitlines() + [""], 1):
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced or line.startswith("    "):
            start = start if code else number
            code.append(line if fenced else line[4:])
            continue
        if code and line.strip():
            yield start, "\n".join(code), True
            code = []
        if not code:
            for span in re.findall(r"`([^`]+)`", line):
                yield number, span, False
    if code:
        yield start, "\n".join(code), True


def check_links(path, text):
    headings = {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-")
                for h in re.findall(r"^#+ (.+)$", text, re.M)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        if file and not (path.parent / file).exists():
            wrong.append(f"{path}: link to {target}: no such file")
        if not file and anchor not in headings:
            wrong.append(f"{path}: link to {target}: no such heading")


def exists(name, near):
    places = [near, source, source / "src", source / "include", source / "include/judd", source / "tests"]
    return any((place / (name + suffix)).exists() for place in places for suffix in SUFFIXES)


def check_files(path, number, code):
    """A word with a slash whose first part is a folder of ours, or that ends as our files do."""
    for word in re.findall(r"[\w./{},-]+", code):
        first = word.split("/")[0]
        ours = re.search(r"\.(c|h|md|sh|py|sbatch|conf)$", word)
        if "/" not in word or word.startswith(("/", "~", "runs/", "build")) or PLACEHOLDER.search(word):
            continue
        if not (ours or (source / first).is_dir()) or "{" in word or "," in word:
            continue
        if not exists(word.rstrip("./"), path.parent):
            wrong.append(f"{path}:{number}: {word}: no such file")


def check_includes(path, number, code):
    for name in re.findall(r'@include "((?:backbones|datasets|heads)/[^"]+)"', code):
        if not PLACEHOLDER.search(name) and not exists(name, source / "configs"):
            wrong.append(f"{path}:{number}: @include {name}: no such preset")


def check_commands(path, number, code):
    for line in code.splitlines():
        for match in re.finditer(r"(?:^|[\s/`])judd ([a-z]+)((?: [^|;#`]*)?)", line.replace("\"", "")):
            command, rest = match.groups()
            words = rest.split()
            if command == "help":  # what --help prints, and what the build installs of it
                continue
            if command not in COMMANDS:
                if not re.match(r"(?:build/|mpirun .*)?judd", line.strip()):
                    continue  # prose that speaks of judd
                wrong.append(f"{path}:{number}: judd {command}: no such command")
                continue
            name = (command,)
            if command == "bench" and words and words[0] in BENCHES:
                name = (command, words[0])
            for word in words:
                option = word.split("=")[0]
                if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in options_of(name):
                    wrong.append(f"{path}:{number}: judd {' '.join(name)}: no option {option}")


def check_keys(path, number, code, block):
    """key = value with blanks, as job files are written here, and --set path.to.key=value."""
    names = re.findall(r"(?<![\w.$-])([a-z][\w.]*) = (?=[\"\[{(\d]|true|false)", code)
    names += re.findall(r"--set ([\w.-]+)=", code)
    for name in names:
        if name.split(".")[-1] not in KEYS and not name[0].isdigit():
            wrong.append(f"{path}:{number}: {name}: no key of a job file")


documents = sys.argv[3:] or DOCUMENTS
for document in documents:
    path = source / document
    text = path.read_text()
    check_links(path, re.sub(r"`[^`]*`", "", text))
    for number, code, block in blocks(text):
        check_files(path, number, code)
        check_includes(path, number, code)
        check_commands(path, number, code)
        if path.name != "ARCHITECTURE.md":
            check_keys(path, number, code, block)
print("\n".join(wrong))
sys.exit(bool(wrong))
