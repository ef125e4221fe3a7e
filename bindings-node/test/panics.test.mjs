// A panic ends in an error of kind Internal: nothing is left hanging, and the door stays usable.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { faultyDoor } from './stage/faulty.mjs';

const require = createRequire(import.meta.url);
const { Operations, define } = require('../lib/operations.js');

/** A door with one more operation, which panics in the addon itself. */
class Panicking extends Operations {}
define(Panicking, { panic: (given) => given }, {});

const panicked = { name: 'DoorwardError', kind: 'Internal', reason: 'panicked', status: 500 };

test('a panic of the store ends in an error, at once and later', async () => {
  const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
  const { id } = await door.createInstitution({ name: 'Acme' });
  fault('panic');
  assert.throws(() => door.getInstitutionSync(id), panicked);
  await assert.rejects(door.getInstitution(id), panicked);
  await assert.rejects(door.createKey(id, { label: 'x', role: 'admin' }), panicked);
  await assert.rejects(door.authenticate('nobody'), panicked);
  await assert.rejects(door.admit('nobody', { region: 'US', position: { amount: 1, currency: 'USD' } }), panicked);
  const refused = { granted: false, kind: 'Internal', reason: 'panicked' };
  assert.deepEqual([door.verifySync('nobody'), await door.verify('nobody'), door.verifySync('nobody', {})], [refused, refused, refused]);
  assert.equal((await door.health()).error, 'panicked');
  fault('none');
  assert.equal((await door.getInstitution(id)).id, id);
  assert.equal(door.getInstitutionSync(id).id, id);
});

test('an operation that the store abandons ends in an error', async () => {
  const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
  fault('abandon');
  await assert.rejects(door.getInstitution('acme'), { kind: 'Internal', reason: 'abandoned' });
  assert.throws(() => door.getInstitutionSync('acme'), { kind: 'Internal', reason: 'abandoned' });
});

test('a panic in the addon itself ends in an error, at once and later', async () => {
  const { native } = faultyDoor({ STORE_BACKEND: 'memory' });
  const door = new Panicking({ door: native });
  assert.throws(() => door.panicSync({}), panicked);
  await assert.rejects(door.panic({}), panicked);
  await assert.rejects(door.panic({ later: true }), panicked);
});

test('two hundred calls that panic all reject', async () => {
  const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
  fault('panic');
  const settled = await Promise.allSettled(Array.from({ length: 200 }, () => door.getInstitution('acme')));
  assert.ok(settled.every(({ status, reason }) => status === 'rejected' && reason.reason === 'panicked'));
});
