#!/bin/bash
# What the image runs is read as code, whatever its name.
exec python3 -B "$(dirname "$0")/hostile/code.py"
