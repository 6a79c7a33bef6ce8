"""Full disks, cache directories of others, closed pipes: one sentence, the right status, nothing left behind."""
import stat
from build import *

hello = image(tar(folder('etc'), file('etc/motd', 'hello\n')), name='hello')
root = os.getuid() == 0


def mounted(name, size):
    os.makedirs(place(name))
    return root and subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=' + size, 'none', place(name)], capture_output=True).returncode == 0


def left(where):
    return [os.path.join(d, f) for d, _, fs in os.walk(where) for f in fs if '.tmp' in f]


if mounted('full', '16k'):
    try:
        many = image(tar(*[file('f%d.sh' % i, '#!/bin/sh\n' + REVERSE + '\n', 0o755) for i in range(200)]))
        with open(place('full/fill'), 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        r = scan('--output', place('full/report.json'), many)
        ok('a full disk on --output', r.status == 2 and one_sentence(r.err) and 'report.json' in r.err and os.listdir(place('full')) == ['fill'], (os.listdir(place('full')), short(r)))
        r = scan('--output', '/dev/full', many)
        ok('/dev/full as --output', r.status == 2 and one_sentence(r.err), short(r))
        r = scan(many, cache=place('full/cache'))
        ok('a full disk below the cache directory', r.status in (1, 2) and (r.status == 1 or one_sentence(r.err)) and not left(place('full')), short(r))
    finally:
        subprocess.run(['umount', place('full')])
else:
    print('skip - full disks: mounting is not allowed here')
with open('/dev/full', 'w') as f:
    p = subprocess.run([PABEAN, 'scan', '--db', place('db'), '--cache-dir', place('cache'), '--platform', 'linux/amd64', '--waivers', waivers(), hello], stdout=f, stderr=subprocess.PIPE)
    ok('a full disk on standard output', p.returncode == 2 and one_sentence(p.stderr.decode()), p)
r = scan('--output', place('nowhere/report'), hello)
ok('--output in a directory that is not there', r.status == 2 and one_sentence(r.err), short(r))

os.makedirs(place('open'), 0o777)
os.chmod(place('open'), 0o777)
r = scan(hello, cache=place('open'))
ok('a cache directory that everybody may write to', r.status == 2 and one_sentence(r.err) and not os.listdir(place('open')), short(r))
os.symlink(place('open'), place('link'))
r = scan(hello, cache=place('link'))
ok('a link to such a directory', r.status == 2 and one_sentence(r.err), short(r))
with open(place('plain'), 'w') as f:
    pass
r = scan(hello, cache=place('plain'))
ok('a file as cache directory', r.status == 2 and one_sentence(r.err), short(r))
if root:
    os.makedirs(place('others'), 0o700)
    os.chown(place('others'), 12345, 12345)
    r = scan(hello, cache=place('others'))
    ok('a cache directory of another owner', r.status == 2 and one_sentence(r.err) and not os.listdir(place('others')), short(r))
    if mounted('ro', '1m'):
        try:
            os.chmod(place('ro'), 0o700)
            subprocess.run(['mount', '-o', 'remount,ro', place('ro')], check=True)
            r = scan(hello, cache=place('ro'))
            ok('a cache directory that cannot be written to', r.status == 0 or (r.status == 2 and one_sentence(r.err)), short(r))
            r = scan('--no-cache', hello, cache=place('ro'))
            ok('and without the cache', r.status == 0 or (r.status == 2 and one_sentence(r.err)), short(r))
        finally:
            subprocess.run(['umount', place('ro')])
# A damaged cache is no cache
r = scan(hello, cache=place('damaged'))
for d, _, fs in os.walk(place('damaged')):
    for f in [f for f in fs if not f.startswith('patterns-')]:
        path = os.path.join(d, f)
        data = bytearray(open(path, 'rb').read())
        for i in range(0, len(data), 97):
            data[i] ^= 0xff
        open(path, 'wb').write(data)
r2 = scan(hello, cache=place('damaged'))
ok('damaged facts in the cache give the same report', r2.status == r.status and r2.out == r.out, short(r2))

# Nobody listens any more
many = image(*[tar(*[file('l%d-%d.sh' % (k, i), '#!/bin/sh\n' + REVERSE + '\n# %d' % i, 0o755) for i in range(300)]) for k in range(5)])
for fmt in ('table', 'json'):
    p = \
        subprocess.run(['bash', '-c', '"$0" scan --db "$1" --cache-dir "$2" --platform linux/amd64 --format %s "$3" | head -1 >/dev/null; echo "${PIPESTATUS[0]}"' % fmt, PABEAN, place('db'), place('cache'), many], capture_output=True, timeout=60)
    ok('SIGPIPE with %s' % fmt, p.stdout.strip() in (b'1', b'2', b'141') and len(p.stderr.splitlines()) <= 1, p)
ok('no temporary file is left', not left(work), left(work))
done()
