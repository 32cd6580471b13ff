#!/usr/bin/env bash
# The C files are as .clang-format wants them (skipped without clang-format 14).
exec "$JUDD_SOURCE/tools/check-format"
