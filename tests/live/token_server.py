#!/usr/bin/env python3
"""A token server for docker-registry (distribution's token specification, RS256): joe with the password secret may pull. usage: token_server.py CERT KEY"""
import base64, json, ssl, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

CERT, KEY = sys.argv[1:3]


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def token(scopes):
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(open(CERT).read())).decode()
    access = [{"type": "repository", "name": s.split(":")[1], "actions": ["pull"]} for s in scopes if s.startswith("repository:")]
    now = int(time.time())
    claims = {"iss": "test", "sub": "joe", "aud": "registry", "exp": now + 60, "nbf": now - 60, "iat": now, "jti": str(now), "access": access}
    text = b64(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [der]}).encode()) + "." + b64(json.dumps(claims).encode())
    sign = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), capture_output=True, check=True).stdout
    return text + "." + b64(sign)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *a):
        pass

    def do_GET(self):
        good = self.headers.get("Authorization", "") == "Basic " + base64.b64encode(b"joe:secret").decode()
        print("token", self.path, "good" if good else "bad", flush=True)
        body = json.dumps({"token": token(parse_qs(urlparse(self.path).query).get("scope", []))} if good else {"details": "wrong"}).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERT, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_port, flush=True)
server.serve_forever()
