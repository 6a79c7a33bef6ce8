// "A B" lines -> <, =, > or ?, as the semver of npm orders them; its folder is the argument.
const semver = require(process.argv[2]);
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [a, b] = line.split(' ');
  console.log(semver.valid(a) && semver.valid(b) ? '<=>'[semver.compare(a, b) + 1] : '?');
}
