"""The servers that bench/serve compares: each started in a directory of its own, stopped by stop(); and what is read of their processes."""
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

PASSWORD = "battery staple"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def descendants(pid):
    all_pids = [pid]
    for p in all_pids:
        try:
            for task in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/children" % (p, task)) as f:
                    all_pids += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return all_pids


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rsplit(")", 1)[1].split()
            ticks += sum(int(t) for t in fields[11:15])		# with the children that ended
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def status_mib(pid, what):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) / 1024


class Server:
    """One of them; base is "http://host:port"."""
    def __init__(self, name, argv, port, directory, log):
        self.name, self.port, self.directory = name, port, directory
        self.host = "127.0.0.1:%d" % port
        self.base = "http://" + self.host
        self.token = "-"
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.time() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if self.process.poll() is not None or time.time() > end:
                    with open(log, errors="replace") as f:
                        raise RuntimeError("%s does not start: %s" % (name, f.read()[-2000:])) from None
                time.sleep(0.05)
        self.pid = self.process.pid

    def cpu(self):
        """Of the server itself; nginx's worker processes count, pabean's inspecting ones do not."""
        return cpu_s(descendants(self.pid) if self.name == "nginx" else [self.pid])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def text(path, content):
    with open(path, "w") as f:
        f.write(content)
    return path


def nginx(directory, work):
    port = free_port()
    conf = text(os.path.join(work, "nginx.conf"), """daemon off; worker_processes auto; pid %s/nginx.pid; error_log /dev/null; events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000000; open_file_cache max=100;
default_type application/vnd.oci.image.manifest.v1+json; server { listen 127.0.0.1:%d; root %s; } }
""" % (work, port, directory))
    return Server("nginx", ["nginx", "-c", conf], port, directory, os.path.join(work, "nginx.log"))


def docker_registry(directory, work):
    port = free_port()
    os.makedirs(directory, exist_ok=True)
    conf = text(os.path.join(work, "registry-%d.yml" % port), "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                "storage: {filesystem: {rootdirectory: %s, maxthreads: 100}, cache: {blobdescriptor: inmemory}}\nhttp: {addr: 127.0.0.1:%d}\n" % (directory, port))
    return Server("docker-registry", ["docker-registry", "serve", conf], port, directory, os.path.join(work, "registry.log"))


def zot(directory, work):
    port = free_port()
    conf = text(os.path.join(work, "zot-%d.json" % port), json.dumps({
        "distSpecVersion": "1.1.0", "storage": {"rootDirectory": directory, "commit": True, "gc": False, "dedupe": False},
        "http": {"address": "127.0.0.1", "port": str(port)}, "log": {"level": "error"}}))
    return Server("zot", ["zot", "serve", conf], port, directory, os.path.join(work, "zot.log"))


class Pabean(Server):
    """With the gate enforced, an account "bench" that may do everything, metrics on. extra: lines below `serve:`."""
    def __init__(self, program, directory, work, extra="", advisories=None):
        port = free_port()
        os.makedirs(directory, exist_ok=True)
        self.program, self.state = program, os.path.join(directory, "state")
        policy = text(os.path.join(directory, "policy.yaml"), "version: 1\nrules:\n  - {name: known, when: {kind: miner, severity: critical}, then: refuse}\nwaivers: []\n")
        conf = text(os.path.join(directory, "pabean.yaml"), "serve:\n  listen: 127.0.0.1:%d\n  state: %s\n  anonymous: []\n  policies: {default: %s}\n%s" %
                    (port, self.state, policy, extra))
        self.config = conf
        super().__init__("pabean", [program, "serve", "--quiet", "--config", conf, "--db", advisories or os.path.join(directory, "db"), "--cache-dir",
                                    os.path.join(directory, "cache")], port, directory, os.path.join(work, "pabean.log"))
        self.ready()

    def ready(self):
        end = time.time() + 30
        while not os.path.exists(os.path.join(self.state, "pabean.sock")) and time.time() < end:
            time.sleep(0.05)
        subprocess.run([self.program, "user", "add", "bench", "--state", self.state, "-g", "**:*", "--password-file", "-"], input=PASSWORD + "\n", text=True,
                       capture_output=True, check=False)
        end = time.time() + 10	# an account that was there already is no failure
        while True:
            try:
                self.metrics()
                return
            except OSError:
                if time.time() > end:
                    raise
                time.sleep(0.1)

    def fetch_token(self, repository):
        import base64
        request = urllib.request.Request("%s/token?service=x&scope=repository:%s:pull,push" % (self.base, repository),
                                         headers={"Authorization": "Basic " + base64.b64encode(("bench:" + PASSWORD).encode()).decode()})
        with urllib.request.urlopen(request, timeout=20) as answer:
            self.token = json.load(answer)["token"]
        return self.token

    def metrics(self):
        out = subprocess.run(["curl", "-s", "--fail", "--unix-socket", os.path.join(self.state, "pabean.sock"), "http://localhost/metrics"], capture_output=True,
                             text=True, check=False)
        if out.returncode:
            raise OSError("no metrics: curl %d" % out.returncode)
        return out.stdout


def others(directory, work):
    """docker-registry always, zot when it is on the PATH."""
    found = [docker_registry(os.path.join(directory, "registry"), work)]
    if shutil.which("zot"):
        found.append(zot(os.path.join(directory, "zot"), work))
    return found
