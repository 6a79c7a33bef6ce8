"""Manifests, indexes, archives and blobs that lie, are cut short, or ask for too much: exit 2 and one sentence each."""
import bz2, lzma, threading, zlib
from build import *

hello = tar(folder('etc'), file('etc/motd', 'hello\n'))
gz = gzip.compress(hello, mtime=0)
admits('an honest image is admitted', image(hello))
admits('and the same with gzip', image(hello, compress=lambda t: gzip.compress(t, mtime=0)))


def with_manifest(name, manifest, media=MANIFEST):
    l = Layout(name)
    layer = l.blob(hello, LAYER)
    c = l.blob(config_of([sha(hello)]), CONFIG)
    return l.index(l.blob(manifest(c, layer), media))


# ATTACKS 1: one body, two readings
both = lambda c, l: {'schemaVersion': 2, 'config': c, 'layers': [l], 'manifests': []}
broken('manifests and layers in one body, as a manifest', with_manifest('both1', both), 'manifests')
broken('manifests and layers in one body, as an index', with_manifest('both2', both, INDEX), 'layers')
broken('a manifest under the type of an index', with_manifest('swap', lambda c, l: {'schemaVersion': 2, 'config': c, 'layers': [l]}, INDEX))
l = Layout('topboth')
m = l.image([l.blob(hello, LAYER)], [sha(hello)])
broken('an index.json with layers', l.index(m, layers=[]))

# ATTACKS 2: digests
for n, d in enumerate(('sha256:../../../../etc/passwd', 'sha256:' + 'A' * 64, 'sha256:abcd', 'md5:' + 'a' * 32, 'sha256:' + 'a' * 65, '', 'sha256:' + '/' * 64, 'sha256:%2e%2e')):
    def lying(c, layer, d=d):
        return {'schemaVersion': 2, 'config': c, 'layers': [dict(layer, digest=d)]}
    broken('a layer with the digest "%s"' % d[:24], with_manifest('digest%d' % n, lying))
    broken('a config with the digest "%s"' % d[:24], with_manifest('cdigest%d' % n, lambda c, layer, d=d: {'schemaVersion': 2, 'config': dict(c, digest=d), 'layers': [layer]}))

# ATTACKS 5: duplicate keys, case variants
good = lambda c, l: json.dumps({'schemaVersion': 2, 'config': c, 'layers': [l]})
broken('a manifest that names its layers twice', with_manifest('dup', lambda c, l: (good(c, l)[:-1] + ',"layers":[]}').encode()), 'duplicate')
broken('a manifest with "Layers" beside "layers"', with_manifest('case', lambda c, l: (good(c, l)[:-1] + ',"Layers":[]}').encode()))
broken('a manifest with bytes behind it', with_manifest('behind', lambda c, l: (good(c, l) + '{}').encode()))
broken('a manifest that is cut short', with_manifest('cut', lambda c, l: good(c, l)[:-9].encode()))
broken('a manifest nested a million deep', with_manifest('deep', lambda c, l: b'[' * 1000000))
l = Layout('dupconfig')
conf = json.dumps(config_of([sha(hello)])).encode()
c = l.blob(conf[:-1] + b',"config":{"Entrypoint":["/x"]}}', CONFIG)
broken('a config with a key twice', l.index(l.blob({'schemaVersion': 2, 'config': c, 'layers': [l.blob(hello, LAYER)]}, MANIFEST)), 'duplicate')

