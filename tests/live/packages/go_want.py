#!/usr/bin/env python3
"""Reads `go version -m FILE...`, prints "file name version" as pabean lists them: a replacement by a version counts under its own name."""
import os, re, sys

rows, file = [], ""
for line in sys.stdin:
    m = re.match(r"(\S.*): go(\S+)", line)
    if m:
        file = os.path.basename(m[1])
        version = m[2] if m[2].count(".") > 1 else m[2] + ".0"
        rows.append([file, "stdlib", version])
        continue
    f = line.rstrip("\n").split("\t")[1:]
    if f and f[0] in ("mod", "dep"):
        rows.append([file, f[1], f[2]])
    elif f and f[0] == "=>":
        rows[-1][2] = "(devel)" if f[1][0] in "./" else f[2]
        if f[1][0] not in "./":
            rows[-1][1] = f[1]
for row in rows:
    print("\t".join(row))
