"""Layers with names, sizes, links and types that readers see differently, or that lead out of the image."""
from build import *

base = tar(folder('etc'), file('etc/motd', 'hello\n'), folder('var'), folder('var/lib'), folder('var/lib/dpkg'))
os_release = folder('etc') + file('etc/os-release', 'ID=debian\nVERSION_ID="12"\n')
shell = '#!/bin/sh\n' + REVERSE + '\n'
run = lambda *entries: image(tar(*entries))

# Duplicates, whiteouts
holds('the same path twice', run(file('a', '1'), file('a', '2')), 'tar.duplicate')
refuses('malware in the first of two', run(file('a.sh', shell, 0o755), file('a.sh', 'echo\n', 0o755)))
refuses('malware in the second of two', run(file('a.sh', 'echo\n', 0o755), file('a.sh', shell, 0o755)))
holds('a directory twice', run(folder('d'), folder('d')), 'tar.duplicate')
holds('a path and its own whiteout', run(file('a', '1'), file('.wh.a')), 'tar.whiteout-and-entry')
refuses('malware under its own whiteout', run(file('.wh.a.sh'), file('a.sh', shell, 0o755)))
holds('a whiteout of a whiteout', run(file('.wh..wh.a')), 'tar.whiteout-name')
holds('a whiteout without a name', run(file('.wh.')), 'tar.whiteout-name')
holds('a whiteout of the parent', run(folder('d'), file('d/.wh...')), 'tar.whiteout-name')
holds('a whiteout with content', run(file('.wh.a', 'x')), 'tar.whiteout-content')
r = admits('an honest whiteout', image(base, tar(folder('etc'), file('etc/.wh.motd'))))

# Names
for name, rule in (('../../etc/cron.d/x', 'tar.escape'), ('/etc/cron.d/x', 'tar.unclean-name'), ('a/../../b', 'tar.escape'), ('./../x', 'tar.escape'),
                   ('a/../b', 'tar.unclean-name'), ('a/./b', 'tar.unclean-name')):
    holds('the name ' + name, run(folder('a'), file(name, 'x')), rule)
admits('names with ./ before them', run(folder('.'), folder('./etc'), file('./etc/motd', 'x')))
holds('names equal after cleaning', run(folder('a'), file('a/b', '1'), file('a//b', '2')))
broken('a NUL in a pax name', run(pax([('path', b'a\0b')]), file('x', '1')))
evil = [b'new\nline', b'esc\x1b[31mred\x1b]0;title\x07', b'bad\xff\xfeutf8', b'cr\rback\x08', b'del\x7fc1\xc2\x9b31m', b'bidi\xe2\x80\xaetxt.exe', b'"quote\\', b'<script>']
for i, raw in enumerate(evil):
    ref = image(tar(*[file(raw, shell, 0o755), symlink(raw + b'.l', raw), file(raw + b'.conf', 'x')]), Entrypoint=['/' + raw.decode('latin1'), '\x1b[2J\n'], Labels={'a\x1b[1m': '\x1b[2J'},
                Env=['A=\x1b[31m'])
    r = refuses('a hostile name %r' % raw, ref)
    t = scan('--verbose', ref, fmt='table')
    text = t.out.decode(errors='replace')
    ok('the table holds nothing raw of it', t.status == 1 and not any((ord(c) < 32 and c != '\n') or 0x7f <= ord(c) < 0xa0 or c in '\u202e\ufffd' for c in text), repr(text))
    for fmt in ('sarif', 'jsonl'):
        t = scan(ref, fmt=fmt)
        try:
            t.out.decode('utf-8')
            [json.loads(x) for x in ([t.out] if fmt == 'sarif' else t.out.strip().split(b'\n'))]
            good = True
        except ValueError as e:
            good = str(e)
        ok('%s stays valid' % fmt, good is True, good)