# Indexes: deep ones; a cycle cannot be made under correct digests, so it comes with a wrong one
l = Layout('cycle')
a, b = 'sha256:' + 'a' * 64, 'sha256:' + 'b' * 64
index_to = lambda d: json.dumps({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': [{'mediaType': INDEX, 'digest': d, 'size': 200}]}).encode()
size = len(index_to(a))
l.text('blobs/sha256/' + 'a' * 64, index_to(b))
l.text('blobs/sha256/' + 'b' * 64, index_to(a))
broken('a cycle of indexes', l.index({'mediaType': INDEX, 'digest': a, 'size': size}))
l = Layout('nest')
d = l.image([l.blob(hello, LAYER)], [sha(hello)])
for i in range(100):
    d = l.blob({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': [d]}, INDEX)
broken('indexes nested a hundred deep', l.index(d))
l = Layout('wide')
r = scan(l.index(*[dict(d, platform={'os': 'linux', 'architecture': 'arm64'})] * 50000))
ok('an index of 50,000 rows', r.status == 2 and one_sentence(r.err) and r.peak < 400, short(r))

# A config of 1 GB
l = Layout('bigconfig')
big = 'c' * 64
with open(l.dir + '/blobs/sha256/' + big, 'wb') as f:
    f.truncate(1 << 30)
r = broken('a config of 1 GB', l.index(l.blob({'schemaVersion': 2, 'config': {'mediaType': CONFIG, 'digest': 'sha256:' + big, 'size': 1 << 30},
           'layers': [l.blob(hello, LAYER)]}, MANIFEST)))
ok('is not read into memory', r.peak < 400, short(r))
l = Layout('liarconfig')
with open(l.dir + '/blobs/sha256/' + big, 'wb') as f:
    f.truncate(1 << 30)
broken('a config of 1 GB that says 100 bytes', l.index(l.blob({'schemaVersion': 2, 'config': {'mediaType': CONFIG, 'digest': 'sha256:' + big, 'size': 100},
       'layers': [l.blob(hello, LAYER)]}, MANIFEST)))
for what in ('index.json', 'oci-layout'):
    l = Layout('big' + what)
    l.index(l.image([l.blob(hello, LAYER)], [sha(hello)]))
    os.truncate(l.dir + '/' + what, 1 << 30)
    r = broken('an %s of 1 GB' % what, 'oci:' + l.dir)
    ok('is not read into memory (%s)' % what, r.peak < 400, short(r))

# Missing and wrong blobs
l = Layout('missing')
layer = l.blob(hello, LAYER)
ref = l.index(l.image([layer], [sha(hello)]))
os.unlink(l.dir + '/blobs/sha256/' + layer['digest'][7:])
broken('a missing layer', ref, layer['digest'][7:19])
l = Layout('wrong')
broken('a layer that is not what its digest says', l.index(l.image([l.blob(hello + bytes(512), LAYER, digest=sha(hello))], [sha(hello)])), 'digest')
l = Layout('wrongdiff')
broken('a layer that is not what its diff_id says', l.index(l.image([l.blob(gz, LAYER + '+gzip')], [sha(b'other')])), 'config says')
l = Layout('wrongsize')
broken('a layer longer than its size', l.index(l.image([dict(l.blob(hello, LAYER), size=100)], [sha(hello)])))
l = Layout('shortsize')
broken('a layer shorter than its size', l.index(l.image([dict(l.blob(hello, LAYER), size=100000)], [sha(hello)])))
l = Layout('count')
broken('two diff_ids for one layer', l.index(l.image([l.blob(hello, LAYER)], [sha(hello), sha(hello)])))
l = Layout('negative')
broken('a negative size', l.index(l.image([dict(l.blob(hello, LAYER), size=-5)], [sha(hello)])))
l = Layout('blobdir')
layer = l.blob(hello, LAYER)
ref = l.index(l.image([layer], [sha(hello)]))
p = l.dir + '/blobs/sha256/' + layer['digest'][7:]
os.unlink(p)
os.mkdir(p)
broken('a blob that is a directory', ref)
os.rmdir(p)
os.mkfifo(p)
broken('a blob that is a pipe', ref, timeout=60)
os.unlink(p)
os.symlink('/etc/passwd', p)
broken('a blob that is a link out of the layout', ref)
if os.getuid() != 0:
    os.unlink(p)
    l.blob(hello, LAYER)
    os.chmod(p, 0)
    broken('an unreadable layer', ref, 'ermission')
broken('an image that is not there', 'oci:' + place('nothing'), 'nothing')
os.makedirs(place('empty'))
broken('an empty directory as a layout', 'oci:' + place('empty'))
broken('a directory as an archive', 'docker-archive:' + place('empty'))

# Foreign and unknown layers are held, schema 1 is refused in words
l = Layout('foreign')
foreign = {'mediaType': 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'digest': 'sha256:' + 'd' * 64, 'size': 100, 'urls': ['https://192.0.2.1/x']}
holds('a foreign layer holds', l.index(l.image([foreign, l.blob(hello, LAYER)], ['sha256:' + 'e' * 64, sha(hello)])), 'coverage.layer')
l = Layout('strange')
holds('a layer of unknown type holds', l.index(l.image([l.blob(b'??', 'application/x-strange'), l.blob(hello, LAYER)], [sha(b'??'), sha(hello)])), 'coverage.layer')
broken('schema 1', with_manifest('schema1', lambda c, l: {'schemaVersion': 1, 'name': 'x', 'tag': 'y', 'fsLayers': [{'blobSum': sha(hello)}], 'history': []},
       'application/vnd.docker.distribution.manifest.v1+json'), 'schema 1')

# Compression: cut, damaged, trailing
l = lambda data, name, diff=None: (lambda y: y.index(y.image([y.blob(data, LAYER + '+gzip')], [sha(diff or hello)])))(Layout(name))
broken('a gzip layer that is cut short', l(gz[:-9], 'gzcut'))
flip = bytearray(gz)
flip[30] ^= 0xff
broken('a gzip layer with a damaged byte', l(bytes(flip), 'gzflip'))
flip = bytearray(gz)
flip[-5] ^= 0xff
broken('a gzip layer with a wrong checksum', l(bytes(flip), 'gzcrc'))
holds('bytes behind the last gzip member', l(gz + b'trailing bytes here', 'gztrail'), 'gzip.trailing')
holds('zeros behind the last gzip member', l(gz + bytes(600), 'gzzeros'))
admits('two gzip members', l(gzip.compress(hello[:1000], mtime=0) + gzip.compress(hello[1000:], mtime=0), 'gztwo'))
broken('an empty layer blob', l(b'', 'gzempty'))
broken('a layer that is no archive', l(b'not an archive at all' * 100, 'notar', b'not an archive at all' * 100))

if shutil.which('zstd'):
    z = subprocess.run(['zstd', '-q', '-c'], input=hello, capture_output=True).stdout
    zl = lambda data, name: (lambda y: y.index(y.image([y.blob(data, LAYER + '+zstd')], [sha(hello)])))(Layout(name))
    admits('a zstd layer', zl(z, 'zst'))
    broken('a zstd layer that is cut short', zl(z[:-5], 'zstcut'))
    flip = bytearray(z)
    flip[len(z) // 2] ^= 0xff
    broken('a zstd layer with a damaged byte', zl(bytes(flip), 'zstflip'))
    holds('bytes behind the last zstd frame', zl(z + b'trailing', 'zsttrail'), 'zstd.trailing')
else:
    print('skip - zstd: no zstd here')

# docker-archive
manifest = lambda layers, config='c.json', **kw: json.dumps([{'Config': config, 'RepoTags': ['a:b'], 'Layers': layers, **kw}])
conf = json.dumps(config_of([sha(hello)])).encode()
arch = lambda name, *m: 'docker-archive:' + docker_archive(name, m)
admits('a docker archive', arch('d1', ('c.json', conf), ('l.tar', hello), ('manifest.json', manifest(['l.tar']))))
broken('an archive without manifest.json', arch('d2', ('c.json', conf), ('l.tar', hello)))
broken('an archive without a layer', arch('d3', ('c.json', conf), ('manifest.json', manifest(['l.tar']))), 'l.tar')
broken('an archive without its config', arch('d4', ('l.tar', hello), ('manifest.json', manifest(['l.tar']))), 'c.json')
broken('an archive with ../ in its manifest', arch('d5', ('c.json', conf), ('l.tar', hello), ('manifest.json', manifest(['../../etc/passwd']))))
broken('an archive whose layer is a link to itself', arch('d6', ('c.json', conf), symlink('l.tar', 'l.tar'), ('manifest.json', manifest(['l.tar']))))
broken('an archive whose layer is a link out of it', arch('d7', ('c.json', conf), symlink('l.tar', '/etc/passwd'), ('manifest.json', manifest(['l.tar']))))
broken('an archive with two manifest.json', arch('d8', ('c.json', conf), ('l.tar', hello), ('manifest.json', manifest(['l.tar'])), ('manifest.json', manifest([]))))
p = docker_archive('d9', [('c.json', conf), ('l.tar', hello), ('manifest.json', manifest(['l.tar']))])
os.truncate(p, 2000)
broken('an archive that is cut short', 'docker-archive:' + p)
with open(p, 'rb') as f:
    broken('the same from standard input', '-', stdin=f)
with open(docker_archive('d10', [('c.json', conf), ('l.tar', hello), ('manifest.json', manifest(['l.tar']))]), 'rb') as f:
    admits('an archive from standard input', '-', stdin=f)
with open(place('d3'), 'rb') as f:
    broken('an archive without a layer from standard input', '-', stdin=f)
broken('nothing on standard input', '-')
with open(place('zeros'), 'wb') as f:
    f.truncate(1 << 30)
r = broken('a gigabyte of zeros as an archive', 'docker-archive:' + place('zeros'))
with open(place('zeros'), 'rb') as f:
    r = broken('and from standard input', '-', stdin=f)
with open('/dev/urandom', 'rb') as f:
    broken('random bytes', '-', stdin=subprocess.Popen(['head', '-c', '3000000', '/dev/urandom'], stdout=subprocess.PIPE).stdout)
r = subprocess.run([PABEAN + '', 'scan', '--db', place('db'), '--cache-dir', place('cache'), '-'], stdin=None, capture_output=True, preexec_fn=lambda: os.close(0))
ok('standard input closed', r.returncode == 2 and one_sentence(r.stderr.decode()), r)
ref = image(hello)
r = subprocess.run([PABEAN, 'scan', '--db', place('db'), '--cache-dir', place('cache'), '--waivers', waivers(), '--platform', 'linux/amd64', ref], capture_output=True, preexec_fn=lambda: (os.close(0), os.close(2)))
ok('standard input and standard error closed', r.returncode == 0, r)
r = subprocess.run([PABEAN, 'scan', '--db', place('db'), '--cache-dir', place('cache'), '--waivers', waivers(), '--platform', 'linux/amd64', ref], stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
ok('standard output closed', r.returncode == 2 and one_sentence(r.stderr.decode()), r)
done()
