# judd doctor: usable here at 1 and 3 ranks; what is taken away is named, and nothing is left behind.
set -eu
exec /usr/bin/python3 "$JUDD_SOURCE/tests/cli/test_doctor.py"
