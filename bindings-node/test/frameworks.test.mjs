// What a remote caller, the application and the audit trail see of a request: the same in all frameworks.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Doorward } from '../index.mjs';
import { ask, problemOf } from './stage/asking.mjs';
import { faultyDoor } from './stage/faulty.mjs';
import { FRAMEWORKS, house } from './stage/houses.mjs';
import { database, room } from './stage/stores.mjs';
import { until } from './stage/until.mjs';

const ROOT = 'root-token-of-the-tests-0123456789';
const MISSING = { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'missing API key' };
const INVALID = { ...MISSING, detail: 'invalid API key' };

let base;
before(async () => (base = await database()));
after(() => base.drop());

/** A place to ask: the house of a framework on a door with an institution, and keys for it. */
async function opened(framework, store, way) {
  const place = await room(store, base);
  const door = await Doorward.openFromEnv({ ...place.variables, ROOT_API_KEY: ROOT, DOORWARD_TRUSTED_PROXIES: '127.0.0.1' });
  const { id } = await door.createInstitution({ name: 'Acme' });
  const keys = {};
  for (const role of ['admin', 'read_only']) keys[role] = await door.createKey(id, { label: role, role });
  const served = await house(framework, door, way);
  const close = async () => {
    await served.close();
    await door.close();
    await place.leave();
  };
  return { ...served, door, id, keys, admin: keys.admin.token, reader: keys.read_only.token, close };
}

