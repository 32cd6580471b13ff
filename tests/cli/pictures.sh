# shellcheck shell=bash
# Sourced first by tests that make data sets out of Fashion-MNIST's pictures: scratch.sh, and a cache of its own.
. "$JUDD_SOURCE/tests/scratch.sh"
set -o pipefail
need PIL numpy
[ -d /usr/share/datasets/fashion-mnist ] || skip "Debian's dataset-fashion-mnist is not here"
export JUDD_CACHE=$folder/cache
