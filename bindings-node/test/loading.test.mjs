// How the native part is found, and what is said where it is not: with a copy of this package's JavaScript in an empty folder.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { PLATFORMS, platform } = require('../lib/platform.js');
const { version } = require('../package.json');

const here = fileURLToPath(new URL('..', import.meta.url));
const folders = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A project in which doorward is installed, without its native part. */
function project() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'doorward-node-')));
  folders.push(folder);
  const modules = join(folder, 'node_modules');
  const main = join(modules, 'doorward');
  mkdirSync(main, { recursive: true });
  for (const file of ['lib', 'package.json']) cpSync(join(here, file), join(main, file), { recursive: true });
  /** Installs the package of a platform with this file as its addon. */
  const install = (platform, file, content) => {
    const place = join(modules, `doorward-${platform}`);
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), JSON.stringify({ name: `doorward-${platform}`, version, main: file }));
    writeFileSync(join(place, file), content);
  };
  /** What `before` and the loader end in: what the native part exports, or the message of the error. */
  const load = (before = '') => {
    const loader = JSON.stringify(join(main, 'lib', 'native.js'));
    const program = `${before}; try { console.log(require(${loader}).marker); }
      catch (error) { console.log('failed:', error.message); console.log('because:', String(error.cause)); }`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--eval', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  return { main, install, load };
}

const pretend = (fields) => `Object.defineProperties(process, ${JSON.stringify(fields)})`;
const native = (marker, its = version) => `module.exports = { version: () => '${its}', marker: '${marker}' };`;

test('the package for this platform is loaded', () => {
  const { install, load } = project();
  install(platform(), 'addon.js', native('packaged'));
  assert.equal(load(), 'packaged\n');
});

test('a package that is missing is named, with the platform, the usual causes, and what to do', () => {
  const said = project().load();
  for (const part of [
    `this is ${platform()}`,
    `the package doorward-${platform()}, and that is not installed`,
    '--no-optional',
    '--omit=optional',
    'a lock file that was made on another platform by an old npm',
    'npm install --include=optional',
    'npm ci && npm run build',
  ]) {
    assert.ok(said.includes(part), `${part}: ${said}`);
  }
});

test('the package of another platform shows that node_modules was copied', () => {
  const { install, load } = project();
  const other = PLATFORMS.find((each) => each !== platform());
  install(other, 'addon.js', native('of another'));
  const said = load();
  assert.match(said, new RegExp(`doorward-${other} is there: node_modules was made on another platform`));
  assert.match(said, new RegExp(`this is ${platform()}`));
});

test('a package of another version is refused, and both versions are named', () => {
  const { install, load } = project();
  install(platform(), 'addon.js', native('old', '0.0.9'));
  const said = load();
  assert.ok(said.includes(`doorward-${platform()} is version 0.0.9, and doorward is ${version}. `), said);
  assert.match(said, /Remove node_modules/);
});

test('a platform for which there is no package is told which have one, and how to build', () => {
  const said = project().load(pretend({ platform: { value: 'freebsd' }, arch: { value: 'riscv64' } }));
  assert.match(said, /there is no package for freebsd-riscv64, but for darwin-arm64, /);
  for (const each of PLATFORMS) assert.ok(said.includes(each), each);
  assert.match(said, /from source.*npm run build/);
});

test('a file that the system cannot load is named with what the system says', () => {
  const { install, load } = project();
  install(platform(), 'addon.node', 'no machine code');
  const said = load();
  const [here, addon] = [platform(), join(`doorward-${platform()}`, 'addon.node')];
  assert.ok(said.startsWith(`failed: doorward has no native part: doorward-${here} is there, but cannot be loaded on `), said);
  assert.ok(said.includes(addon), said);
  assert.match(said, /because: Error: /);
});

test('what was built here is taken before a package, and must be of this version', () => {
  const { main, install, load } = project();
  install(platform(), 'addon.js', native('packaged'));
  writeFileSync(join(main, `doorward.${platform()}.node`), 'no machine code');
  const asCode = `require.extensions['.node'] = require.extensions['.js']`;
  assert.match(load(), /doorward\.\S+\.node is there, but cannot be loaded .*Build it again: npm run build/);
  writeFileSync(join(main, `doorward.${platform()}.node`), native('built'));
  assert.equal(load(asCode), 'built\n');
  writeFileSync(join(main, `doorward.${platform()}.node`), native('built', '0.0.9'));
  assert.match(load(asCode), /doorward\.\S+\.node is version 0\.0\.9, .*Build it again/);
});

for (const [libc, glibcVersionRuntime] of [['musl', undefined], ['gnu', '2.36']]) {
  test(`the C library is told by the report of the process: ${libc}`, () => {
    const report = `process.report.getReport = () => {
      if (!process.report.excludeNetwork) throw new Error('it asks the network');
      return { header: ${JSON.stringify({ glibcVersionRuntime })} };
    }`;
    const said = project().load(`${pretend({ platform: { value: 'linux' }, arch: { value: 'arm64' } })}; ${report}`);
    assert.match(said, new RegExp(`the package doorward-linux-arm64-${libc}, and that is not installed`));
  });
}

test('in a worker it is found as well', () => {
  const { main, install, load } = project();
  install(platform(), 'addon.js', native('in a worker'));
  const program = `console.log(require(${JSON.stringify(join(main, 'lib', 'native.js'))}).marker)`;
  const worker = `new (require('node:worker_threads').Worker)(${JSON.stringify(program)}, { eval: true })`;
  assert.equal(load(worker).split('\n').filter((line) => line === 'in a worker').length, 2);
});