long = '/'.join(['d'] * 100000)
r = scan(run(pax([('path', long)]), file('x', shell, 0o755)))
ok('a path of 100,000 levels', r.status in (1, 2, 3) and r.peak < 400, short(r))
ok('is inspected or told', r.status == 1 or (r.status == 2 and one_sentence(r.err)) or r.skipped, short(r))
deep = tar(*[gnu_long('/'.join(['d'] * n)) + file('x', 'y') for n in (1000, 5000, 20000)])
r = scan(image(deep))
ok('paths of many levels', r.status in (0, 3) and r.peak < 400, short(r))
r = scan(run(pax([('path', 'x' * 2000000)]), file('x', 'y')))
ok('a name of 2 MB', r.status in (2, 3) and r.peak < 400, short(r))
r = scan(run(*[header('././@LongLink', 1 << 33, b'L', size_field=b'\x80' + bytes(6) + b'\x02' + bytes(4)), file('x', 'y')]))
ok('a long name of 8 GB', r.status in (2, 3) and r.peak < 400, short(r))

# Links
status = 'Package: evil\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n'
r = scan(run(os_release, folder('var/lib/dpkg'), symlink('var/lib/dpkg/status', '/etc/passwd'), symlink('var/lib/dpkg/info', '/etc')))
ok('var/lib/dpkg/status as a link to /etc/passwd reads nothing of the host', r.status in (0, 3) and b'root:' not in r.out and not r.report['packages'], short(r))
r = scan(run(os_release, folder('var/lib/dpkg'), hardlink('var/lib/dpkg/status', '../../../../../../etc/passwd')))
ok('and as a hard link out of the tree', r.status == 3 and 'tar.escape' in r.rules and b'root:x' not in r.out, short(r))
holds('a hard link to what is not there', run(hardlink('a', 'nothing')), 'tar.hardlink-missing')
refuses('a hard link to itself beside malware', run(hardlink('a', 'a'), file('m.sh', shell, 0o755)))
r = scan(image(tar(symlink('a', 'b'), symlink('b', 'a')), Entrypoint=['/a']))
ok('an entrypoint that is a cycle of links', r.status == 3, short(r))
holds('an entry below a lower layer\'s link', image(tar(folder('real'), symlink('d', 'real')), tar(file('d/x', '1'))), 'tar.below-link')
holds('an entry below a link of the same layer', run(symlink('d', '/etc'), file('d/x', '1')))
holds('an entry below a file', run(file('d', 'x'), file('d/x', '1')))

# Types
r = scan(run(folder('dev'), header('dev/mem', 0, b'3', 0o666, dev=(1, 1)), header('dev/sda', 0, b'4', 0o666, dev=(8, 0)), header('p', 0, b'6')))
ok('device nodes are told', any('device' in f['rule'] or 'device' in f['title'].lower() for f in r.findings), short(r))
holds('an entry of unknown type', run(header('a', 5, b'Z') + padded(b'hello')), 'tar.unknown-type')
refuses('malware in an entry of unknown type', run(header('a.sh', len(shell), b'Z', 0o755) + padded(shell.encode())))

