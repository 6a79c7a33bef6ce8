#!/usr/bin/env python3
"""Writes the CSV from which data/intel-seed.tab is imported:

    tools/intel-seed.py DIR > seed && pabean intel import seed   (into an empty data directory), then copy the table.

DIR holds seed-iocs.json, maltrail/*.txt, xmr-wallets.txt, miner-domains.txt, teampcp.csv and typosquats.csv (see data/intel-seed.md).
The CSV itself is not kept in this tree: it would match itself."""
import csv
import json
import os
import sys

base = sys.argv[1]
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["type", "value", "what", "source", "grade", "threat", "versions"])


def lines(name):
    with open(os.path.join(base, name), encoding="utf-8") as f:
        for line in f:
            line = line.split(" #")[0].strip()
            if line and not line.startswith("#"):
                yield line


def threat_of(text):
    text = text.lower()
    if "denial-of-service" in text or "bombardier" in text:
        return "attack-tool"
    return "miner" if "miner" in text or "mining" in text or "xmrig" in text else "malware"


for i in json.load(open(os.path.join(base, "seed-iocs.json"), encoding="utf-8"))["indicators"]:
    out.writerow([i["type"], i["value"], i["what"], i["source"], i["grade"], "miner" if "wallet" in i["type"] else threat_of(i["what"]), ""])

TRAILS = [
    ("crypto_mining.txt", "mining pool or proxy", "miner"),
    ("elf_coinminer.txt", "host of a Linux coin miner campaign", "miner"),
    ("elf_teamtnt.txt", "host of TeamTNT", "malware"),
    ("generic_miner.txt", "host of a coin miner campaign", "miner"),
]
for name, what, threat in TRAILS:
    for value in lines("maltrail/" + name):
        if value.startswith("/") or " " in value:
            continue
        kind = "url" if "/" in value else ""
        if not kind:
            host = value.split(":")[0]
            kind = "ip" if host.replace(".", "").isdigit() else "domain"
        out.writerow([kind, value, what, "maltrail " + name, "v", threat, ""])

for value in lines("miner-domains.txt"):
    out.writerow(["domain", value, "mining pool", "list of public mining pools", "v", "miner", ""])
for value in lines("xmr-wallets.txt"):
    out.writerow(["monero-wallet", value, "wallet of malicious mining campaigns", "Palo Alto Networks Unit 42, Monero wallets", "v", "miner", ""])

with open(os.path.join(base, "teampcp.csv"), encoding="utf-8") as f:
    for row in csv.DictReader(f):
        if row["artifact_type"] in ("docker image", "npm package", "pypi package"):
            out.writerow([row["artifact_type"], row["name"], "compromised release (TeamPCP campaign)",
                          "DataDog indicators-of-compromise, teampcp, 2026", "v", "malware", row["affected_versions"]])

ECOSYSTEMS = {"go": "golang", "crates.io": "cargo", "npm": "npm", "pypi": "pypi"}
with open(os.path.join(base, "typosquats.csv"), encoding="utf-8") as f:
    for row in csv.DictReader(f):
        if row["ecosystem"] in ECOSYSTEMS:
            out.writerow(["package", ECOSYSTEMS[row["ecosystem"]] + ":" + row["malicious_package"],
                          "malicious package that imitates " + row["target_package"], row["source"], "v", "malware", ""])
