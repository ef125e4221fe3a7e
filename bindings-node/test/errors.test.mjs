// What a user sees of an error: its members, and where it points.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { Doorward, DoorwardError } from '../index.mjs';
import { faultyDoor } from './stage/faulty.mjs';

const door = Doorward.openSync();

function caught(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not throw');
}

const frame = (error) => error.stack.split('\n').find((line) => line.startsWith('    at '));

test('an error says what to do about it, why, and who is to blame', async () => {
  const error = await door.createKeys('acme', [{ label: '', role: 'admin' }]).catch((error) => error);
  assert.ok(error instanceof DoorwardError && error instanceof Error);
  const { name, kind, reason, operation, field, status, retryable, retryAfterMs, cause } = error;
  assert.deepEqual(
    { name, kind, reason, operation, field, status, retryable, retryAfterMs, cause },
    {
      name: 'DoorwardError',
      kind: 'Validation',
      reason: 'empty',
      operation: 'createKeys',
      field: 'keys[0].label',
      status: 400,
      retryable: false,
      retryAfterMs: undefined,
      cause: undefined,
    },
  );
  assert.equal(error.message, 'createKeys: keys[0].label: must not be empty');
});

test('an error of the store is retryable, and the lower-level one is its cause', async () => {
  const error = await Doorward.open({ store: 'postgres', databaseUrl: 'postgres://u:hunter2@127.0.0.1:1/x', poolAcquireTimeoutMs: 300 }).catch(
    (error) => error,
  );
  assert.deepEqual([error.kind, error.status, error.retryable], ['Unavailable', 503, true]);
  assert.ok(error.cause instanceof Error, inspect(error));
  assert.ok(!inspect(error).includes('hunter2'));
});

test('a stack begins where the method was called, for promises too', async () => {
  function callerOfSync() {
    door.getInstitutionSync('nobody');
  }
  async function callerOfPromise() {
    await door.getInstitution('nobody');
  }
  assert.match(frame(caught(callerOfSync)), /callerOfSync/);
  assert.match(frame(await callerOfPromise().catch((error) => error)), /callerOfPromise/);
  function unfit() {
    door.checkPositionSync('acme', 'US', { amount: Number.NaN, currency: 'USD' });
  }
  assert.match(frame(caught(unfit)), /unfit/);
  function stranger() {
    door.session({ role: 'root', institutionId: null, apiKeyId: null });
  }
  assert.match(frame(caught(stranger)), /stranger/);
  function opensWrongly() {
    Doorward.openSync({ stor: 'memory' });
  }
  assert.match(frame(caught(opensWrongly)), /opensWrongly/);
});

