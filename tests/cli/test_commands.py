"""One table of commands and options: what --help, man, bash and zsh show of it, read back and compared."""
import os, re, shutil, subprocess, tempfile
from concurrent.futures import ThreadPoolExecutor

judd, source = os.environ["JUDD"], os.environ["JUDD_SOURCE"]


def run(*words):
    return subprocess.run([judd, *words], capture_output=True, text=True)


def output(*words):
    result = run(*words)
    assert result.returncode == 0, (words, result)
    return result.stdout


def option_names(text):
    """'  --quiet, -q    no progress' -> {'--quiet', '-q'}"""
    names = {}
    for line in re.findall(r"^  (-\S.*)$", text, re.M):
        head = re.split(r" {2,}", line)[0]
        value = re.sub(r"--?[\w-]+|,", "", head).strip()
        names.update({name: bool(value) for name in re.findall(r"(?<!\S)--?[\w-]+", head)})
    return names


def of_help():
    commands = {}
    names = [n for n in re.findall(r"^  ([a-z]+) +\S", output("--help").split("\nsignals")[0], re.M) if n != "judd"]
    for name, text in zip(names, POOL.map(lambda n: output(n, "--help"), names)):
        parts = re.split(rf"^judd ({name} [a-z]+)\b.*$", text, flags=re.M)
        commands[name] = option_names(parts[0])
        for sub, options in zip(parts[1::2], parts[2::2]):
            commands[sub] = option_names(options)
    return commands


def of_man(path):
    page = open(path).read().replace("\\-", "-")
    page = page[page.index(".SH COMMANDS"):page.index(".SH SIGNALS")]
    commands = {}
    for section in page.split("\n.SS ")[1:]:
        title, rest = section.split("\n", 1)
        items = re.findall(r"^\.TP\n(.*)$", rest, re.M)
        commands[re.search(r"\\fB(.*?)\\fR", title)[1]] = {
            name: "\\fI" in item for item in items for name in re.findall(r"\\fB(-.*?)\\fR", item)}
    return commands


def of_bash(path, names):
    """What the shell itself would offer."""
    script = r"""
source "$1"
shift
for name in "" "$@"; do
    for cur in "" -; do
        COMP_WORDS=(judd $name "$cur") COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _judd
        echo "$name|$cur|${COMPREPLY[*]}"
    done
done"""
    shown = subprocess.run(["bash", "-c", script, "bash", path, *names], capture_output=True, text=True,
                           cwd=tempfile.gettempdir())
    assert not shown.stderr, shown.stderr
    found = {}
    for line in shown.stdout.splitlines():
        name, cur, words = line.split("|")
        found[name, cur] = set(words.split())
    first = {w for w in found["", ""] if w[0] != "-"}
    options = {name: found[name, "-"] - {"--help"} for name in names}
    return first, options, found


def of_zsh(path):
    text = open(path).read()
    commands = {}
    for name, body in re.findall(r"^_judd((?:_[a-z]+)+)\(\) \{\n(.*?)^\}", text, re.M | re.S):
        specs = re.findall(r"^        '\*?(--?[\w-]+)\[(?:\\.|[^\]\\])*\](:?)", body, re.M)
        if "local -a commands" in body:  # a group of them
            continue
        commands[name[1:].replace("_", " ")] = {option: bool(value) for option, value in specs}
    return commands


def asked():
    """The options that commands ask for."""
    names = set()
    for file in os.listdir(f"{source}/src/cli"):
        if file.endswith(".c") and file not in ("commands.c", "completion.c", "manual.c", "help.c"):
            text = open(f"{source}/src/cli/{file}").read()
            names |= set(re.findall(r'"(--?[a-z][\w-]*)"', text))
    return names


def same(what, shown, table):
    for name in shown.keys() | table.keys():
        assert shown.get(name) == table.get(name), f"{what}: {name}: {shown.get(name)}; --help: {table.get(name)}"


def check_parser(item):
    """All options of a command are known, one more is not; the first unknown one is named."""
    name, options = item
    words = [w for option, value in options.items() for w in ([option, "1"] if value else [option])]
    result = run(*name.split(), *words, "--colour")
    assert result.returncode == 64 and "unknown option --colour" in result.stderr, (name, result)


POOL = ThreadPoolExecutor(4)
with tempfile.TemporaryDirectory() as folder:
    files = {kind: f"{folder}/{kind}" for kind in ("man", "bash", "zsh")}
    for kind, path in files.items():
        with open(path, "w") as file:
            file.write(output("help", f"--{kind}"))
    table = of_help()
    assert len(table) > 20 and table["run"]["--set"] and not table["run"]["--fresh"], table
    groups = {name.split()[0] for name in table if " " in name}
    leaves = {name: options for name, options in table.items() if name not in groups}

    same("man", of_man(files["man"]), table)
    first, bash, found = of_bash(files["bash"], list(leaves))
    assert first == {name.split()[0] for name in table}, first
    same("bash", bash, {name: set(options) for name, options in leaves.items()})
    same("zsh", of_zsh(files["zsh"]), leaves)
    everything = set().union(*leaves.values())
    known = asked() - {"--help", "-h", "--version", "--man", "--bash", "--zsh", "--parsable", "-q"}
    assert everything - {"-q"} == {o for o in known if not o.startswith(("--kill", "--job-", "--ntasks", "--wrap"))}, \
        everything ^ known
    list(POOL.map(check_parser, leaves.items()))
    result = run("predict", "--top")
    assert result.returncode == 64 and "--top needs a value" in result.stderr, result

    if shutil.which("man"):
        page = subprocess.run(["man", "--warnings", "-l", files["man"]], capture_output=True, text=True)
        assert page.returncode == 0 and not page.stderr, page.stderr
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-Tlint", files["man"]], capture_output=True, text=True)
        assert not lint.stdout, lint.stdout
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", files["zsh"]], check=True)