# Sizes
holds('a pax size that differs', run(pax([('size', '600')]), header('a', 5) + padded(b'x' * 600)), 'tar.two-sizes')
broken('a size beyond the end', image(header('a', 1 << 30) + bytes(2048)))
broken('a negative size', image(header('a', 0, size_field=b'\xff' * 12) + END))
broken('a negative pax size', image(tar(pax([('size', '-5')]), header('a', 0))))
broken('a size that is no number', image(header('a', 0, size_field=b'zzzzzzzzzzz\0') + END))
broken('a wrong header checksum', image(header('a', 0, typo=5) + END))
broken('a layer that ends within an entry', image(header('a', 5000) + bytes(512)))
holds('bytes behind the end of the tar', image(tar(file('a', 'x')) + file('b', shell)), 'tar.trailing')
holds('a hard link with a size', run(file('a', 'x'), header('b', 512, b'1', link='a')), 'tar.size-without-data')
holds('a pax path given twice', run(pax([('path', 'a'), ('path', 'b')]), file('x', 'y')), 'tar.pax-twice')
holds('a pax name and a GNU name', run(pax([('path', 'a')]), gnu_long('b'), file('x', 'y')), 'tar.two-names')
holds('a regular entry with a slash', run(header('d/', 0, b'0')), 'tar.slash-file')
gnu = b'ustar  \0'
holds('a GNU header with a prefix', run(header('x', 0, magic=gnu, prefix=b'some/where')), 'tar.two-names')
sparse = lambda size, real, map: pax([('GNU.sparse.major', '1'), ('GNU.sparse.minor', '0'), ('GNU.sparse.name', 'sparse'), ('GNU.sparse.realsize', str(real))]) + header('GNUSparseFile.0/sparse', size) + map
r = scan(run(sparse(1024, 1 << 40, padded(b'1\n0\n512\n') + bytes(512))))
ok('a sparse file of a terabyte', r.status in (2, 3) and r.peak < 400 and (r.status == 3 or one_sentence(r.err)), short(r))
r = scan(run(sparse(1024, 100, padded(b'1\n0\n512\n') + bytes(512))))
ok('a sparse map beyond its size', r.status in (2, 3), short(r))
r = admits('an honest sparse file', run(sparse(1024, 3 << 20, padded(b'1\n0\n512\n') + b'x' * 512)))

# A lone zero block, no zero blocks at all
r = scan(image(file('a', 'x')))
ok('no end blocks: as the runtimes read it', r.status == 0, short(r))
r = scan(image(file('a', 'x') + bytes(512) + file('b.sh', shell, 0o755) + END))
ok('entries behind a lone zero block', r.status in (1, 2, 3), short(r))

# Compression that the media type does not say
l = Layout('media')
t = tar(file('a', 'x'))
r = scan(l.index(l.image([l.blob(t, LAYER + '+gzip')], [sha(t)])))
ok('a plain layer that says gzip', 'integrity.media-type' in r.rules and r.status == 0, short(r))
l = Layout('mediabz')
import bz2
holds('a layer compressed with bzip2', l.index(l.image([l.blob(bz2.compress(t), LAYER)], [sha(t)])), 'layer.compression')

# Hidden files count alike
r = refuses('malware that an upper layer deletes', image(tar(folder('opt'), file('opt/x.sh', shell, 0o755)), tar(folder('opt'), file('opt/.wh.x.sh'))))
ok('is marked hidden', any(e['hidden'] for f in r.findings for e in f['evidence'] if e['path'] == '/opt/x.sh'), short(r))
r = refuses('malware that an upper layer replaces', image(tar(folder('opt'), file('opt/x.sh', shell, 0o755)), tar(folder('opt'), file('opt/x.sh', 'echo\n', 0o755))))
ok('is marked hidden', any(e['hidden'] for f in r.findings for e in f['evidence'] if e['path'] == '/opt/x.sh'), short(r))
r = refuses('malware below an opaque directory', image(tar(folder('opt'), file('opt/x.sh', shell, 0o755)), tar(folder('opt'), file('opt/.wh..wh..opq'))))
ok('is marked hidden', any(e['hidden'] for f in r.findings for e in f['evidence'] if e['path'] == '/opt/x.sh'), short(r))
linked = [tar(folder('opt'), folder('lib'), file('opt/x.sh', shell, 0o755), hardlink('lib/y', 'opt/x.sh')), tar(folder('opt'), file('opt/.wh.x.sh'))]
r = refuses('a hard link keeps a deleted file in sight', image(*linked, Entrypoint=['/lib/y']))
ok('and is not marked hidden', any(not e['hidden'] for f in r.findings for e in f['evidence'] if e['path'] == '/opt/x.sh'), short(r))
ok('and its program is there', not any('not in the image' in s['reason'] for s in r.skipped), short(r))
r = refuses('when the link goes too, it is hidden', image(*linked, tar(folder('lib'), file('lib/.wh.y'))))
ok('marked hidden', all(e['hidden'] for f in r.findings if f['kind'] == 'malware' for e in f['evidence']), short(r))
done()
