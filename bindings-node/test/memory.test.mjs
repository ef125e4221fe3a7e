// Calls leave the process as large as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { start } from './stage/program.mjs';

// So many that a few megabytes, by which the allocators' own stock comes and goes, are less than the smallest object for each.
for (const [kind, count] of [
  ['granted', 1_000_000],
  ['refused', 1_000_000],
  ['promise', 500_000],
  ['request', 500_000],
  ['session', 500_000],
  ['error', 500_000],
]) {
  test(`${count} calls do not grow memory: ${kind}`, async () => {
    const { code, output, errors } = await start('memory', kind, String(count)).ended;
    assert.equal(code, 0, errors);
    // Whatever each call left behind, be it the smallest object, would be more.
    assert.ok(Number(output) < 16 * count, `${output.trim()} bytes more`);
  });
}
