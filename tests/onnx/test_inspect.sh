# judd inspect: parameters as torchvision publishes them, 0.83 G multiply-adds at 227 pixels; the table of operators in
# the README is the one of the code.
set -eu
operators=$("$JUDD" inspect --operators)
echo "$operators" | grep -q '| 17 to 17 | images | LayerNormalization |'
written=$(sed -n '/<!-- operators -->/,/<!-- \/operators -->/p' "$JUDD_SOURCE/README.md" | grep '^|')
[ "$written" = "$operators" ] || {
    echo "README.md: the lines between <!-- operators --> and <!-- /operators --> must be those of"
    echo "judd inspect --operators"
    exit 1
}
if "$JUDD" inspect 2>/dev/null; then exit 1; fi
model="$JUDD_SOURCE/../shared/models/squeezenet1.0-imagenet.onnx"
[ -f "$model" ] || { echo "skipped: no $model"; exit 77; }
out=$("$JUDD" inspect "$model")
# https://pytorch.org/vision/stable/models/generated/torchvision.models.squeezenet1_0.html
echo "$out" | grep -Eq '^sum +1248424 +1\.665[0-9]$' || { echo "$out" | tail -4; exit 1; }
echo "$out" | grep -q '^penultimate: .*, 512x13x13$'
"$JUDD" inspect --tap logits --tap penultimate "$model" | grep -q '^features: features, 87528$'
! "$JUDD" inspect --tap nowhere "$model" 2>/dev/null
# a network whose first bytes hold a tab and no zero
"$JUDD" inspect "$JUDD_SOURCE/jobs/models/fashion-resnet.onnx" | grep -q '^penultimate: .*, 64$'

# What is no model, and is not called one, is sent elsewhere.
"$JUDD" inspect "$JUDD_SOURCE/jobs/quickstart.cfg" 2>&1 | grep -q "quickstart.cfg is no data set, .*judd plan shows a job file.*not ONNX"
