// Packs `doorward` and the package for this platform, looks at what is in the tarballs, installs them into an empty project
// without a network, and runs a program there, by `import` and by `require`. Then once more without the optional package.
//
//   npm run packages:try        needs the addon for this platform beside package.json

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { platform } from './platforms.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const work = realpathSync(mkdtempSync(join(tmpdir(), 'doorward-node-')));
const { version, files } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const native = `doorward-${platform()}`;

function node(folder, ...given) {
  const { npm_execpath: _, NODE_OPTIONS: __, ...env } = process.env;
  return spawnSync(process.execPath, given, { cwd: folder, encoding: 'utf8', env });
}

/** npm by its program, since Windows starts no scripts without a shell. */
function npm(folder, ...given) {
  const { status, stdout, stderr } = node(folder, process.env.npm_execpath, ...given);
  assert.equal(status, 0, `npm ${given.join(' ')}: ${stderr}`);
  return stdout;
}

/** Packs what is laid out, which must be these files; gives the tarball. */
function packed(name, expected) {
  const [{ filename, files, size, unpackedSize }] = Object.values(JSON.parse(npm(join(work, 'laid', name), 'pack', '--json')));
  assert.equal(filename, `${name}-${version}.tgz`);
  const always = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'];
  assert.deepEqual(files.map(({ path }) => path).sort(), [...always, ...expected].sort());
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
  console.log(`${filename}: ${files.length} files, ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}`);
  return join(work, 'laid', name, filename);
}

/** A file, or the files in a folder, as paths within the package. */
function within(path) {
  if (!statSync(join(here, path)).isDirectory()) return [path];
  return readdirSync(join(here, path)).flatMap((name) => within(`${path}/${name}`));
}

/** An empty project, and what installing this into it says. */
function project(name, ...given) {
  const folder = join(work, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', '--cache', join(work, 'cache'), ...given);
  return folder;
}

/** Runs a program, which is given `Doorward`; says how it ended. */
function run(folder, file, opening) {
  const program = `${opening}
    (async () => {
      const door = await Doorward.open({ store: 'sqlite', databaseUrl: 'sqlite:${file}.db' });
      const { id } = await door.createInstitution({ name: 'Acme Bank' });
      const { token } = await door.createKey(id, { label: 'backend', role: 'admin' });
      const { granted } = await door.verify(token);
      console.log(version, granted, door.verifySync('dw_live_nonsense').reason);
      await door.close();
    })();`;
  writeFileSync(join(folder, file), program);
  return node(folder, file);
}

try {
  const laid = node(here, 'scripts/packages.mjs', '--out', join(work, 'laid'));
  assert.equal(laid.status, 0, laid.stderr);
  const code = files.flatMap(within);
  for (const path of code) assert.match(path, /^(lib\/[\w/]+\.js|\w+\.(js|mjs|d\.ts|d\.mts))$/);
  const main = packed('doorward', code);
  const addon = packed(native, [`doorward.${platform()}.node`]);

  const whole = project('whole', main, addon);
  for (const [file, opening] of [
    ['imports.mjs', "import { Doorward, version } from 'doorward';"],
    ['requires.cjs', "const { Doorward, version } = require('doorward');"],
  ]) {
    const { status, stdout, stderr } = run(whole, file, opening);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${version} true malformed\n`, stderr: '' });
    console.log(`Node ${process.versions.node} runs it: ${file}`);
  }

  const without = project('without', '--omit=optional', main);
  const { status, stderr } = run(without, 'imports.mjs', "import { Doorward, version } from 'doorward';");
  assert.equal(status, 1);
  const missing = `this is ${platform()}, whose native part is in the package ${native}, and that is not installed`;
  assert.ok(stderr.includes(missing), stderr);
  console.log('without its optional dependencies it says what is missing');
} finally {
  rmSync(work, { recursive: true });
}
