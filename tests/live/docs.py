# usage: docs.py SOURCE-TREE PABEAN whole.yaml standard.yaml metrics openapi.json
import glob, json, os, re, subprocess, sys

top, pabean, config, standard, metrics, openapi = sys.argv[1:7]
pages = [os.path.join(top, p) for p in ("README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted(glob.glob(os.path.join(top, "docs", "*.md")))
text = {os.path.relpath(p, top): open(p, encoding="utf-8").read() for p in pages}


def check(what, wrong):
    for w in wrong[:20]:
        print(f"{what}: {w}", file=sys.stderr)
    print("not ok - " + what if wrong else "ok - " + what)


def keys_of_tables(page):
    out = set()
    for line in text[page].splitlines():
        if line.startswith("| `"):
            out.update(re.findall(r"`([a-z][a-z0-9_]*)`", line.split("|")[1]))
    return out


# --- links
wrong = []
for page, body in text.items():
    for to in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", body):
        if not os.path.exists(os.path.join(top, os.path.dirname(page), to)):
            wrong.append(f"{page} leads to {to}")
check("docs: links lead to files", wrong)

# --- keys
whole = open(config, encoding="utf-8").read()
printed = set(re.findall(r"(?:^|[ {#])([a-z][a-z0-9_]*):(?= |$)", whole, re.M)) - {"serve", "partner", "strict", "default"}
words = set(re.findall(r"[a-z][a-z0-9_]*", text["docs/serve-configuration.md"]))
check("docs: every key of --print-config is described", sorted(printed - words))
check("docs: every key that is described is one", sorted(keys_of_tables("docs/serve-configuration.md") - printed))
part = whole[whole.index("  upstreams:"):whole.index("  repositories:")]
of_upstreams = set(re.findall(r"^ +(?:# )?([a-z][a-z0-9_]*):", part, re.M)) - {"upstreams", "partner"}
check("docs: every key of an upstream is described", sorted(of_upstreams - keys_of_tables("docs/upstreams.md")))

# --- defaults
real = open(standard, encoding="utf-8").read()
upstream = real[real.index("    docker.io:"):real.index("    ghcr.io:")]
repository = real[real.index("  repositories:"):real.index("  policies:")]
wrong = []
for page in ("docs/serve-configuration.md", "docs/upstreams.md"):
    part = None
    for line in text[page].splitlines():
        if line.startswith("#"):
            part = upstream if "Upstreams" in line or page == "docs/upstreams.md" else repository if "Repositories" in line else real[:real.index("  upstreams:")]
        cells = [c.strip() for c in line.split("|")]
        if not line.startswith("| `") or len(cells) < 4:
            continue
        for key, told in zip(re.findall(r"`([a-z][a-z0-9_]*)`", cells[1]), re.findall(r"`([^`]*)`", cells[2])):
            is_now = re.search(rf"(?:^|[ {{])(?:# )?{key}: *(\{{[^}}]*\}}|\[[^\]]*\]|[^,\n}}]*)", part, re.M)
            if is_now and is_now[1].strip('"') not in ("", told, told.replace("STATE", "./pabean-data")):
                wrong.append(f"{page}: {key} is {is_now[1]}, not {told}")
check("docs: defaults are those of --print-config", wrong)

# --- commands and options
shown = {}


def help_of(*command):
    if command not in shown:
        r = subprocess.run([pabean, *command, "--help"], capture_output=True, text=True)
        shown[command] = r.stdout if r.returncode == 0 else None
    return shown[command]


def listed(out):
    if "Commands:" not in out:
        return []
    return re.findall(r"^  ([a-z][a-z-]*) ", out.split("Commands:")[1].split("\n`pabean")[0], re.M)


commands = listed(help_of())
everything = "\n".join(text.values())
check("docs: every command is told of", [c for c in commands if f"pabean {c}" not in everything])
wrong = []
for page, body in text.items():
    spans = re.findall(r"`(pabean [^`\n]+)`", body)
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", body, re.M | re.S):
        spans += re.findall(r"^(?:[$#] )?(pabean [a-z].*)$", block.replace("\\\n", " "), re.M)
    for s in spans:
        w = s.split("   #")[0].split()
        if len(w) < 2 or not re.fullmatch(r"[a-z][a-z-]*", w[1]):
            continue
        if len(w) > 2 and w[1] == "serves" or w[1] in ("parse", "detonate"):	# what people do not call; what does not exist yet, and is said so
            continue
        if w[1].rstrip(",") not in commands:
            wrong.append(f"{page}: {s}")
            continue
        command, sub = (w[1],), listed(help_of(w[1]))
        if sub and len(w) > 2 and w[2] in sub:
            command += (w[2],)
        elif sub and len(w) > 2 and re.fullmatch(r"[a-z-]+", w[2]) and "…" not in s:
            wrong.append(f"{page}: {s}")
        for o in re.findall(r"(?<![\w'\"-])--([a-z][a-z-]*)", re.sub(r"'[^']*'|\"[^\"]*\"", "", s.split("|")[0].split(" && ")[0])):
            if not re.search(rf"--{o}\b", help_of(*command) or "") and o != "help":
                wrong.append(f"{page}: --{o} in {s}")
check("docs: commands and options that are shown exist", wrong)
undescribed = []
for c in commands:
    for command in [(c,)] + [(c, s) for s in listed(help_of(c) or "")]:
        h = help_of(*command)
        if not h or not h.startswith("Usage: pabean ") or len(h.strip().splitlines()) < 3:
            undescribed.append(" ".join(command))
check("docs: every command has help", undescribed)

# --- metrics
page = text["docs/observability.md"]
real = set(re.findall(r"^# TYPE (pabean_[a-z_]+) ", open(metrics, encoding="utf-8").read(), re.M))
told = set(re.findall(r"`(pabean_[a-z_]+)", page))
check("docs: every metric is described", sorted(real - told))
check("docs: every metric that is described is one", sorted(told - real))

# --- events, as the sources name them
sources = "".join(open(f, encoding="utf-8").read() for f in glob.glob(os.path.join(top, "src", "gateway", "*.c")))
put = set(re.findall(r'event_put\([^;"]*"([a-z]+\.[a-z]+)"', sources))
check("docs: every event is described", sorted(e for e in put if f"`{e}`" not in page))

# --- the API
paths = json.load(open(openapi, encoding="utf-8"))["paths"]
first = {re.sub(r"^/api/v1/", "", p).split("/")[0] for p in paths}
check("docs: every part of the API stands in api.md", sorted(f for f in first if f and f not in text["docs/api.md"]))
