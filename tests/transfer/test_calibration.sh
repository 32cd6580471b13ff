#!/usr/bin/env bash
# A short run of bench_calibration: fails when false verdicts or coverage leave their limits by more
# than chance. The long one is in tests/README.md.
set -eu
exec "$JUDD_BUILD/tests/transfer_bench_calibration" --check 60
