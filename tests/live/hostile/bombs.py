"""Images that expand, nest or multiply beyond reason: memory stays bounded, the gap is told, the rest is inspected."""
import threading, time, zipfile, zlib
from build import *

LIMIT = 400 if not SANITIZED else 100000    # MiB, of the largest process
shell = '#!/bin/sh\n' + REVERSE + '\n'
GIB = 1 << 30


def bounded(name, r, *statuses):
    ok(name, r.status in statuses and r.peak < LIMIT, 'wanted %s; ' % (statuses,) + short(r))


def gz_layer(name, pieces):
    """A layer of pieces (bytes, or a number of zeros), compressed as it is made; its digests on the way."""
    path, plain = place(name), hashlib.sha256()
    z = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    with open(path, 'wb') as f:
        for p in pieces:
            while p:
                piece = p if isinstance(p, bytes) else block[:min(p, len(block))]
                p = b'' if isinstance(p, bytes) else p - len(piece)
                plain.update(piece)
                f.write(z.compress(piece))
        f.write(z.flush())
    return path, 'sha256:' + plain.hexdigest()


def gz_image(name, pieces, **config):
    path, diff = gz_layer(name + '.gz', pieces)
    l = Layout(name)
    return l.index(l.image([l.blob_file(path, LAYER + '+gzip')], [diff], **config))


big = GIB if SANITIZED else 2 * GIB
r = scan(gz_image('zeros', [header('big', big), big, file('x.sh', shell, 0o755), END]), what='2 GiB of zeros')
bounded('gigabytes of zeros in a file, and malware behind them', r, 1)
r = scan(gz_image('tail', [file('x', 'y'), END, 256 << 20]), what='zeros behind the end')
bounded('256 MB of zeros behind the end of the archive', r, 0, 3)

marker = b'PABEAN-OWN-TEST-MARKER-7f3a'
with open(place('rule.yar'), 'w') as f:
    f.write('rule own_marker { meta: description = "test marker" kind = "malware" severity = "high" strings: $a = "%s" condition: $a }' % marker.decode())
# YARA sees a file whole, mapped from the scratch file: pages of that count in the worker's peak, but the system can take them back
for size, what in ((30 << 20, '30 MB'), (GIB + (100 << 20), 'over 1 GB')):
    if SANITIZED and size > GIB:
        continue
    r = scan('--yara', place('rule.yar'), gz_image('yara%d' % size, [header('f.bin', size, mode=0o755), b'\x7fELF\x02\x01\x01' + bytes(57), size - 64 - 512, marker.ljust(512, b'\0'), END], Entrypoint=['/f.bin']), what='yara in ' + what)
    ok('a marker at the end of a file of %s is found' % what, (r.peak < LIMIT or size > GIB) and (r.status == 1 or (r.status == 3 and r.skipped)), short(r))

