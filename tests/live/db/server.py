"""A stand-in for the OSV bucket, CISA's KEV and EPSS on the loopback: server.py DIR PORTFILE LOG CONTROL

Serves the files below DIR with ETags, ranges and If-Range. Every request is one line of LOG: "PATH STATUS first-byte If-None-Match-was-sent".
CONTROL may hold JSON: {"cut": {PATH: BYTES}}: each answer of that path ends after so many bytes, though more were announced;
{"rate": BYTES}: so many bytes a second; {"status": {PATH: STATUS}}: that and nothing else.
"""
import hashlib
import http.server
import json
import os
import sys
import time
import urllib.parse

base, port_file, log_file, control_file = sys.argv[1:5]


def control():
    try:
        with open(control_file) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status, start=0):
        with open(log_file, "a") as f:
            f.write("%s %d %d %s\n" % (urllib.parse.unquote(self.path), status, start, "if-none-match" if self.headers["If-None-Match"] else "-"))

    def empty(self, status, etag=None):
        self.note(status)
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        how, path = control(), urllib.parse.unquote(self.path)
        if path in how.get("status", {}):
            return self.empty(how["status"][path])
        try:
            with open(os.path.join(base, path.lstrip("/")), "rb") as f:
                body = f.read()
        except OSError:
            return self.empty(404)
        etag = '"%s"' % hashlib.md5(body).hexdigest()
        if self.headers["If-None-Match"] == etag:
            return self.empty(304, etag)
        start = 0
        wanted = self.headers["Range"]
        if wanted and self.headers["If-Range"] in (None, etag):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            if start >= len(body):
                return self.empty(416)
        self.note(206 if start else 200, start)
        self.send_response(206 if start else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        self.end_headers()
        self.send(body[start:], how.get("rate"), how.get("cut", {}).get(path))

    def send(self, body, rate, cut):
        if cut is not None and cut < len(body):
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        step = max(1, rate // 20) if rate else len(body) or 1
        try:
            for at in range(0, len(body), step):
                self.wfile.write(body[at:at + step])
                self.wfile.flush()
                if rate:
                    time.sleep(0.05)
        except OSError:
            self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
