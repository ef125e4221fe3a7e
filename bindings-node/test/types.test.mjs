// Programs in TypeScript: what must compile does, what must not does not, and the package resolves wherever it is used.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const folder = fileURLToPath(new URL('..', import.meta.url));
const tool = (name) => join(folder, 'node_modules', '.bin', name);

/** Runs a program; what it complains about is the error. */
async function run(program, ...given) {
  try {
    return (await promisify(execFile)(program, given, { cwd: folder })).stdout;
  } catch (error) {
    return assert.fail(`${error.stdout}${error.stderr}`);
  }
}

let [place, packed] = [];
before(async () => {
  place = await mkdtemp(join(tmpdir(), 'doorward-node-'));
  await run('npm', 'pack', '--ignore-scripts', '--pack-destination', place);
  packed = join(place, ...(await readdir(place)));
});
after(() => rm(place, { recursive: true }));

test('programs compile as strictly as TypeScript can, and wrong ones do not', () => run(tool('tsc'), '--project', 'test/types'));

test('they compile for a bundler too', () => run(tool('tsc'), '--project', 'test/types/tsconfig.bundler.json'));

test('every way to resolve the package finds types that are true', () => run(tool('attw'), packed, '--no-emoji'));

test('what is packed is as publint wants it', () => run(tool('publint'), '--strict', packed));
