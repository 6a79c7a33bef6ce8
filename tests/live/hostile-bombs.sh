#!/bin/bash
# Bombs: what expands, nests or multiplies.
exec python3 -B "$(dirname "$0")/hostile/bombs.py"
