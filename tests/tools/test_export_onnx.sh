# tools/export-onnx: the file is a network judd knows, with as many parameters as torchvision says.
set -eu
/usr/bin/python3 -c 'import torchvision' 2>/dev/null || { echo "skipped: no torchvision"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$JUDD_SOURCE/tools/export-onnx" --random squeezenet1_1 "$work" 2>/dev/null
"$JUDD" inspect "$work/squeezenet1_1.onnx" | grep -Eq '^sum +1235496 +0\.69'
grep -q 'height = 224; width = 224' "$work/squeezenet1_1.cfg"
grep -q 'mean = \[0.485, 0.456, 0.406\]; std = \[0.229, 0.224, 0.225\]' "$work/squeezenet1_1.cfg"
status=0
/usr/bin/python3 "$JUDD_SOURCE/tools/export-onnx" squezenet "$work" 2>/dev/null || status=$?
[ "$status" = 64 ]
