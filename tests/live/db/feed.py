"""Invented advisories in the layout of the OSV bucket, always the same for the same N, and a root file system for them.

feed.py feed DIR N              DIR/{Debian,npm,PyPI}/all.zip with N records in all, as long as real ones, and as unevenly spread
feed.py rootfs DIR PACKAGES     a Debian 12 with so many packages, one of them built from the source with the most records
"""
import json
import os
import random
import sys
import zipfile

SOURCES = 40000
WORDS = ("a flaw was found in the way that this component handles specially crafted input which allows an attacker with network access to read or "
         "write memory outside of the allocated buffer resulting in denial of service or possibly execution of code when parsing requests").split()
VECTORS = ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:N"]


def source_of(r):
    """Few sources have most records: 5 % are of src-0, as with linux."""
    return 0 if r.random() < 0.05 else int(SOURCES * r.random() ** 3)


def common(r, i, record_id, affected):
    cve = "CVE-%d-%d" % (2005 + i % 20, 1000 + i // 20)
    words = " ".join(r.choices(WORDS, k=r.randint(30, 160)))
    return {"schema_version": "1.7.3", "id": record_id or "DEBIAN-" + cve, "modified": "2025-01-%02dT00:00:00Z" % (1 + i % 28),
            "published": "20%02d-05-04T10:00:00Z" % (5 + i % 20), "upstream" if not record_id else "aliases": [cve], "details": words,
            "severity": [{"type": "CVSS_V3", "score": VECTORS[i % 3]}], "affected": affected,
            "references": [{"type": "WEB", "url": "https://example.org/%s/%d" % (record_id, k)} for k in range(i % 5)]}


def debian(r, i):
    source = source_of(r)
    name = "src-%d" % source
    affected = []
    for release in ("11", "12", "13"):
        events = [{"introduced": "0"}]
        if r.random() > (0.15 if source == 0 else 0.03):        # most of what is known was mended long ago
            events.append({"fixed": "%d.%d-%d" % (3 if r.random() < 0.02 else r.randint(0, 2), r.randint(0, 3), r.randint(1, 5))})
        affected.append({"package": {"ecosystem": "Debian:" + release, "name": name, "purl": "pkg:deb/debian/%s?arch=source" % name},
                         "ranges": [{"type": "ECOSYSTEM", "events": events}],
                         "versions": ["%d.%d-1" % (k // 10, k % 10) for k in range(r.randint(0, 12))],
                         "ecosystem_specific": {"urgency": r.choice(["not yet assigned", "low", "unimportant", "high"])}})
    return common(r, i, None, affected)


def npm(r, i):
    name = "package-%d" % r.randint(0, 100000)
    return common(r, i, "MAL-2024-%d" % i, [{"package": {"ecosystem": "npm", "name": name, "purl": "pkg:npm/" + name},
                                             "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
                                             "database_specific": {"cwes": [{"cweId": "CWE-506", "name": "Embedded Malicious Code"}]}}])


def pypi(r, i):
    name = "module-%d" % r.randint(0, 20000)
    return common(r, i, "PYSEC-2024-%d" % i, [{"package": {"ecosystem": "PyPI", "name": name, "purl": "pkg:pypi/" + name},
                                               "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.%d" % (i % 30)}]}],
                                               "versions": ["1.%d.%d" % (k // 10, k % 10) for k in range(r.randint(1, 60))]}])


def feed(base, n):
    for name, make, share in (("Debian", debian, 0.6), ("npm", npm, 0.35), ("PyPI", pypi, 0.05)):
        r = random.Random("pabean " + name)
        os.makedirs(os.path.join(base, name), exist_ok=True)
        with zipfile.ZipFile(os.path.join(base, name, "all.zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=6) as z:
            for i in range(int(n * share)):
                record = make(r, i)
                z.writestr(zipfile.ZipInfo(record["id"] + ".json", (2025, 1, 1, 0, 0, 0)), json.dumps(record), zipfile.ZIP_DEFLATED)


def rootfs(base, n):
    r = random.Random("pabean rootfs")
    os.makedirs(os.path.join(base, "etc"), exist_ok=True)
    os.makedirs(os.path.join(base, "var/lib/dpkg"), exist_ok=True)
    with open(os.path.join(base, "etc/os-release"), "w") as f:
        f.write('ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n')
    with open(os.path.join(base, "var/lib/dpkg/status"), "w") as f:
        for i in range(n):
            if i % 4 <= 1:
                source = 0 if i == 0 else r.randint(1, SOURCES - 1)
            f.write("Package: pkg-%d\nStatus: install ok installed\nMaintainer: X <x@example.org>\nArchitecture: amd64\nSource: src-%d\n"
                    "Version: 2.%d-2\nDescription: invented\n\n" % (i, source, r.randint(4, 9)))


{"feed": feed, "rootfs": rootfs}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
