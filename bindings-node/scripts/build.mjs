// Builds the native part, and puts it where it is looked for.
//
//   node scripts/build.mjs                     with the optimizer: what programs use, and packages contain
//   node scripts/build.mjs --target TARGET     the same for another platform, or an older glibc (`….2.28`); for Linux by
//                                              cargo-zigbuild, which `scripts/zig.txt` installs
//   node scripts/build.mjs --testkit           quickly, for the tests, with stores that fail on command, and beside the other

import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { PLATFORMS, platform, target as targetOf } from './platforms.mjs';

const { values: asked } = parseArgs({ options: { target: { type: 'string' }, testkit: { type: 'boolean' } } });
const here = fileURLToPath(new URL('..', import.meta.url));
const to = asked.target === undefined ? platform() : PLATFORMS.find((each) => asked.target.startsWith(targetOf(each)));
if (to === undefined) throw new Error(`there is no package for ${asked.target}`);

const command = [asked.target?.includes('-linux-') ? 'zigbuild' : 'build', '--package', 'doorward-node', '--locked'];
command.push(...(asked.testkit ? ['--features', 'testkit'] : ['--release']));
if (asked.target !== undefined) command.push('--target', asked.target);
const environment = { ...process.env };
// Rust links musl statically unless it is told otherwise, and a program that is linked so can load no addon.
if (to.endsWith('-musl')) environment.RUSTFLAGS = `${environment.RUSTFLAGS ?? ''} -C target-feature=-crt-static`.trim();

const { status, error, stdout } = spawnSync('cargo', [...command, '--message-format', 'json-render-diagnostics'], {
  cwd: here,
  encoding: 'utf8',
  env: environment,
  maxBuffer: 1 << 28,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (error) throw new Error('cargo does not start: install Rust, https://www.rust-lang.org/tools/install', { cause: error });
if (status !== 0) process.exit(status ?? 1);

const messages = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const built = messages.find(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'doorward_node');
const place = `${here}${asked.testkit ? 'testkit' : 'doorward'}.${to}.node`;
// Not written over: a process that has it loaded would crash.
rmSync(place, { force: true });
copyFileSync(built.filenames.find((name) => /\.(so|dylib|dll)$/.test(name)), place);
