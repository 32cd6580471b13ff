#!/usr/bin/env bash
# Jobs on ready features and on a test set divided off by seed; data.jsonl; judd inspect DATASET.
. "$JUDD_SOURCE/tests/scratch.sh"
need PIL numpy
JUDD_CACHE=$folder/cache "$python" "$JUDD_SOURCE/tests/job/test_data.py" \
    "$JUDD_SOURCE/tests/mpirun.sh" "$JUDD"
