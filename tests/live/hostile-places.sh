#!/bin/bash
# Full disks, cache directories of others, closed pipes.
exec python3 -B "$(dirname "$0")/hostile/places.py"