for (const framework of FRAMEWORKS) {
  for (const [store, way] of [['memory', 'import'], ['memory', 'require'], ['postgres', 'import'], ['postgres', 'require']]) {
    describe(`${framework}, ${store}, by ${way}`, () => {
      let [port, here] = [];
      before(async () => ({ port } = here = await opened(framework, store, way)));
      after(() => here.close());

      test('who has a key is let in, and the application knows who it is', async () => {
        const auth = { role: 'read_only', institutionId: here.id, apiKeyId: here.keys.read_only.record.id };
        const seen = (await ask(port, '/', { key: here.reader })).json();
        assert.deepEqual(seen, { auth, session: true });
        const bearer = await ask(port, '/x?y', { headers: { Authorization: `bearer  ${here.reader}` } });
        assert.deepEqual(bearer.json().auth, auth);
        const root = { role: 'root', institutionId: null, apiKeyId: null };
        assert.deepEqual((await ask(port, '/', { key: ROOT })).json().auth, root);
      });

      test('who has none is told so, and why another is refused it is not told', async () => {
        const bare = await ask(port, '/');
        assert.equal(bare.status, 401);
        assert.deepEqual(problemOf(bare), MISSING);
        assert.equal(bare.headers['www-authenticate'], 'Bearer');
        assert.equal(bare.headers['retry-after'], undefined);
        const gone = await here.door.createKey(here.id, { label: 'gone', role: 'admin' });
        await here.door.revokeKey(here.id, gone.record.id);
        for (const key of [gone.token, 'nobody', 'dw_live_mistyped', 'x'.repeat(600), `${here.admin}x`]) {
          assert.deepEqual(problemOf(await ask(port, '/', { key })), INVALID, key);
        }
        assert.deepEqual(problemOf(await ask(port, '/', { headers: { authorization: 'Basic eDp5' } })), MISSING);
        assert.deepEqual(here.logged, []);
      });

      test('the same header twice is refused, though each of them is good', async () => {
        const { admin } = here;
        const twice = [
          ['Host', 'x', 'Authorization', `Bearer ${admin}`, 'Authorization', `Bearer ${admin}`],
          ['Host', 'x', 'X-Api-Key', admin, 'x-api-key', admin],
          ['Host', 'x', 'X-Api-Key', admin, 'Authorization', 'Bearer y', 'authorization', `Bearer ${admin}`],
        ];
        for (const headers of twice) assert.deepEqual(problemOf(await ask(port, '/', { headers })), INVALID);
        const both = { authorization: 'Bearer nobody', 'x-api-key': admin };
        assert.equal((await ask(port, '/', { headers: both })).status, 200);
        assert.deepEqual(problemOf(await ask(port, '/', { headers: { 'x-api-key': `${admin}, ${admin}` } })), INVALID);
        assert.deepEqual(problemOf(await ask(port, '/', { headers: { 'x-api-key': Buffer.from('ü').toString('latin1') } })), INVALID);
      });

      test('a role has those below it too', async () => {
        const { admin, reader } = here;
        assert.equal((await ask(port, '/admin', { key: admin })).json(), 'admin');
        assert.equal((await ask(port, '/admin', { key: ROOT })).json(), 'admin');
        const refused = await ask(port, '/admin', { key: reader });
        assert.deepEqual(problemOf(refused), {
          type: 'about:blank',
          title: 'Forbidden',
          status: 403,
          detail: 'the role read_only does not allow this',
          reason: 'role_not_allowed',
        });
        assert.equal(refused.headers['www-authenticate'], undefined);
        // On an exempt path nobody is known, whatever was presented.
        assert.deepEqual(problemOf(await ask(port, '/docs/admin', { key: admin })), MISSING);
      });

      test('an error of doorward that the application does not handle is answered as well, any other is not', async () => {
        const refused = problemOf(await ask(port, '/others', { key: here.reader }));
        assert.deepEqual([refused.status, refused.reason], [403, 'other_institution']);
        assert.deepEqual(problemOf(await ask(port, '/others', { key: ROOT })), {
          type: 'about:blank',
          title: 'Not Found',
          status: 404,
          detail: 'getInstitution: institutionId: there is no institution another',
          reason: 'institution_not_found',
          field: 'institutionId',
        });
        const fault = await ask(port, '/fault', { key: here.reader });
        assert.equal(fault.status, 500);
        assert.notEqual(fault.headers['content-type'], 'application/problem+json');
      });

      test('exempt paths need no key, and nobody is known there', async () => {
        for (const path of ['/health', '/health?x=1', '/docs/a/b', '/docs/a%20b']) {
          for (const key of [undefined, 'nobody', here.admin]) {
            const { status, text } = await ask(port, path, { key });
            assert.deepEqual([status, text], [200, '{"auth":null,"session":false}'], path);
          }
        }
      });

      test('a path that only looks exempt needs a key', async () => {
        const tricks = [
          ...['/health/', '/Health', '/health/../admin', '/health/..', '/health%2f..%2fadmin', '/%68ealth', '/health%00', '/health;x'],
          ...['//health', '///health', '/./health', '/x/../health', '/%2e%2e/health', '/%2E/health', '/health#x', '/health%3F'],
          ...['/docs', '/docs/', '/docs/../admin', '/docs/%2e%2e/admin', '/docs/.%2e/admin', '/docs/..%2fadmin', '/docs/%2e%2e%2fadmin'],
          ...['/docs/..\\admin', '/docs/..%5cadmin', '/docs//admin', '/docs/%2f/admin', '/docs/%252e%252e/admin', '/docs/x%0d%0a'],
          ...['/%64ocs/x', '/DOCS/x', '/docs%2Fx', 'http://127.0.0.1/health', 'http://x/docs/a', '/docs/%ff', '/docs/%', '/docs/x%'],
        ];
        for (const path of tricks) {
          const { status } = await ask(port, path);
          // Fastify refuses what cannot be decoded before anyone else sees it.
          assert.ok(status === 401 || (framework === 'fastify' && status === 400 && path.includes('%')), `${path}: ${status}`);
        }
      });

      test('every method needs a key, and HEAD is answered without a body', async () => {
        for (const method of ['OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH']) {
          assert.deepEqual(problemOf(await ask(port, '/', { method })), MISSING, method);
        }
        const head = await ask(port, '/', { method: 'HEAD' });
        assert.deepEqual([head.status, head.text, head.headers['content-type']], [401, '', 'application/problem+json']);
        assert.equal((await ask(port, '/', { method: 'HEAD', key: here.reader })).status, 200);
      });

      test('a body that comes while the caller is looked up is there for the application', async () => {
        const body = Buffer.alloc(300_000, 'x');
        const headers = { 'content-type': 'application/octet-stream' };
        const posted = await ask(port, '/body', { method: 'POST', key: here.reader, headers, body });
        assert.deepEqual(posted.json(), { bytes: body.length });
        // Who is refused gets the answer, though nobody reads what he sends.
        assert.equal((await ask(port, '/body', { method: 'POST', headers, body })).status, 401);
      });

      test('the audit trail has where a refused request came from', async () => {
        const headers = { 'x-request-id': 'req-7', 'x-forwarded-for': '198.51.100.9' };
        await ask(port, '/seen/%C3%BC?secret=1', { method: 'PUT', headers, key: 'ak_seen' });
        const found = async () => {
          const { items } = await here.door.listAuditEvents({ limit: 1000 });
          return items.find(({ requestId }) => requestId === 'req-7');
        };
        await until(found);
        const { action, outcome, error, method, path, clientAddress, statusCode } = await found();
        assert.deepEqual(
          { action, outcome, error, method, path, clientAddress, statusCode },
          {
            action: 'authenticate',
            outcome: 'refused',
            error: 'unknown',
            method: 'PUT',
            path: '/seen/ü',
            clientAddress: '198.51.100.9',
            statusCode: 401,
          },
        );
        await ask(port, '/others', { headers: { 'x-request-id': 'req-8' }, key: here.reader });
        const { items } = await here.door.listAuditEvents({ actor: here.keys.read_only.record.id });
        const forbidden = items.find(({ requestId }) => requestId === 'req-8');
        assert.deepEqual([forbidden.outcome, forbidden.path, forbidden.clientAddress], ['forbidden', '/others', '127.0.0.1']);
      });

      test('two hundred requests at once are each of their own caller', async () => {
        const made = await here.door.createKeys(here.id, Array.from({ length: 200 }, (_, at) => ({ label: `${at}`, role: 'admin' })));
        const seen = await Promise.all(made.map(({ token }) => ask(port, '/', { key: token })));
        assert.deepEqual(seen.map((answer) => answer.json().auth.apiKeyId), made.map(({ record }) => record.id));
      });
    });
  }

  test(`${framework}: a store that does not answer lets nobody in, and the caller learns no more than that`, async () => {
    const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory', ROOT_API_KEY: ROOT });
    const { id } = await door.createInstitution({ name: 'Acme' });
    const { token } = await door.createKey(id, { label: 'x', role: 'admin' });
    const { port, logged, close } = await house(framework, door);
    fault('unavailable');
    const refused = await ask(port, '/', { key: token });
    assert.deepEqual(problemOf(refused), { type: 'about:blank', title: 'Service Unavailable', status: 503 });
    assert.equal(refused.headers['retry-after'], '1');
    assert.deepEqual(logged.map(([level, said]) => [level, said.slice(0, 36)]), [['warn', 'doorward: answered with 503: authent']]);
    assert.equal((await ask(port, '/', { key: ROOT })).status, 200);
    assert.equal((await ask(port, '/health')).status, 200);
    fault('none');
    assert.equal((await ask(port, '/', { key: token })).status, 200);
    await door.close();
    const closed = await ask(port, '/', { key: token });
    assert.deepEqual(problemOf(closed), { type: 'about:blank', title: 'Internal Server Error', status: 500 });
    assert.equal(logged.at(-1)[0], 'error');
    await close();
  });

  test(`${framework}: while a store is slow other requests are answered`, async () => {
    const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
    const { port, close } = await house(framework, door);
    fault('stall:500');
    const order = [];
    const slow = ask(port, '/', { key: 'nobody' }).then(() => order.push('slow'));
    await ask(port, '/health').then(() => order.push('quick'));
    await slow;
    assert.deepEqual(order, ['quick', 'slow']);
    fault('none');
    await close();
    await door.close();
  });

  test(`${framework}: a caller who goes away while it is looked up harms nobody`, async () => {
    const { door, fault } = faultyDoor({ STORE_BACKEND: 'memory' });
    const { port, close } = await house(framework, door);
    fault('stall:200');
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Api-Key: nobody\r\n\r\n');
    await ask(port, '/health');
    socket.destroy();
    assert.equal((await ask(port, '/', { key: 'nobody' })).status, 401);
    fault('none');
    await close();
    await door.close();
  });
}
