// What the packages say of themselves, as they are laid out for publishing, and how they are published. (What is in the
// tarballs is the business of `tests/node-packages`, which needs an addon that was really built.)

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { PLATFORMS, target } from '../scripts/platforms.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const read = (...path) => readFileSync(join(...path), 'utf8');
const manifest = (...path) => JSON.parse(read(...path, 'package.json'));
const version = /^\[workspace\.package\]\nversion = "(.*)"$/m.exec(read(here, '..', 'Cargo.toml'))[1];
const workflow = read(here, '..', '.github', 'workflows', 'node-release.yml');

const folder = mkdtempSync(join(tmpdir(), 'doorward-node-'));
const [addons, out] = [join(folder, 'addons'), join(folder, 'out')];
const environment = { ...process.env, GITHUB_SERVER_URL: 'https://example.com', GITHUB_REPOSITORY: 'somebody/doorward' };
const lay = (...given) =>
  spawnSync(process.execPath, [join(here, 'scripts', 'packages.mjs'), '--addons', addons, '--out', out, ...given], {
    encoding: 'utf8',
    env: environment,
  });

before(() => {
  mkdirSync(addons);
  for (const platform of PLATFORMS) writeFileSync(join(addons, `doorward.${platform}.node`), platform);
  const { status, stderr } = lay('--complete');
  assert.equal(status, 0, stderr);
});
after(() => rmSync(folder, { recursive: true }));

test('there is one version for all packages: the workspace\'s', () => {
  const lock = JSON.parse(read(here, 'package-lock.json'));
  assert.deepEqual([manifest(here).version, lock.version, lock.packages[''].version], [version, version, version]);
  assert.match(read(here, 'Cargo.toml'), /^version\.workspace = true$/m);
  const laid = readdirSync(out);
  assert.equal(laid.length, PLATFORMS.length + 1);
  for (const each of laid) assert.equal(manifest(out, each).version, version, each);
});

test('the package depends on those of all platforms, of its own version, and npm may leave out those that do not fit', () => {
  const { optionalDependencies, private: unpublished, scripts, devDependencies } = manifest(out, 'doorward');
  assert.deepEqual(optionalDependencies, Object.fromEntries(PLATFORMS.map((platform) => [`doorward-${platform}`, version])));
  assert.deepEqual([unpublished, scripts, devDependencies], [undefined, undefined, undefined]);
});

test('a package for a platform is installed there and nowhere else', () => {
  const decides = (platform) => {
    const { os, cpu, libc } = manifest(out, `doorward-${platform}`);
    return { os, cpu, libc };
  };
  assert.deepEqual(decides('linux-x64-gnu'), { os: ['linux'], cpu: ['x64'], libc: ['glibc'] });
  assert.deepEqual(decides('linux-arm64-musl'), { os: ['linux'], cpu: ['arm64'], libc: ['musl'] });
  assert.deepEqual(decides('darwin-arm64'), { os: ['darwin'], cpu: ['arm64'], libc: undefined });
  assert.deepEqual(decides('win32-x64-msvc'), { os: ['win32'], cpu: ['x64'], libc: undefined });
  const all = PLATFORMS.map((platform) => JSON.stringify(decides(platform)));
  assert.equal(new Set(all).size, PLATFORMS.length);
});

test('each package has its addon, the licences and a page, and says where it comes from', () => {
  for (const platform of PLATFORMS) {
    const { name, main, files, license, engines, repository } = manifest(out, `doorward-${platform}`);
    assert.equal(name, `doorward-${platform}`);
    assert.deepEqual(files, [main, 'LICENSE-APACHE', 'LICENSE-MIT']);
    assert.equal(read(out, name, main), platform);
    assert.deepEqual([license, engines], [manifest(here).license, manifest(here).engines]);
    assert.equal(repository.url, 'git+https://example.com/somebody/doorward.git');
    for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) assert.equal(read(out, name, licence), read(here, '..', licence));
    assert.match(read(out, name, 'README.md'), new RegExp(`^# ${name}\n`));
  }
  assert.equal(read(out, 'doorward', 'README.md'), read(here, 'README.md'));
});

test('a release without one of the addons is none', () => {
  rmSync(join(addons, 'doorward.darwin-x64.node'));
  const { status, stderr } = lay('--complete');
  writeFileSync(join(addons, 'doorward.darwin-x64.node'), 'darwin-x64');
  assert.notEqual(status, 0);
  assert.match(stderr, /there is no addon for darwin-x64 in /);
});

test('the release builds and tries every platform, and publishes for tags alone, by pinned actions, with provenance', () => {
  const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
  assert.notEqual(actions.length, 0);
  for (const action of actions) assert.match(action, /^[\w./-]+@[0-9a-f]{40}$/);
  const [building, publishing] = workflow.split('\n  publish:\n');
  assert.doesNotMatch(building, /id-token|environment:/);
  assert.match(publishing, /if: github\.event_name == 'push' && github\.ref_type == 'tag'\n/);
  assert.match(publishing, /needs: \[tests, build, packages\]/);
  assert.match(publishing, /npm publish .*--provenance/);
  assert.doesNotMatch(workflow, /secrets\./);
  const built = [...building.matchAll(/\{ platform: ([\w-]+), target: ([\w.-]+), runner: \S+ \}/g)];
  assert.deepEqual(built.map(([, platform]) => platform).sort(), PLATFORMS);
  for (const [, platform, asked] of built) assert.equal(asked.replace(/\.\d+\.\d+$/, ''), target(platform));
  const glibc = built.filter(([, platform]) => platform.endsWith('-gnu')).map(([, , asked]) => /\.(\d+\.\d+)$/.exec(asked)?.[1]);
  assert.deepEqual(glibc, ['2.28', '2.28']);
  assert.match(read(here, 'README.md'), /glibc 2\.28 or musl/);
});

test('the oldest Node is the same everywhere', () => {
  const [, oldest] = /^>=(\d+)$/.exec(manifest(here).engines.node);
  assert.match(read(here, 'README.md'), new RegExp(`Node ${oldest} and later`));
  assert.match(workflow, new RegExp(`node: \\[${oldest}, `));
  assert.match(manifest(here).devDependencies['@types/node'], new RegExp(`^${oldest}\\.`));
});