test('so does that of an answer that came later', async () => {
  const { door: slow, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
  fault('busy');
  async function waits() {
    await slow.getInstitution('nobody');
  }
  const error = await waits().catch((error) => error);
  assert.match(frame(error), /waits/);
  assert.match(error.stack, /^DoorwardError: getInstitution: /);
  fault('none');
});

test('wrong arguments of a promise method reject and do not throw', async () => {
  const promise = door.createKey('acme', { label: 'x', role: 'admin', expiresAt: new Date(Number.NaN) });
  assert.ok(promise instanceof Promise);
  await assert.rejects(promise, { kind: 'Validation', field: 'expiresAt', operation: 'createKey' });
});

test('what is missing, of the wrong type or misspelt is refused by its name', () => {
  const acme = door.createInstitutionSync({ name: 'Acme' }).id;
  const cases = [
    [() => door.getInstitutionSync(), 'required', 'institutionId'],
    [() => door.getInstitutionSync(5), 'invalid_json', 'institutionId'],
    [() => door.getInstitutionSync('a\ud800'), 'not_utf8', 'institutionId'],
    [() => door.createInstitutionSync(), 'required', 'name'],
    [() => door.createInstitutionSync('Acme'), 'invalid_json', 'institution'],
    [() => door.createInstitutionSync({ name: 'x', region: ['US'] }), 'invalid_format', 'region'],
    [() => door.createInstitutionSync({ name: 'x', regions: ['US', 7] }), 'invalid_json', 'regions[1]'],
    [() => door.createKeySync(acme, { label: 'x', role: 'admin', expires: '2030-01-01' }), 'invalid_format', 'expires'],
    [() => door.createKeySync(acme, { label: 'x', role: 'root' }), 'unknown_role', 'role'],
    [() => door.createKeySync(acme, { label: 'x', role: 'admin', metadata: { n: Number.POSITIVE_INFINITY } }), 'unsafe_number', 'n'],
    [() => door.createKeySync(acme, { label: 'x', role: 'admin', metadata: { n: 5n } }), 'unsafe_number', 'n'],
    [() => door.createKeysSync(acme, [{ label: 'x', role: 'admin' }, null]), 'invalid_json', 'keys[1]'],
    [() => door.createKeysSync(acme, {}), 'invalid_json', 'keys'],
    [() => door.listKeysSync(acme, { limit: 1.5 }), 'out_of_range', 'limit'],
    [() => door.listKeysSync(acme, { limit: '5' }), 'invalid_json', 'limit'],
    [() => door.listKeysSync(acme, { order: 'up' }), 'invalid_format', 'order'],
    [() => door.rotateKeySync(acme, 'ak_x', { grace: 5 }), 'invalid_format', 'grace'],
    [() => door.upsertPolicySync(acme, 'US'), 'required', 'config'],
    [() => door.upsertPolicySync(acme, 'US', 5), 'invalid_json', 'config'],
    [() => door.upsertPolicySync(acme, 'US', { position: { maxAmount: 0.1 + 0.2 } }), 'unsafe_number', 'config.position.maxAmount'],
    [() => door.mergePolicySync(acme, 'US', { position: { minAmount: Number.NaN } }), 'not_a_decimal', 'patch.position.minAmount'],
    [() => door.checkPositionSync(acme, 'US', { amount: true, currency: 'USD' }), 'not_a_decimal', 'amount'],
    [() => door.checkPositionSync(acme, 'US', { currency: 'USD' }), 'required', 'amount'],
    [() => door.checkPositionsSync(acme, 'US', [{ amount: 1e-9, currency: 'USD' }]), 'too_precise', 'positions[0].amount'],
    [() => door.closeSync({ deadlineMs: -1 }), 'out_of_range', 'deadlineMs'],
  ];
  for (const [call, reason, field] of cases) {
    const error = caught(call);
    assert.deepEqual([error.kind, error.reason, error.field], ['Validation', reason, field], `${call}: ${inspect(error)}`);
  }
  const circle = {};
  circle.self = circle;
  assert.equal(caught(() => door.createKeySync(acme, { label: 'x', role: 'admin', metadata: circle })).reason, 'invalid_json');
});

test('wrong options are refused by the name of the option, and no value of theirs is shown', async () => {
  const secret = 'correct-horse';
  const cases = [
    [{ stor: 'memory' }, 'unsupported', 'stor'],
    [{ store: 'redis' }, 'invalid_variable', 'store'],
    [{ store: 'sqlite', databaseUrl: `postgres://u:${secret}@h/x` }, 'invalid_variable', 'databaseUrl'],
    [{ store: 'postgres' }, 'missing_variable', 'databaseUrl'],
    [{ rootApiKey: secret }, 'invalid_variable', 'rootApiKey'],
    [{ rootApiKey: 5 }, 'invalid_variable', 'rootApiKey'],
    [{ trustedProxies: '10.0.0.1' }, 'invalid_variable', 'trustedProxies'],
    [{ poolMax: 0 }, 'invalid_variable', 'poolMax'],
    [{ poolMax: 1.5 }, 'invalid_variable', 'poolMax'],
    [{ metrics: 'yes' }, 'invalid_variable', 'metrics'],
    [{ auditReads: 1 }, 'invalid_variable', 'auditReads'],
  ];
  for (const [options, reason, field] of cases) {
    const errors = [caught(() => Doorward.openSync(options)), await Doorward.open(options).catch((error) => error)];
    for (const error of errors) {
      assert.deepEqual([error.kind, error.reason, error.field], ['Config', reason, field], inspect(error));
      assert.ok(!inspect(error, { depth: 9 }).includes(secret));
    }
  }
});

test('nobody makes a door or a session but doorward', () => {
  assert.throws(() => new Doorward(), TypeError);
});
