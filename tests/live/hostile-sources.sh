#!/bin/bash
# Manifests, indexes, archives and blobs that lie or are damaged.
exec python3 -B "$(dirname "$0")/hostile/sources.py"
