#!/usr/bin/env bash
# The tree keeps to its layers, and every public header compiles alone.
exec "$JUDD_SOURCE/tools/check-layers" --headers "$JUDD_SOURCE"
