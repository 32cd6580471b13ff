# shellcheck shell=bash
# Sourced by scripts that need a place of their own: $folder, empty, their working directory, which goes
# when they end; $python; and the ways to end early.
set -eu
python=/usr/bin/python3
folder=$(mktemp -d "${TMPDIR:-/tmp}/judd-XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PYTHONDONTWRITEBYTECODE=1

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# need MODULE ...: of Python, all of them
need() {
    local modules=$*
    "$python" -c "import ${modules// /, }" 2>/dev/null || skip "one of Python's $modules is missing"
}
