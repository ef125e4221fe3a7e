// The page of the package: its code runs, in the order in which it is read, and prints what its comments say.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(here, 'README.md'), 'utf8');
const blocks = (language) => [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code);

/** Runs a program in a project where doorward is installed. */
function run(name, program) {
  const folder = mkdtempSync(join(tmpdir(), 'doorward-node-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(here, join(folder, 'node_modules', 'doorward'), 'junction');
    writeFileSync(join(folder, name), program);
    return spawnSync(process.execPath, [name], { cwd: folder, encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('every block of code is known to this test', () => {
  const languages = [...page.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
  assert.deepEqual(new Set(languages), new Set(['sh', 'js']));
  assert.deepEqual(blocks('sh'), ['npm install doorward\n']);
});

test('the code runs as written, and prints what its comments say', () => {
  const program = blocks('js').join('\n');
  // A comment after a call of console.log is what it prints; what is printed under a condition has none.
  const expected = [...program.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, printed]) => printed);
  assert.equal(expected.length, 7);
  const { status, stdout, stderr } = run('page.mjs', program);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.deepEqual(stdout.trim().split('\n'), expected);
});

test('the first steps run with require as well', () => {
  const [steps] = blocks('js');
  const [imported, required] = ["import { Doorward } from 'doorward';", "const { Doorward } = require('doorward');"];
  assert.ok(steps.includes(imported) && page.includes(`\`${required}\``));
  const { status, stdout, stderr } = run('page.cjs', `(async () => {${steps.replace(imported, required)}})()`);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'false above_max\n', stderr: '' });
});
