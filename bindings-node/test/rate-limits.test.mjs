// Rate limits: of keys, their records and arguments, and what a caller is told of them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Doorward, DoorwardError } from '../index.mjs';
import { STORES, database, room } from './stage/stores.mjs';

const HOUR = 3_600_000;
const PER_HOUR = { maxRequests: 2, windowMs: HOUR };

let base;
before(async () => (base = await database()));
after(() => base.drop());

async function created(door, rateLimit) {
  const { id } = await door.createInstitution({ name: 'Acme' });
  return door.createKey(id, { label: 'ci', role: 'admin', rateLimit });
}

/** The error of a call that must fail. */
const failed = async (make) => {
  const error = await Promise.resolve().then(make).catch((error) => error);
  assert.ok(error instanceof DoorwardError, String(error));
  return error;
};

const inHalfAnHour = (millis) => assert.ok(millis > HOUR / 2 - 60_000 && millis <= HOUR / 2, String(millis));

for (const store of STORES) {
  describe(store, () => {
    let [place, door] = [];
    before(async () => {
      place = await room(store, base);
      door = await Doorward.openFromEnv(place.variables);
    });
    after(async () => {
      await door.close();
      await place.leave();
    });

    test('a key keeps its limit until it is replaced or removed', async () => {
      const { record } = await created(door, PER_HOUR);
      assert.deepEqual(record.rateLimit, PER_HOUR);
      assert.ok(Object.isFrozen(record.rateLimit));
      const change = async (patch) => (await door.updateKey(record.institutionId, record.id, patch)).rateLimit;
      assert.deepEqual(await change({ label: 'x' }), PER_HOUR);
      assert.deepEqual(await change({ rateLimit: undefined, label: 'y' }), PER_HOUR);
      assert.deepEqual(await change({ rateLimit: { maxRequests: 3, windowMs: 1 } }), { maxRequests: 3, windowMs: 1 });
      assert.equal(await change({ rateLimit: null }), null);
      const imported = { keyHash: 'ab'.repeat(32), label: 'old', role: 'read_only', rateLimit: PER_HOUR };
      assert.deepEqual((await door.importKeys(record.institutionId, [imported])).imported[0].rateLimit, PER_HOUR);
    });

    for (const way of ['promises', 'sync']) {
      const call = async (name, ...given) => (way === 'sync' ? door[`${name}Sync`](...given) : door[name](...given));

      test(`a caller is told what is left and when to come again (${way})`, async () => {
        const { token } = await created(door, PER_HOUR);
        const context = await call('authenticate', token);
        const left = door.rateLimit(context);
        assert.deepEqual([left.maxRequests, left.windowMs, left.remaining], [2, HOUR, 1]);
        inHalfAnHour(left.resetAfterMs);
        assert.deepEqual(left.httpFields, { 'RateLimit-Policy': '"key";q=2;w=3600', RateLimit: '"key";r=1;t=1800' });
        assert.ok(Object.isFrozen(left) && Object.isFrozen(left.httpFields));
        assert.equal(door.rateLimit(context).remaining, 1);

        assert.equal((await call('verify', token, { method: 'GET' })).granted, true);
        for (const presented of [token, Buffer.from(token), { rawHeaders: ['x-api-key', token] }]) {
          const { retryAfterMs, ...verdict } = await call('verify', presented);
          assert.deepEqual(verdict, { granted: false, kind: 'RateLimited', reason: 'rate_limited' });
          inHalfAnHour(retryAfterMs);
          const error = await failed(() => call('authenticate', presented));
          assert.deepEqual([error.kind, error.reason, error.status, error.retryable], ['RateLimited', 'rate_limited', 429, true]);
          inHalfAnHour(error.retryAfterMs);
          assert.deepEqual([error.rateLimit.remaining, error.rateLimit.maxRequests], [0, 2]);
        }
        const question = { region: 'US', position: { amount: 1, currency: 'USD' } };
        inHalfAnHour((await failed(() => call('admit', token, question))).retryAfterMs);
        assert.equal(door.rateLimit(context).remaining, 0);
        assert.deepEqual(await call('verify', 'ak_nobodys'), { granted: false, kind: 'Unauthenticated', reason: 'unknown' });
        assert.equal((await failed(() => call('authenticate', 'ak_nobodys'))).rateLimit, undefined);
      });
    }

    test('a key whose limit was changed has a context of its own', async () => {
      const { token, record } = await created(door, PER_HOUR);
      const before = door.authenticateSync(token);
      await door.updateKey(record.institutionId, record.id, { rateLimit: { maxRequests: 5, windowMs: HOUR } });
      const after = door.authenticateSync(token);
      assert.deepEqual([door.rateLimit(before).maxRequests, door.rateLimit(after).maxRequests], [2, 5]);
      await door.updateKey(record.institutionId, record.id, { rateLimit: null });
      assert.equal(door.rateLimit(door.authenticateSync(token)), null);
    });
  });
}

