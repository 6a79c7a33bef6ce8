#!/usr/bin/env python3
"""usage: packages.py TYPE [--directly-in DIRECTORY] [--with-path] REPORT: one line a package of a report, for a comparison."""
import json, os, sys

kind, report = sys.argv[1], json.load(open(sys.argv[-1]))
site = sys.argv[3] if "--directly-in" in sys.argv else None
for p in report["packages"]:
    if p["type"] != kind or p.get("declared"):
        continue
    # what stands in .../site-packages/X.dist-info/METADATA; packages vendored deeper are no distributions of their own for pip
    if site and os.path.basename(os.path.dirname(os.path.dirname(p["path"]))) != site:
        continue
    fields = [p["name"], p["version"]]
    if kind in ("deb", "rpm"):
        fields.append(p["arch"])
    if kind == "deb":
        fields += [p["source_name"], p["source_version"]]
    if "--with-path" in sys.argv:
        fields.insert(0, os.path.basename(p["path"]))
    print("\t".join(fields))
