#!/bin/bash
# Layers that readers see differently or that lead out of the image.
exec python3 -B "$(dirname "$0")/hostile/layers.py"
