// How a process with doors ends: by itself, and when it is told to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { start } from './stage/program.mjs';
import { proxy } from './stage/proxy.mjs';
import { STORES, database, room } from './stage/stores.mjs';

/** Variables for a new store, which is gone when the test has ended. */
async function stage(t, store) {
  const base = store === 'postgres' ? await database() : undefined;
  const { variables, leave } = await room(store, base);
  t.after(async () => {
    await leave();
    await base?.drop();
  });
  return JSON.stringify(variables);
}

for (const store of STORES) {
  for (const how of ['closed', 'forgotten']) {
    test(`a process ends by itself when its door is ${how}: ${store}`, async (t) => {
      const { code, output, errors } = await start('exit', how, await stage(t, store)).ended;
      assert.deepEqual([code, output, errors], [0, 'done\n', '']);
    });
  }

  test(`a process lives until its promises have ended: ${store}`, async (t) => {
    const { code, output } = await start('exit', 'pending', await stage(t, store)).ended;
    assert.deepEqual([code, output.trim().split('\n').sort()], [0, ['Later', 'done']]);
  });
}

for (const [how, end] of [
  ['promise', { code: null, signal: 'SIGINT' }],
  ['sync', { code: null, signal: 'SIGINT' }],
  ['handler', { code: 7, signal: null }],
]) {
  test(`SIGINT ends a process at once while a lookup waits for the database (${how})`, async (t) => {
    const base = await database();
    t.after(() => base.drop());
    const slow = await proxy(base.url);
    t.after(() => slow.close());
    const { child, ended, said } = start('lookup', how, slow.url, '100');
    await said('ready');
    slow.hold();
    await said('asking');
    await wait(300);
    const began = performance.now();
    child.kill('SIGINT');
    const { code, signal, output } = await ended;
    assert.deepEqual({ code, signal }, end);
    assert.ok(!output.includes('answered') && output.includes('interrupted') === (how === 'handler'), output);
    assert.ok(performance.now() - began < 5000);
  });
}
