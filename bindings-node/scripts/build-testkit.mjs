// Builds the native part for the tests: quickly, with stores that fail on command, in the target folder of the workspace's
// other tests. (`npm run build` builds the one that programs use.)

import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { platform } = createRequire(import.meta.url)('../lib/platform.js');
const here = fileURLToPath(new URL('..', import.meta.url));

const { status, stdout } = spawnSync(
  'cargo',
  ['build', '--package', 'doorward-node', '--features', 'testkit', '--message-format', 'json-render-diagnostics'],
  { cwd: here, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
);
if (status !== 0) process.exit(status ?? 1);

const messages = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const built = messages.find(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'doorward_node');
const place = `${here}doorward.${platform()}.node`;
// Not written over: a process that has it loaded would crash.
rmSync(place, { force: true });
copyFileSync(built.filenames.find((name) => /\.(so|dylib|dll)$/.test(name)), place);
