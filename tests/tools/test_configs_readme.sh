# configs/README.md is what the option tables and the presets say now; a stale one is noticed.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$JUDD_SOURCE/tools/make-configs-readme" "$JUDD" --check

mkdir "$work/tools"
cp "$JUDD_SOURCE/tools/make-configs-readme" "$work/tools"
cp -R "$JUDD_SOURCE/configs" "$work"
stale() {
    if "$work/tools/make-configs-readme" "$JUDD" --check >"$work/out" 2>&1; then
        echo "not noticed: $1"
        exit 1
    fi
    grep -q 'out of date' "$work/out"
}
sed -i 's/| `seed` | integer | `1` |/| `seed` | integer | `2` |/' "$work/configs/README.md"
stale 'another default'
"$work/tools/make-configs-readme" "$JUDD" >"$work/new"
cmp "$work/new" "$JUDD_SOURCE/configs/README.md"
cp "$work/new" "$work/configs/README.md"
rm "$work/configs/heads/ridge.cfg"
stale 'a preset that is gone'
