#!/usr/bin/env python3
"""serve_api.py openapi SOCKET URL GOOD BAD   every operation of the server's OpenAPI document against the server itself
serve_api.py hook PORT SECRET LOG             a webhook receiver: 500 to the first try of each delivery, then 200; writes "TYPE SIGNATURE-OK TRY" lines
serve_api.py feed SOCKET AFTER N              N server-sent events' types
"""
import hashlib, hmac, http.client, http.server, json, socket, sys, time, urllib.parse


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def ask(make, method, path, body=None, headers=None):
    c = make()
    c.request(method, path, json.dumps(body) if body is not None else None, headers or {})
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, data, r.headers


failures = 0


def check(what, good, why=""):
    global failures
    print(("ok - " if good else "not ok - ") + what)
    if not good:
        failures += 1
        print("   " + str(why)[:400], file=sys.stderr)


def fits(doc, schema, value, at="answer"):
    """What is wrong with value, or None."""
    while "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].split("/")[-1]]
    types = schema.get("type")
    if types is None:
        return None
    types = types if isinstance(types, list) else [types]
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}[type(value)]
    if kind not in types:
        return f"{at} is {kind}, not {types}"
    if kind == "object" and "properties" in schema:
        for k in schema.get("required", []):
            if k not in value:
                return f"{at} has no {k}"
        for k, v in value.items():
            if k not in schema["properties"]:
                return f"{at}.{k} is not described"
            wrong = fits(doc, schema["properties"][k], v, f"{at}.{k}")
            if wrong:
                return wrong
    return None


def openapi(sock, url, good, bad):
    unix = lambda: Unix(sock)
    host = urllib.parse.urlsplit(url).netloc
    tcp = lambda: http.client.HTTPConnection(host, timeout=60)
    status, data, _ = ask(tcp, "GET", "/api/v1/openapi.json")
    doc = json.loads(data)
    check("the document is there without a login", status == 200 and doc["openapi"] == "3.1.0", status)
    made = {}
    params = {"reference": good, "package": None, "cve": "CVE-2021-44228", "format": "json", "reason": "a test", "n": "10"}
    bodies = {
        "requests": {"reference": bad, "reason": "a test"}, "approve": {"reference": bad, "reason": "a test", "until": "1d"},
        "revoke": {"reference": good, "reason": "a test"}, "waive": {"finding": "CVE-2021-1", "repositories": "none/**", "reason": "a test", "until": "1d"},
        "rejudge": {"repositories": "none/**"}, "fetch": {"reference": good}, "accounts": {"name": "openapi", "password": "battery horse staple 7", "grants": ["**:pull"]},
        "robots": {"name": "openapi-robot", "grants": ["**:pull"]}, "accounts/{name}": {"grants": ["team/**:pull"]},
    }
    order = lambda op: (op[1] == "delete", "decline" in op[0], op[0].endswith("requests"))
    ops = sorted(((p, m, o) for p, ms in doc["paths"].items() for m, o in ms.items()), key=order)
    for path, method, o in ops:
        name = path.replace("/api/v1/", "")
        target, query = path, []
        for p in o.get("parameters", []):
            value = params.get(p["name"])
            if p["in"] == "path":
                target = target.replace("{%s}" % p["name"], str(made.get(name.split("/")[0], "openapi" if p["name"] == "name" else 999999)))
            elif value and not (p["name"] == "cve" and params.get("package")):
                query.append((p["name"], value))
        target += "?" + urllib.parse.urlencode(query) if query else ""
        body = bodies.get(name) if "requestBody" in o else None
        status, data, _ = ask(unix, method.upper(), target, body)
        described = [c for c in o["responses"] if c != "default"]
        if "dead-letters/" in path:     # there is none
            check(f"{method} {path}: 404 for what is not there", status == 404, data)
            continue
        ok = str(status) in described
        wrong = None if ok else f"{status} {data[:300]}"
        if ok and data:
            answer = json.loads(data)
            content = o["responses"][str(status)].get("content")
            wrong = fits(doc, content["application/json"]["schema"], answer) if content else "an answer where none is described"
            if isinstance(answer, dict) and "id" in answer:
                made["requests" if name == "requests" else "decisions"] = answer["id"]
        check(f"{method} {path}: as described", not wrong, wrong)
        status, data, _ = ask(unix, "PUT", path.replace("{id}", "1").replace("{name}", "x"))
        check(f"{path}: another method is 405", status == 405, status)
        public = any(w in o["description"] for w in ("nobody in particular",)) or name in ("verdict", "fetch")
        status, data, _ = ask(tcp, method.upper(), target, body)
        check(f"{method} {path}: " + ("open where anonymous may pull" if public else "401 without a login"), (status < 400) == public and (public or status == 401),
              f"{status} {data[:200]}")
    status, data, _ = ask(unix, "POST", "/api/v1/approve", {"reference": bad, "reasn": "x"})
    check("an unknown field is an error", status == 400 and b"reasn" in data, data)
    status, data, _ = ask(unix, "GET", "/api/v1/nothing")
    check("errors have code and message", status == 404 and set(json.loads(data)["error"]) == {"code", "message"}, data)
    for h, want in (({"Origin": "http://evil.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Host": "evil.example"}, 421)):
        status, data, heads = ask(tcp, "POST", "/api/v1/fetch", {"reference": good}, h)
        check(f"a browser from elsewhere ({list(h)[0]}) gets {want}", status == want and "Access-Control-Allow-Origin" not in heads, status)


def hook(port, secret, log):
    seen = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            t, v1 = (p.split("=")[1] for p in self.headers["X-Pabean-Signature"].split(","))
            good = hmac.compare_digest(v1, hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest()) and abs(time.time() - int(t)) < 60
            event = json.loads(body)
            good = good and self.headers["Content-Type"].startswith("application/cloudevents+json") and event["specversion"] == "1.0"
            n = seen[event["id"]] = seen.get(event["id"], 0) + 1
            with open(log, "a") as f:
                f.write(f"{event['type']} {good} {n} {event['subject']}\n")
            self.send_response(500 if n == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *a):
            pass
    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


def feed(sock, after, n):
    c = Unix(sock)
    c.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": after})
    r = c.getresponse()
    if r.status != 200 or r.headers["Content-Type"] != "text/event-stream":
        sys.exit(f"{r.status} {r.headers['Content-Type']}")
    left = int(n)
    while left:
        line = r.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            print(line[7:], flush=True)
        if line.startswith("data: "):
            json.loads(line[6:])
            left -= 1


if __name__ == "__main__":
    {"openapi": openapi, "hook": hook, "feed": feed}[sys.argv[1]](*sys.argv[2:])
    sys.exit(1 if failures else 0)
