#!/usr/bin/env python3
"""An S3 server's bad days. usage: blob_s3_faults.py UPSTREAM_PORT; prints "port N", then a line for each request.

Passes requests on, unless one of the faults fits: PUT /faults with a JSON list of {"match": REGEX, "fault": KIND, "count": N}, where the
expression is searched in "METHOD /path?query" and the first that fits and has some count left is taken.
  500, 503   answered so, without the server
  stall      no answer for a minute
  lost       the server gets it, its answer does not come back
  swallow    200, but the server gets nothing
  error200   200 with an error inside, without the server
  truncate   half of the answer's body
  norange    the server never hears of the range
  etag       another ETag
"""
import http.client, json, re, socketserver, sys, time
from http.server import BaseHTTPRequestHandler
import threading

upstream = int(sys.argv[1])
faults, lock, etags = [], threading.Lock(), [0]
ERROR = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We are &lt;sorry&gt;</Message></Error>'


def take(line):
    with lock:
        for f in faults:
            if f["count"] > 0 and re.search(f["match"], line):
                f["count"] -= 1
                return f["fault"]
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body, send=None):
        self.send_response_only(status)
        for k, v in headers:
            if k.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(k, v)
        length = next((v for k, v in headers if k.lower() == "content-length"), None)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if send is None else send)

    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/faults":
            with lock:
                faults[:] = json.loads(body)
            return self.answer(200, [], b"")
        fault = take(f"{self.command} {self.path}")
        print(self.command, self.path, "range=" + (self.headers.get("Range") or "-"), "fault=" + (fault or "-"), flush=True)
        if fault in ("500", "503"):
            return self.answer(int(fault), [("Content-Type", "application/xml")], ERROR)
        if fault == "error200":
            return self.answer(200, [("Content-Type", "application/xml")], ERROR)
        if fault == "swallow":
            return self.answer(200, [("ETag", '"0123456789abcdef0123456789abcdef"')], b"")
        if fault == "stall":
            time.sleep(60)
            self.close_connection = True
            return None
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection" and not (fault == "norange" and k.lower() == "range")}
        c = http.client.HTTPConnection("127.0.0.1", upstream, timeout=60)
        c.request(self.command, self.path, body, headers)
        r = c.getresponse()
        data = r.read()
        out = r.getheaders()
        c.close()
        if fault == "lost":
            self.close_connection = True
            return None
        if fault == "etag":
            etags[0] += 1
            out = [(k, v) for k, v in out if k.lower() != "etag"] + [("ETag", f'"changed-{etags[0]}"')]
        if fault == "truncate":
            self.close_connection = True
            return self.answer(r.status, out, data, data[: len(data) // 2])
        return self.answer(r.status, out, data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = any


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Handler) as s:
    print("port", s.server_address[1], flush=True)
    s.serve_forever()
