"""Crafted images for the live tests: tar blocks byte by byte, layouts and archives with any lie in them, and the program's run.

Only the standard library. Prints one line a check: "ok - ", "not ok - " or "skip - ".
"""
import atexit, gzip, hashlib, io, json, os, resource, shutil, subprocess, sys, tarfile, tempfile

PABEAN = os.environ.get('PABEAN', os.path.join(os.path.dirname(__file__), '../../../build/pabean'))
SANITIZED = bool(os.environ.get('SANITIZED'))
work = tempfile.mkdtemp()
atexit.register(shutil.rmtree, work, ignore_errors=True)
OCI = 'application/vnd.oci.image.'
MANIFEST, INDEX, CONFIG, LAYER = OCI + 'manifest.v1+json', OCI + 'index.v1+json', OCI + 'config.v1+json', OCI + 'layer.v1.tar'
# Shifted by one, so that the tests themselves scan clean.
REVERSE, WALLET, POOL = (''.join(chr(ord(c) - 1) for c in s) for s in (
    "cbti!.j!?'!0efw0udq0314/1/224/:05555!1?'2",
    '55BGGr6lTjHCp[5ONExZuO29pcd9BfnT44ECMXt4I8puYgu4YksqEuRHw8TrTtbCZCc:9vOcs3WCCFu8g3xgo4SWHRCFQ4B',
    'tusbuvn,udq;00qppm/tvqqpsuyns/dpn;4444'))
failures = 0
peaks = []


def ok(name, good, detail=''):
    global failures
    print(('ok - ' if good else 'not ok - ') + name, flush=True)
    if not good:
        failures += 1
        print('# %s: %s' % (name, detail), file=sys.stderr, flush=True)


def done():
    for peak, what in sorted(peaks, reverse=True)[:5]:
        print('# peak %d MiB: %s' % (peak, what))
    sys.exit(0)


def place(name):
    return os.path.join(work, name)


