#!/usr/bin/env bash
# A short campaign with a new seed each time; tests/README.md holds the totals of the long ones.
set -eu
"$JUDD_SOURCE/tests/campaign" all --build "$JUDD_BUILD" --seconds 25 --jobs 2
