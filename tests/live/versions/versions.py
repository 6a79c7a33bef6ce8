"""Pairs of versions to compare, and what the ecosystem's own implementation says of them.

versions.py pairs KIND N            prints N pairs "A B", always the same
versions.py order KIND <pairs       prints <, =, > or ? (no version) for each; for dpkg, a third column is what to confirm first
"""
import random
import subprocess
import sys

REAL = {
    "dpkg": """0.2004cvs20040505-1 1:7.88.1-10+deb12u5 1:7.88.1-10+deb12u4 7.88.1-10 2.36-9+deb12u4 2.36-9+deb12u10 2.36-9 3.0.11-1~deb12u2
        3.0.11-1 3.0.9-1 1:1.2.13.dfsg-1 1:1.2.13.dfsg-1+b1 5.36.0-7+deb12u1 5.36.0-7 2.9.14+dfsg-1.3~deb12u1 2.9.14+dfsg-1.3 1:2.39.2-1.1
        1:2.39.5-0+deb12u1 1:9.2p1-2+deb12u2 1:9.2p1-2 2:8.2.3995-1ubuntu2.1 2:8.2.3995-1ubuntu2.10 20230311 20230311+deb12u1 6.4+20221231-1
        6.4-4 1.6.1~rc1-1 1.6.1-1 4.17.12+dfsg-0+deb12u1 2:4.17.12+dfsg-0+deb12u1 1.5.4-0ubuntu0.22.04.1 1.5.4-0ubuntu0.22.04.1~esm1
        0~git20200101.abcdef-1 0.0~git20200101.abcdef-1 1.0~~rc1 1.0~ 1.0 5.10.0~beta1 9.0.0-~ 1-0 1 01 1.0-0""",
    "rpm": """1:1.1.1k-12.el8_9 1:1.1.1k-9.el8_7 1.1.1k-12.el8_9 0:4.18.0-513.9.1.el8_9 4.18.0-513.el8 2.34-83.el9_3.7 2.34-83.el9 2.34-60.el9_2.7
        18.19.0-1.module_el8.9.0+3720+f6f0c3a6 18.19.0-1.module+el8.9.0+20939+8d5f2f7a 1:3.0.7-25.el9_3 8.0p1-19.el8_8 8.0p1-19.el8_9.2 20191128-2.git.el8_8
        1.0~rc1-1 1.0^git20200101-1 1.0-1 1.0.1^-1 1.0^ 1.0~ 2.0.1a 2.0.1 2.0.1-a 10xyz 10.1xyz xyz10 5.14.0-362.8.1.el9_3 1.2.11-40.el9 1_0 1.0 2021b-1.fc34
        1:0-1 0 00""",
    "pep440": """1.0 1.0.0 1.0rc1 1.0.dev1 2.31.0 2.32.0 4.2.8 4.2.10 5.0a1 5.0b1 5.0rc1 5.0 2023.7.22 2023.07.22 1.26.18 1.26.18.post1 0.9.8.post2.dev3
        1!1.0 1.0+ubuntu.1 1.0+ubuntu1 1.0+1 1.0+01 3.0.0b3 3.0.0.beta3 v2.0 1.0-1 1.0-r4 1.0c2 22.0.1.dev0 2004d 2013b0 0.0.0 1.0.post 1.0.dev 1.0a 1.0.a.dev
        1.1.1.1.1 dog 1.0x 1..0 1.0+ 1.0+a..b 1.0.post.dev""",
    "gem": """7.0.8 7.0.8.1 7.0.8.rc1 7.1.0.beta1 7.1.0 5.2.4.a10 1.13.0 1.13.0.pre.1 1.13.0-java 2.2.6.4 3.0.0.rc 3.0.0.rc2 1.8.3-x86_64 1 1.0 1.0.a 1.a 1.0a
        0.0.0 0 1.0.0.0.1 2.0.0.alpha.1 2.0.0.alpha1 1.1.a1b2 1..0 a 1.0- 1.0_1 20240101 1.0.0.pre 1.0.pre 1.00.1""",
    "go": """v1.2.3 v1.2.3-pre v1.2.3+incompatible v1.2.4-0.20200101000000-abcdefabcdef v0.0.0-20190101000000-aaaaaaaaaaaa v0.0.0 v1 v1.0 v1.0.0-rc.1 v1.0.0-rc.10
        v1.0.0-rc1 v1.0.0-beta.2 v1.0.0-alpha.beta v1.0.0-x-y-z v1.0.0--- v01.0.0 v1.0.0-01 v1.0.0-0a v1.0.0+ v1.0.0- v1.0.0.0 v1.0-rc1 v1.21.0 v1.21.0-0
        v2.0.0+incompatible v99999999999999999999.0.0 v1.2.3-pre.0.20200101000000-abcdefabcdef""",
    "semver": """1.2.3 1.2.3-pre 1.2.3+build 1.0.0-rc.1 1.0.0-rc.10 1.0.0-rc1 1.0.0-beta.2 1.0.0-alpha.beta 1.0.0-x-y-z 1.0.0--- 4.17.21 4.17.20 0.0.0 0.0.1-0
        0.0.0-0 1.0.0-0a 1.10.0 1.9.0 10.0.0-next.12 10.0.0-next.2 18.3.0-canary-a870b2d54-20240314 19.0.0-rc.0""",
}
# What a mutation may put in; no space, no empty version.
PIECES = {
    "dpkg": list("0019a~+.-:Z") + ["~~", "+b1", "-1", "~rc1", "00", "dfsg", "10", "9"],
    "rpm": list("0019a~^.-_+:Z") + ["~~", "^^", "-1", "~rc1", "00", "el8", "10", "9", ".."],
    "pep440": list("0019ab.-_+!v") + ["rc", "rc1", ".dev", "dev2", ".post", "post3", "-1", "r2", "c", "alpha", "preview", "rev", "+x.1", "00", ".0", "RC2"],
    "gem": list("0019ab.-Z") + [".pre", ".0", ".rc1", "00", "10", ".a", "-x"],
    "go": list("0019ab.-+Z") + ["-0.", "-rc.1", "+incompatible", "00", ".0", "10", "--"],
    "semver": [],
}