def sha(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


# --- tar ---------------------------------------------------------------------------------------------------------------------

def octal(value, width):
    return b'%0*o\0' % (width - 1, value)


def header(name, size=0, kind=b'0', mode=0o644, link=b'', size_field=None, magic=b'ustar\00000', dev=(0, 0), prefix=b'', typo=0, uid=0):
    h = bytearray(512)
    name, link = name.encode() if isinstance(name, str) else name, link.encode() if isinstance(link, str) else link
    h[0:len(name[:100])] = name[:100]
    h[100:108], h[108:116], h[116:124] = octal(mode, 8), octal(uid, 8), octal(uid, 8)
    h[124:136] = size_field if size_field else octal(size, 12)
    h[136:148], h[156:157] = octal(1700000000, 12), kind
    h[157:157 + len(link[:100])] = link[:100]
    h[257:265] = magic
    h[329:337], h[337:345] = octal(dev[0], 8), octal(dev[1], 8)
    h[345:345 + len(prefix)] = prefix
    h[148:156] = b' ' * 8
    h[148:156] = b'%06o\0 ' % (sum(h) + typo)
    return bytes(h)


def padded(data):
    return data + bytes(-len(data) % 512)


def pax(records, kind=b'x'):
    body = b''
    for k, v in records:
        k, v = k if isinstance(k, bytes) else k.encode(), v if isinstance(v, bytes) else v.encode()
        n = len(k) + len(v) + 3
        while len(b'%d %s=%s\n' % (n, k, v)) != n:
            n = len(b'%d %s=%s\n' % (n, k, v))
        body += b'%d %s=%s\n' % (n, k, v)
    return header('PaxHeaders/x', len(body), kind) + padded(body)


def gnu_long(name, kind=b'L'):
    name = (name if isinstance(name, bytes) else name.encode()) + b'\0'
    return header('././@LongLink', len(name), kind, magic=b'ustar  \0') + padded(name)


def file(name, data=b'', mode=0o644, **kw):
    data = data.encode() if isinstance(data, str) else data
    raw = name.encode() if isinstance(name, str) else name
    before = pax([('path', raw)]) if len(raw) > 99 else b''
    return before + header(name, len(data), b'0', mode, **kw) + padded(data)


def folder(name):
    return header(name if name.endswith('/') else name + '/', 0, b'5', 0o755)


def symlink(name, target):
    return header(name, 0, b'2', 0o777, link=target)


def hardlink(name, target):
    return header(name, 0, b'1', 0o644, link=target)


END = bytes(1024)


def tar(*entries):
    return b''.join(entries) + END


# --- images ------------------------------------------------------------------------------------------------------------------

def config_of(diff_ids, **kw):
    return {'architecture': 'amd64', 'os': 'linux', 'config': kw, 'rootfs': {'type': 'layers', 'diff_ids': diff_ids}}


class Layout:
    """An OCI layout that is made of parts, each of which can lie."""
    def __init__(self, name):
        self.dir = place(name)
        os.makedirs(self.dir + '/blobs/sha256', exist_ok=True)
        self.text('oci-layout', '{"imageLayoutVersion":"1.0.0"}')

    def text(self, name, data):
        with open(os.path.join(self.dir, name), 'wb') as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def blob(self, data, media=None, digest=None):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        d = digest or sha(data)
        self.text('blobs/sha256/' + d[7:], data)
        return {'mediaType': media, 'digest': d, 'size': len(data)}

    def blob_file(self, path, media):
        """A large blob, moved."""
        h = hashlib.sha256()
        with open(path, 'rb') as f:
            while True:
                piece = f.read(1 << 20)
                if not piece:
                    break
                h.update(piece)
        size = os.path.getsize(path)
        os.rename(path, self.dir + '/blobs/sha256/' + h.hexdigest())
        return {'mediaType': media, 'digest': 'sha256:' + h.hexdigest(), 'size': size}

    def index(self, *descriptors, **more):
        self.text('index.json', json.dumps({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': list(descriptors), **more}))
        return 'oci:' + self.dir

    def image(self, layers, diff_ids, config=None, **kw):
        c = self.blob(config if config is not None else config_of(diff_ids, **kw), CONFIG)
        return self.blob({'schemaVersion': 2, 'mediaType': MANIFEST, 'config': c, 'layers': layers}, MANIFEST)


counter = 0


def image(*tars, compress=None, name=None, **config):
    """An OCI layout of plain (or gzip) layers; its reference."""
    global counter
    counter += 1
    l = Layout(name or 'image%d' % counter)
    layers = []
    for t in tars:
        data = t if not compress else compress(t)
        layers.append(l.blob(data, LAYER + ('+gzip' if data[:2] == b'\x1f\x8b' else '')))
    return l.index(l.image(layers, [sha(t) for t in tars], **config))


def docker_archive(name, members):
    """members: (name, bytes) or raw tar bytes."""
    path = place(name)
    with open(path, 'wb') as f:
        for m in members:
            f.write(m if isinstance(m, bytes) else file(m[0], m[1]))
        f.write(END)
    return path


# --- the program -------------------------------------------------------------------------------------------------------------

class Run:
    pass


def waivers():
    path = place('waivers.yaml')
    if not os.path.exists(path):
        with open(path, 'w') as f:
            f.write('waivers:\n' + ''.join('  - finding: %s\n    until: 2999-01-01\n    reason: the tests have no advisories\n' % w for w in
                    ('coverage.no-database', 'coverage.no-os', 'coverage.no-data', 'coverage.no-release')))
    return path


def scan(*args, stdin=None, fmt='json', cache=None, timeout=300, text=None, what=None):
    r = Run()
    a = [PABEAN, 'scan', '--db', place('db'), '--cache-dir', cache or place('cache'), '--platform', 'linux/amd64', '--waivers', waivers()]
    a += ['--format', fmt] if fmt else []
    out, err = open(place('out'), 'w+b'), open(place('err'), 'w+b')
    env = dict(os.environ, HOME=work, TMPDIR=work, XDG_CACHE_HOME=place('xdg'))
    p = subprocess.Popen(a + list(args), stdin=stdin if stdin is not None else subprocess.DEVNULL, stdout=out, stderr=err, env=env)
    import threading
    timer = threading.Timer(timeout, p.kill)
    timer.start()
    _, status, usage = os.wait4(p.pid, 0)
    timer.cancel()
    p.returncode = 0
    r.status = os.waitstatus_to_exitcode(status)
    r.peak = usage.ru_maxrss // 1024     # of the largest process; never less than this program's own at the start
    peaks.append((r.peak, what or args[-1]))
    out.seek(0)
    err.seek(0)
    r.out, r.err = out.read(), err.read().decode(errors='replace')
    r.report = None
    if fmt == 'json' and r.out:
        try:
            r.report = json.loads(r.out)
        except ValueError as e:
            r.report = None
            r.err += 'the report is no JSON: %s' % e
    r.findings = r.report['findings'] if isinstance(r.report, dict) else []
    r.rules = {f['rule'] for f in r.findings}
    r.decision = r.report['verdict']['decision'] if isinstance(r.report, dict) else None
    r.skipped = r.report['coverage']['skipped'] if isinstance(r.report, dict) else []
    return r


def short(r):
    return 'status %s, peak %d MiB, rules %s, skipped %s, stderr %s' % (
        r.status, r.peak, [(f['rule'], f['severity'], [(e['path'], e['hidden']) for e in f['evidence'][:2]]) for f in r.findings], r.skipped[:5], r.err[-400:])


def one_sentence(err):
    lines = [l for l in err.strip().split('\n') if l]
    return len(lines) == 1 and lines[0].startswith('pabean') and not any(ord(c) < 32 or ord(c) == 127 for c in lines[0]) and len(lines[0]) < 700


def broken(name, ref, *words, args=(), **kw):
    """No verdict: exit 2, one sentence with these words."""
    r = scan(*args, ref, **kw)
    ok(name, r.status == 2 and not r.out and one_sentence(r.err) and all(w.lower() in r.err.lower() for w in words), short(r))
    return r


def holds(name, ref, rule=None, args=(), status=3, skip=None, **kw):
    r = scan(*args, ref, **kw)
    good = r.status == status and (rule is None or rule in r.rules)
    good = good and (skip is None or any(skip in s['reason'] for s in r.skipped))
    ok(name, good, 'wanted %s %s; ' % (status, rule or skip) + short(r))
    return r


def refuses(name, ref, rule=None, **kw):
    return holds(name, ref, rule, status=1, **kw)


def admits(name, ref, **kw):
    return holds(name, ref, status=0, **kw)
