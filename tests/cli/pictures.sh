# shellcheck shell=bash
# Sourced first by tests that make data sets out of Fashion-MNIST's pictures: $python, and an empty folder
# with a cache of its own, which goes when the script ends.
set -euo pipefail
python=/usr/bin/python3
if ! "$python" -c 'import PIL, numpy' 2>/dev/null || [ ! -d /usr/share/datasets/fashion-mnist ]; then
    echo "skipped: python3-pil, python3-numpy or dataset-fashion-mnist is missing"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export JUDD_CACHE=$folder/cache PYTHONDONTWRITEBYTECODE=1
