# --help, the manual page and completion for bash and zsh name the same commands and options, and the parser takes these
# and no other.
set -eu
exec /usr/bin/python3 "$JUDD_SOURCE/tests/cli/test_commands.py"