test('the longest wait there is, and the shortest, are told right', async () => {
  const door = Doorward.openSync();
  const day = 24 * HOUR;
  const { token } = await created(door, { maxRequests: 1, windowMs: day });
  assert.ok(door.verifySync(token).granted);
  const { retryAfterMs } = door.verifySync(token);
  assert.ok(retryAfterMs > day - 60_000 && retryAfterMs <= day, String(retryAfterMs));
  const { token: quick } = await created(door, { maxRequests: 1, windowMs: 1 });
  for (let refused = 0; refused < 3; ) {
    const verdict = door.verifySync(quick);
    if (verdict.granted) continue;
    assert.equal(verdict.retryAfterMs, 1);
    refused += 1;
  }
});

test('what is no limit is refused by its name', async () => {
  const door = Doorward.openSync();
  const { record } = await created(door);
  const wrong = [
    [{ maxRequests: 0, windowMs: 1 }, 'out_of_range', 'rateLimit.maxRequests'],
    [{ maxRequests: 1_000_001, windowMs: 1 }, 'out_of_range', 'rateLimit.maxRequests'],
    [{ maxRequests: 1.5, windowMs: 1 }, 'out_of_range', 'rateLimit.maxRequests'],
    [{ maxRequests: 1, windowMs: 86_400_001 }, 'out_of_range', 'rateLimit.windowMs'],
    [{ maxRequests: 1, windowMs: '1' }, 'invalid_json', 'rateLimit.windowMs'],
    [{ maxRequests: 1 }, 'required', 'rateLimit.windowMs'],
    [{ windowMs: 1 }, 'required', 'rateLimit.maxRequests'],
    [{ ...PER_HOUR, burst: 1 }, 'invalid_format', 'rateLimit.burst'],
    ['100/1m', 'invalid_json', 'rateLimit'],
    [[1, 1], 'invalid_json', 'rateLimit'],
  ];
  for (const [rateLimit, reason, field] of wrong) {
    const key = { label: 'x', role: 'admin', rateLimit };
    for (const make of [
      () => door.createKey(record.institutionId, key),
      () => door.updateKey(record.institutionId, record.id, { rateLimit }),
      () => door.createKeysSync(record.institutionId, [key]),
    ]) {
      const error = await failed(make);
      assert.deepEqual([error.reason, error.field.replace('keys[0].', '')], [reason, field]);
    }
  }
});

test('limits for all are given as the door is opened', async () => {
  const rootApiKey = 'r'.repeat(32);
  const door = await Doorward.open({ rootApiKey, rateLimit: PER_HOUR, failuresPerMinute: 1, keysPerHour: 1 });
  assert.equal(door.rateLimit(await door.authenticate(rootApiKey)), null);
  const { token, record } = await created(door);
  const context = await door.authenticate(token);
  assert.equal(door.rateLimit(context).remaining, 1);
  assert.equal(record.rateLimit, null);
  const admin = door.session(context);
  await admin.createKey(record.institutionId, { label: 'one', role: 'admin' });
  const error = await failed(() => admin.createKey(record.institutionId, { label: 'two', role: 'admin' }));
  assert.equal(error.kind, 'RateLimited');
  assert.ok(error.retryAfterMs > 0 && error.rateLimit === undefined);
  assert.equal(door.verifySync('ak_nobodys').reason, 'unknown');
  assert.equal(door.verifySync('ak_nobodys').reason, 'rate_limited');
  const wrong = [
    [{ rateLimit: { maxRequests: 0, windowMs: 1 } }, 'rateLimit.maxRequests'],
    [{ rateLimit: { maxRequests: 1, windowMs: 86_400_001 } }, 'rateLimit.windowMs'],
    [{ rateLimit: { maxRequests: 1 } }, 'rateLimit.windowMs'],
    [{ rateLimit: { ...PER_HOUR, x: 1 } }, 'rateLimit.x'],
    [{ rateLimit: 5 }, 'rateLimit'],
    [{ rateLimit: null }, 'rateLimit'],
    [{ failuresPerMinute: 0 }, 'failuresPerMinute'],
    [{ keysPerHour: -1 }, 'keysPerHour'],
  ];
  for (const [options, field] of wrong) {
    const error = await failed(() => Doorward.open(options));
    assert.deepEqual([error.kind, error.field], ['Config', field]);
  }
});

test('only a context that authentication made has a limit to be told', async () => {
  const door = Doorward.openSync();
  const { token } = await created(door, PER_HOUR);
  const context = door.authenticateSync(token);
  for (const other of [{ ...context }, null, undefined, token, {}]) {
    const error = await failed(() => door.rateLimit(other));
    assert.deepEqual([error.kind, error.operation, error.field], ['Validation', 'rateLimit', 'context']);
  }
});
