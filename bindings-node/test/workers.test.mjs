// Several environments in one process, and several doors in one environment.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { Doorward } from '../index.mjs';
import { STORES, database, room } from './stage/stores.mjs';

const program = new URL('./programs/worker.mjs', import.meta.url);
let base;
before(async () => {
  base = await database();
});
after(() => base.drop());

for (const store of STORES) {
  test(`four workers have doors of their own, and share what is in a database: ${store}`, async () => {
    const { variables, leave } = await room(store, base);
    const door = await Doorward.openFromEnv(variables);
    const workers = Array.from({ length: 4 }, () => new Worker(program, { workerData: { variables } }));
    const exits = workers.map((worker) => once(worker, 'exit'));
    const told = await Promise.all(workers.map((worker) => once(worker, 'message')));
    for (const [{ token }] of told) {
      // A worker's memory is its own.
      assert.equal((await door.verify(token)).granted, store !== 'memory');
    }
    assert.deepEqual((await Promise.all(exits)).flat(), [0, 0, 0, 0]);
    await door.close();
    await leave();
  });

  test(`a worker that is ended in the midst of calls harms nobody: ${store}`, async () => {
    const { variables, leave } = await room(store, base);
    const door = await Doorward.openFromEnv(variables);
    const { id } = await door.createInstitution({ name: 'Main' });
    for (let round = 0; round < 8; round += 1) {
      const workers = Array.from({ length: 2 }, () => new Worker(program, { workerData: { variables, forever: true } }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      const mine = Promise.all(Array.from({ length: 50 }, () => door.getInstitution(id)));
      await wait(round * 3);
      await Promise.all(workers.map((worker) => worker.terminate()));
      assert.equal((await mine).length, 50);
    }
    assert.equal((await door.health()).reachable, true);
    await door.close();
    await leave();
  });
}

test('a context that came from another thread opens no session: it is a copy', async () => {
  const { variables, leave } = await room('memory');
  const worker = new Worker(program, { workerData: { variables } });
  const [{ context }] = await once(worker, 'message');
  assert.equal(context.role, 'admin');
  assert.throws(() => Doorward.openSync().session(context), { kind: 'Validation', field: 'context' });
  await leave();
});

test('several doors in one process have nothing to do with one another', async () => {
  const doors = await Promise.all(Array.from({ length: 20 }, () => Doorward.open()));
  await Promise.all(doors.map((door) => door.createInstitution({ id: 'acme', name: 'Acme' })));
  const keys = await Promise.all(doors.map((door) => door.createKey('acme', { label: 'x', role: 'admin' })));
  for (const [at, door] of doors.entries()) {
    assert.deepEqual(keys.map(({ token }) => door.verifySync(token).granted), doors.map((_, which) => which === at));
    await door.close();
    assert.deepEqual(door.verifySync(keys[at].token), { granted: false, kind: 'Closed', reason: 'closed' });
  }
});
