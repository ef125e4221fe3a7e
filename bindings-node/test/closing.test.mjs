// How a door is closed, and what its methods answer afterwards.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Doorward } from '../index.mjs';
import { faultyDoor } from './stage/faulty.mjs';

const closed = { kind: 'Closed', reason: 'closed' };

for (const [how, close] of [
  ['close', (door) => door.close()],
  ['closeSync', (door) => door.closeSync()],
  ['Symbol.dispose', (door) => door[Symbol.dispose]()],
  ['Symbol.asyncDispose', (door) => door[Symbol.asyncDispose]()],
]) {
  test(`after ${how} every call answers that the door was closed`, async () => {
    const door = await Doorward.open();
    const { id } = await door.createInstitution({ name: 'Bank' });
    assert.equal(await close(door), undefined);
    await assert.rejects(door.getInstitution(id), closed);
    assert.throws(() => door.getInstitutionSync(id), closed);
    assert.equal(door.verifySync('x').kind, 'Closed');
    assert.equal((await door.verify('x')).kind, 'Closed');
    assert.deepEqual((await door.health()).error, 'closed');
    assert.equal(await close(door), undefined);
  });
}

test('a close that takes longer than its deadline fails, and can be made again', async () => {
  const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
  fault('silence');
  await assert.rejects(door.close({ deadlineMs: 100 }), { kind: 'Unavailable' });
  assert.throws(() => door.getInstitutionSync('x'), closed);
  fault('none');
  await door.close();
});

test('promises that were begun before a close are answered', async () => {
  const door = await Doorward.open();
  const { id } = await door.createInstitution({ name: 'Bank' });
  const begun = Array.from({ length: 100 }, () => door.createKey(id, { label: 'x', role: 'admin' }));
  await door.close();
  assert.equal((await Promise.all(begun)).length, 100);
});
