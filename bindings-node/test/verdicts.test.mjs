// Verdicts and contexts: made once for each key, right after every change, and bounded in number.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Doorward } from '../index.mjs';
import { database, sql } from './stage/stores.mjs';

function openWithKey() {
  const door = Doorward.openSync();
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  const { token, record } = door.createKeySync(id, { label: 'x', role: 'admin' });
  return { door, id, token, record };
}

test('the verdict on a key is one object, and so is each refusal', async () => {
  const { door, token } = openWithKey();
  const verdict = door.verifySync(token);
  assert.equal(door.verifySync(token), verdict);
  assert.equal(await door.verify(token), verdict);
  assert.equal(door.verifySync({ headers: [['x-api-key', token]] }, { path: '/' }), verdict);
  assert.equal(door.authenticateSync(token), verdict.context);
  assert.equal(door.verifySync('somebody'), door.verifySync('somebody else'));
});

test('what is answered is frozen through and through', async () => {
  const { door, id, token, record } = openWithKey();
  const policy = door.upsertPolicySync(id, 'US', { position: { allowedCurrencies: ['USD'] }, own: { deep: [{}] } });
  const verdict = door.verifySync(token);
  const all = [verdict, verdict.context, door.verifySync('x'), record, record.metadata, policy, policy.config.own.deep[0]];
  assert.ok(all.every((value) => Object.isFrozen(value)));
  assert.throws(() => {
    'use strict';
    verdict.context.role = 'root';
  }, TypeError);
});

test('a change of a key shows in the next verdict', () => {
  const { door, id, token, record } = openWithKey();
  const verdict = door.verifySync(token);
  assert.equal(verdict.granted, true);
  door.disableKeySync(id, record.id);
  assert.equal(door.verifySync(token).reason, 'disabled');
  door.enableKeySync(id, record.id);
  assert.equal(door.verifySync(token), verdict);
  door.revokeKeySync(id, record.id);
  assert.equal(door.verifySync(token).reason, 'revoked');
});

test('a context opens a session for as long as it is held, whatever has become of its key', () => {
  const { door, id, token, record } = openWithKey();
  const context = door.authenticateSync(token);
  const session = door.session(context, { method: 'POST', path: '/keys' });
  assert.equal(session.context, context);
  assert.equal(session.getKeySync(id, record.id).id, record.id);
  door.revokeKeySync(id, record.id);
  assert.throws(() => session.createKeySync(id, { label: 'y', role: 'admin' }), { kind: 'Forbidden', reason: 'actor_not_active' });
});

test('a copy of a context opens no session', () => {
  const { door, token } = openWithKey();
  const context = door.authenticateSync(token);
  for (const copy of [{ ...context }, structuredClone(context), JSON.parse(JSON.stringify(context)), null, undefined, 'root']) {
    assert.throws(() => door.session(copy), { kind: 'Validation', field: 'context', operation: 'session' });
  }
});

test('verify refuses what is no credentials, and throws nothing', async () => {
  const { door } = openWithKey();
  const cases = [
    [undefined, 'missing'],
    [null, 'missing'],
    ['', 'missing'],
    [{ headers: {} }, 'missing'],
    [{ headers: new Headers({ authorization: 'Basic x' }) }, 'missing'],
    [5, 'malformed'],
    [{}, 'malformed'],
    [[], 'malformed'],
    [Symbol.iterator, 'malformed'],
    [Uint8Array.of(0x61, 0xff), 'malformed'],
    [{ rawHeaders: ['x-api-key', 'a', 'X-Api-Key', 'b'] }, 'malformed'],
    [{ headers: { 'x-api-key': ['a', 'b'] } }, 'malformed'],
    ['x'.repeat(513), 'malformed'],
    ['ü'.repeat(257), 'malformed'],
    ['x'.repeat(1_000_000), 'malformed'],
    ['\ud800', 'unknown'],
    ['ü'.repeat(256), 'unknown'],
  ];
  for (const [credentials, reason] of cases) {
    const verdicts = [door.verifySync(credentials), await door.verify(credentials), door.verifySync(credentials, {})];
    assert.deepEqual(verdicts.map((verdict) => verdict.reason), [reason, reason, reason], String(reason));
  }
  assert.equal(door.verifySync('x', { peer: 'nowhere' }).reason, 'invalid_format');
});

test('headers with bytes beyond ASCII are read as the bytes that they are', () => {
  const { door, id } = openWithKey();
  const token = 'schl\u00fcssel';
  const keyHash = createHash('sha256').update(token).digest('hex');
  door.importKeysSync(id, [{ label: 'made elsewhere', role: 'admin', keyHash }]);
  // As Node's http gives a header: each byte one character.
  const header = Buffer.from(token, 'utf8').toString('latin1');
  assert.equal(door.verifySync({ rawHeaders: ['x-api-key', header] }).granted, true);
  assert.equal(door.verifySync(Buffer.from(token)).granted, true);
  assert.equal(door.verifySync(token).granted, true);
  assert.equal(door.verifySync({ rawHeaders: ['x-api-key', token] }).reason, 'malformed');
});

test('there are at most so many contexts, and those that are held stay good', { timeout: 300_000 }, () => {
  const door = Doorward.openSync();
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  const first = door.createKeySync(id, { label: 'first', role: 'admin' });
  const held = door.authenticateSync(first.token);
  // More than the list has room for.
  for (let batch = 0; batch < 14; batch += 1) {
    const keys = door.createKeysSync(id, Array.from({ length: 10_000 }, () => ({ label: 'x', role: 'read_only' })));
    for (const { token, record } of keys) assert.equal(door.verifySync(token).context.apiKeyId, record.id);
  }
  const again = door.authenticateSync(first.token);
  assert.notEqual(again, held);
  assert.deepEqual(again, held);
  assert.equal(door.session(held).getKeySync(id, first.record.id).label, 'first');
  assert.equal(door.session(again).getKeySync(id, first.record.id).label, 'first');
});

test('the role of a context is right after other SQL has changed it', async (t) => {
  const base = await database();
  const door = await Doorward.open({ store: 'postgres', databaseUrl: base.url });
  t.after(async () => {
    await door.close();
    await base.drop();
  });
  const { id } = await door.createInstitution({ name: 'Bank' });
  const { token } = await door.createKey(id, { label: 'x', role: 'admin' });
  const before = door.verifySync(token);
  assert.equal(before.context.role, 'admin');
  await sql(base.url, `UPDATE doorward.api_keys SET role = 'read_only'`);
  assert.equal(door.verifySync(token).context.role, 'read_only');
  assert.equal((await door.authenticate(token)).role, 'read_only');
  assert.equal(before.context.role, 'admin');
});