n = 20000 if SANITIZED else 300000
r = scan(gz_image('many', [b''.join([folder('d%d' % (i // 1000)) + b''.join(header('d%d/f%d' % (i // 1000, k), 0) for k in range(i, i + 1000)) for i in range(0, n, 1000)]), file('x.sh', shell, 0o755), END]), what='300,000 files')
bounded('%d files in a layer' % n, r, 1)


def zipped(members, method=zipfile.ZIP_DEFLATED):
    z = io.BytesIO()
    with zipfile.ZipFile(z, 'w', method) as f:
        for k, v in members:
            f.writestr(k, v)
    return z.getvalue()


jar = zipped([('x.sh', shell)])
for i in range(200):
    jar = zipped([('j%d.jar' % i, jar)], zipfile.ZIP_STORED)
r = holds('200 nested jars', image(tar(file('app.jar', jar))), 'coverage.budget')
bounded('stay bounded', r, 3)
r = refuses('malware three archives deep', image(tar(file('app.jar', zipped([('a.tar.gz', gzip.compress(tar(file('b.zip', zipped([('x.sh', shell)])))))])))))
bomb = zipped([('zeros%d' % i, bytes(100 << 20)) for i in range(2)])
bomb = zipped([('b%d.zip' % i, bomb) for i in range(16)])
r = scan(image(tar(file('bomb.zip', bomb), file('x.sh', shell, 0o755))), what='zip bomb of 3.2 GB')
ok('a zip bomb passes its budget and the rest is inspected', r.status == 1 and r.peak < LIMIT and 'coverage.budget' in r.rules, short(r))
r = scan('--expand-entries', '10000', image(tar(file('many.zip', zipped([('f%d' % i, 'x') for i in range(12000)])))))
ok('too many members of an archive are a budget', r.status == 3 and 'coverage.budget' in r.rules, short(r))
z = zlib.compressobj(9, zlib.DEFLATED, 31)
gzbomb = b''.join(z.compress(bytes(1 << 20)) for _ in range(1024)) + z.flush()
r = scan('--expand-bytes', '64M', image(tar(file('bomb.gz', gzbomb))), what='gz of 1 GB')
ok('a gzip bomb in a file', r.status == 3 and 'coverage.budget' in r.rules and r.peak < LIMIT, short(r))
import lzma
c = lzma.LZMACompressor(preset=0)
xz = b''.join(c.compress(bytes(1 << 20)) for _ in range(512)) + c.flush()
r = scan('--expand-bytes', '64M', image(tar(file('bomb.tar.xz', xz))), what='xz of 512 MB')
ok('an xz bomb in a file', r.status == 3 and 'coverage.budget' in r.rules and r.peak < LIMIT, short(r))
if shutil.which('zstd'):
    p = subprocess.run('head -c 1G /dev/zero | zstd -q -c --long=27', shell=True, capture_output=True)
    l = Layout('zst')
    body = file('x', 'y') + END
    h = hashlib.sha256(body)
    for _ in range(1024):
        h.update(bytes(1 << 20))
    front = subprocess.run(['zstd', '-q', '-c'], input=body, capture_output=True).stdout
    r = scan(l.index(l.image([l.blob(front + p.stdout, LAYER + '+zstd')], ['sha256:' + h.hexdigest()])), what='zstd of 1 GB')
    bounded('a zstd frame of a gigabyte of zeros behind the archive', r, 0, 3)
    for window in (28, 31):
        p = subprocess.run('head -c 400M /dev/zero | zstd -q -c --ultra --long=%d' % window, shell=True, capture_output=True)
        l = Layout('zstwin%d' % window)
        r = scan(l.index(l.image([l.blob(p.stdout, LAYER + '+zstd')], [sha(b'')])), what='zstd window %d' % window)
        ok('a zstd window of 2^%d' % window, r.status in (2, 3) and r.peak < LIMIT, short(r))
else:
    print('skip - zstd bombs: no zstd here')
text = ('echo ' + 'A' * 60 + '; x=$(cat y); eval "$x"\n').encode() * 400000
r = scan(image(tar(file('big.sh', b'#!/bin/sh\n' + text[:20 << 20], 0o755)), Entrypoint=['/big.sh']), what='script of 20 MB')
bounded('a script of 20 MB', r, 0, 1, 3)
r = scan(image(tar(file('nest.sh', b'#!/bin/sh\n' + b'$(' * 500000, 0o755))), what='nested substitutions')
bounded('half a million nested substitutions', r, 0, 1, 3)
r = scan(image(tar(file('a.json', b'[' * 3000000), file('package.json', b'{"a":' * 1000000), file('pack/package-lock.json', b'[' * 1000000))), what='nested JSON')
bounded('JSON nested a million deep', r, 0, 3)
l = Layout('layers')
one = [tar(file('f%d' % i, 'x')) for i in range(500)]
start = time.time()
r = scan(l.index(l.image([l.blob(t, LAYER) for t in one], [sha(t) for t in one])), what='500 layers')
bounded('500 layers', r, 0)
l = Layout('same')
d = l.blob(one[0], LAYER)
r = scan(l.index(l.image([d] * 5000, [sha(one[0])] * 5000)), what='5,000 times one layer')
bounded('5,000 times the same layer', r, 0, 2, 3)
r = scan(image(tar(file('a', 'x')), Env=['A%d=%s' % (i, 'y' * 100) for i in range(30000)], Labels={'l%d' % i: 'z' for i in range(30000)}), what='3 MB of config')
bounded('a config of megabytes', r, 0, 3)
done()