def semver(r):
    number = lambda: str(r.choice([0, 0, 1, 2, 9, 10, 11, 99, 1000]))
    ident = lambda: r.choice([number(), number(), "a", "A", "alpha", "beta", "rc", "rc1", "-", "--", "0a", "-1", "x-1"])
    v = ".".join(number() for _ in range(3))
    if r.random() < 0.6:
        v += "-" + ".".join(ident() for _ in range(r.randint(1, 4)))
    return v + ("+b." + number() if r.random() < 0.2 else "")


def mutated(r, v, pieces):
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        at = r.randint(0, len(v))
        what = r.random()
        if what < 0.55:
            v = v[:at] + r.choice(pieces) + v[at:]
        elif what < 0.8:
            v = v[:at] + v[at + 1:]
        else:
            v = v[:at] + r.choice(pieces) + v[at + 1:]
    return v


def installed():
    try:
        with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as f:
            return sorted({line.split()[1] for line in f if line.startswith("Version: ")})
    except OSError:
        return []


def pairs(kind, n):
    r = random.Random("pabean " + kind)
    real = REAL[kind].split()
    out = [(a, b) for a in real for b in real]
    r.shuffle(out)
    out = out[: n // 2]
    pool = real + (installed() if kind == "dpkg" else [])
    while len(out) < n:
        if kind == "semver":
            a = b = semver(r)
            if r.random() < 0.7:
                b = semver(r)
                if r.random() < 0.6:    # the same but for what follows the numbers
                    b = a.split("-")[0].split("+")[0] + b[min([b.index(c) for c in "-+" if c in b] or [len(b)]):]
        else:
            a = r.choice(pool)
            if r.random() < 0.5:
                a = mutated(r, a, PIECES[kind])
            b = mutated(r, a, PIECES[kind]) if r.random() < 0.8 else r.choice(pool)
        if a and b:
            out.append((a, b))
    return out


def sign(c):
    return "<" if c < 0 else ">" if c > 0 else "="


def order_dpkg(a, b, guess):
    """One process a pair when the guess is right."""
    first = {"<": "lt", "=": "eq", ">": "gt"}.get(guess, "lt")
    for op in [first] + [o for o in ("lt", "eq", "gt") if o != first]:
        p = subprocess.run(["dpkg", "--compare-versions", "--", a, op, b], stderr=subprocess.PIPE, close_fds=False)
        # a version that begins with a letter is taken with a warning
        wrong = [w for w in p.stderr.decode().splitlines() if "bad syntax" in w and "start with digit" not in w]
        if p.returncode > 1 or wrong:
            return "?"
        if p.returncode == 0:
            return {"lt": "<", "eq": "=", "gt": ">"}[op]
    return "!"


def evr(v):
    i = 0
    while i < len(v) and v[i] in "0123456789":
        i += 1
    epoch, rest = (v[:i] or "0", v[i + 1:]) if v[i:i + 1] == ":" else ("0", v)
    version, dash, release = rest.rpartition("-")
    return (epoch, version, release) if dash else (epoch, rest, None)


def order_rpm(a, b, _):
    import rpm
    try:
        return sign(rpm.labelCompare(evr(a), evr(b)))
    except ValueError:
        return "?"


def order_pep440(a, b, _):
    from packaging.version import InvalidVersion, Version
    try:
        x, y = Version(a), Version(b)
    except InvalidVersion:
        return "?"
    return sign((x > y) - (x < y))


if sys.argv[1] == "pairs":
    for pair in pairs(sys.argv[2], int(sys.argv[3])):
        print(*pair)
else:
    order = globals()["order_" + sys.argv[2]]
    for line in sys.stdin:
        a, b, *guess = line.split()
        print(order(a, b, guess[0] if guess else ""))
