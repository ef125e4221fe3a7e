// Where a token is plain to see, authentication takes a quick way. It answers as the long one does.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { Doorward } from '../index.mjs';
import { until } from './stage/until.mjs';

const ROOT = 'root-token-of-the-tests-0123456789';

async function open(options) {
  const door = await Doorward.open({ rootApiKey: ROOT, rootApiKeyAllowedIps: ['10.0.0.0/8'], trustedProxies: ['10.0.0.1'], ...options });
  const { id } = await door.createInstitution({ name: 'Bank' });
  const { token } = await door.createKey(id, { label: 'anywhere', role: 'admin' });
  const near = await door.createKey(id, { label: 'near', role: 'read_only', allowedAddresses: ['192.0.2.0/24'] });
  return { door, id, token, near: near.token };
}

/** Headers as a list of pairs take the long way, as they are in `rawHeaders` the quick one. */
const both = (pairs) => [{ headers: pairs }, { rawHeaders: pairs.flat() }];

/** What a call gives, or the error that it fails with. */
function outcome(call) {
  try {
    return call();
  } catch ({ name, kind, reason, status, field, message, operation, retryable }) {
    return { name, kind, reason, status, field, message, operation, retryable };
  }
}

test('the quick way and the long way agree, whatever is presented', async () => {
  const { door, token, near } = await open();
  const value = fc.constantFrom(token, near, ROOT, 'dw_live_mistyped', 'nobody', '', ' ', 'ü', 'a b', `${token} `, 'x'.repeat(513));
  const name = fc.constantFrom('x-api-key', 'X-API-KEY', 'Authorization', 'authorization', 'x-api-kex', 'Host', '');
  const scheme = fc.constantFrom('', 'Bearer ', 'bearer \t', 'Bearer', 'Basic ');
  const header = fc.tuple(name, scheme, value).map(([name, scheme, value]) => [name, scheme + value]);
  const address = fc.constantFrom(undefined, '192.0.2.7', '10.0.0.1', '10.9.9.9', '::ffff:192.0.2.7', 'nowhere', '', '192.0.2.7:80');
  const request = fc.option(
    fc.record({
      method: fc.constantFrom(undefined, 'GET', 'é'),
      path: fc.constantFrom(undefined, '/v1/orders?x=1', '/'.repeat(400)),
      peer: address,
      forwardedFor: fc.constantFrom(undefined, '192.0.2.7', '1.1.1.1, 192.0.2.7', 'unknown', `${'1.1.1.1, '.repeat(60)}192.0.2.7`),
    }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.array(header, { maxLength: 3 }), request, (pairs, request) => {
      const [long, quick] = both(pairs);
      assert.deepEqual(door.verifySync(quick, request), door.verifySync(long, request));
      assert.deepEqual(
        outcome(() => door.authenticateSync(quick, request)),
        outcome(() => door.authenticateSync(long, request)),
      );
    }),
    { numRuns: 2000 },
  );
});

test('addresses decide, those that a trusted proxy forwards too', async () => {
  const { door, near } = await open();
  const ask = (request) => door.verifySync({ rawHeaders: ['x-api-key', near] }, request).reason ?? 'granted';
  assert.equal(ask(undefined), 'address_not_allowed');
  assert.equal(ask({}), 'address_not_allowed');
  assert.equal(ask({ peer: '192.0.2.7' }), 'granted');
  assert.equal(ask({ peer: '198.51.100.1', forwardedFor: '192.0.2.7' }), 'address_not_allowed');
  assert.equal(ask({ peer: '10.0.0.1', forwardedFor: '192.0.2.7' }), 'granted');
  // However long a list of hops is, its end counts.
  const many = Array.from({ length: 500 }, () => '192.0.2.7').join(', ');
  assert.equal(ask({ peer: '10.0.0.1', forwardedFor: `${many}, 203.0.113.5` }), 'address_not_allowed');
  assert.equal(ask({ peer: '10.0.0.1', forwardedFor: `203.0.113.5, ${many}` }), 'granted');
});

test('what is known of the request reaches the audit trail, once', async () => {
  const { door } = await open({ auditAuthentications: true });
  const request = { method: 'POST', path: '/v1/orders?secret=1', requestId: 'req-ü', peer: '192.0.2.7' };
  door.verifySync({ rawHeaders: ['x-api-key', 'nobody'] }, request);
  assert.throws(() => door.authenticateSync({ rawHeaders: ['x-api-key', 'dw_live_mistyped'] }, request), { reason: 'malformed' });
  await door.verify('', request);
  await assert.rejects(door.authenticate('y', { ...request, peer: '198.51.100.1' }), { reason: 'unknown' });
  const events = () => door.listAuditEventsSync({ order: 'oldest_first' }).items.filter(({ outcome }) => outcome === 'refused');
  await until(() => events().length >= 4);
  assert.deepEqual(
    events().map(({ error, method, path, requestId, clientAddress }) => [error, method, path, requestId, clientAddress]),
    [
      ['unknown', 'POST', '/v1/orders', 'req-ü', '192.0.2.7'],
      ['malformed', 'POST', '/v1/orders', 'req-ü', '192.0.2.7'],
      ['missing', 'POST', '/v1/orders', 'req-ü', '192.0.2.7'],
      ['unknown', 'POST', '/v1/orders', 'req-ü', '198.51.100.1'],
    ],
  );
});

test('an error of the quick way points at the call', async () => {
  const { door } = await open();
  const from = (error) => error.stack.split('\n')[1];
  function here() {
    return door.authenticateSync('nobody');
  }
  async function there() {
    return door.authenticate('nobody');
  }
  assert.match(from(outcomeOf(here)), /\bhere\b/);
  await assert.rejects(there(), (error) => /\bthere\b/.test(from(error)) && error.operation === 'authenticate');
});

function outcomeOf(call) {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

test('what is said wrongly of a request is refused when the session is made', async () => {
  const { door, id, token } = await open();
  const context = door.authenticateSync(token);
  for (const [request, field] of [
    [{ path: '\ud800' }, 'request.path'],
    [{ path: 5 }, 'request.path'],
    [{ peer: 'nowhere' }, 'request.peer'],
    [{ peer: 'fe80::1%eth0' }, 'request.peer'],
    [{ ip: '192.0.2.7' }, 'request.ip'],
    ['request', 'request'],
  ]) {
    assert.throws(() => door.session(context, request), { kind: 'Validation', field, operation: 'session' }, field);
  }
  for (const request of [undefined, null, {}, { peer: '::1' }, { peer: ' 192.0.2.7 ' }, { path: '/'.repeat(2000) }]) {
    assert.equal(door.session(context, request).getInstitutionSync(id).id, id);
  }
});

test('a session goes on with what was said of the request when it was made', async () => {
  const { door, id, token } = await open({ auditReads: true });
  const request = { path: '/then' };
  const session = door.session(door.authenticateSync(token), request);
  request.path = '/later';
  await session.getInstitution(id);
  assert.equal(door.listAuditEventsSync({ action: 'get_institution' }).items[0].path, '/then');
});

test('after the end every way says that the door is closed', async () => {
  const { door, token } = await open();
  await door.close();
  assert.throws(() => door.authenticateSync(token), { kind: 'Closed' });
  await assert.rejects(door.authenticate({ rawHeaders: ['x-api-key', token] }, { path: '/' }), { kind: 'Closed' });
  assert.equal(door.verifySync({ rawHeaders: ['x-api-key', token] }, { path: '/' }).reason, 'closed');
});
