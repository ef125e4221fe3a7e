// The examples, run as their readers run them: in a folder of their own, with the package as a dependency.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ask, problemOf } from './stage/asking.mjs';
import { run } from './stage/program.mjs';
import { STORES, database, room } from './stage/stores.mjs';

const ROOT = 'root-token-of-the-tests-0123456789';
const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

let [base, folder] = [];
before(async () => {
  base = await database();
  folder = await mkdtemp(join(tmpdir(), 'doorward-node-'));
  cpSync(fileURLToPath(new URL('../../examples/node', import.meta.url)), folder, {
    recursive: true,
    filter: (path) => !path.endsWith('node_modules'),
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(fileURLToPath(new URL('..', import.meta.url)), join(folder, 'node_modules', 'doorward'));
  symlinkSync(fileURLToPath(new URL('../node_modules/fastify', import.meta.url)), join(folder, 'node_modules', 'fastify'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await base.drop();
});

/** Runs an example. */
function example(name, variables = {}) {
  return run(['--trace-warnings', name], { cwd: folder, env: { ...process.env, ROOT_API_KEY: undefined, ...variables } });
}

test('the examples use the Fastify that is tested here', () => {
  const wanted = read('../../examples/node/package.json').dependencies.fastify;
  assert.equal(wanted, read('../package.json').devDependencies.fastify);
  assert.equal(read('../../examples/node/package-lock.json').packages['node_modules/fastify'].version, wanted);
});

test('first steps', async () => {
  const { code, output, errors } = await example('first-steps.mjs').ended;
  assert.deepEqual([code, errors], [0, '']);
  const lines = output.trim().split('\n');
  assert.deepEqual(
    lines.filter((line) => !/^(?:made|caller|audit)/.test(line)),
    [
      'rules     {"position":{"minAmount":100,"maxAmount":5000,"allowedCurrencies":["USD","EUR"]}} version 1',
      'granted   admin',
      'refused   malformed',
      'refused   unknown',
      'decision  1250.50 USD -> allowed',
      'decision  5000.01 JPY -> [{"code":"above_max","limit":"5000","value":"5000.01"},' +
        '{"code":"currency_not_allowed","limit":"USD,EUR","value":"JPY"}]',
      'refused   Forbidden role_not_allowed',
      'refused   Conflict version_mismatch',
      'both good true true',
      'one good  false true',
    ],
  );
  assert.match(output, /^audit {5}\d+ ak_\S+ delete_policy forbidden role_not_allowed$/m);
  assert.doesNotMatch(output, /dw_live_\w{9}/, 'no token is shown');
});

/** The gateway on a store, listening: its port, and `end`, which asks it to end and wants it to end well. */
async function gateway(variables) {
  const { child, ended, said } = example('gateway.mjs', { ...variables, ROOT_API_KEY: ROOT, PORT: '0' });
  const [, port] = await said(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/);
  const end = async (signal = 'SIGTERM') => {
    child.kill(signal);
    const { code, signal: by, errors, output } = await ended;
    assert.deepEqual([code, by, errors], [0, null, '']);
    assert.doesNotMatch(output, /dw_live_\w{9}|root-token/, 'no token is logged');
  };
  return { port: Number(port), child, ended, end };
}

/** Asks with a document. */
function send(port, method, path, key, document, headers = {}) {
  const body = typeof document === 'string' ? document : JSON.stringify(document);
  return ask(port, path, { method, key, headers: { 'content-type': 'application/json', ...headers }, body });
}

const problem = (answer) => {
  const { status, reason } = problemOf(answer);
  assert.equal(answer.status, status);
  return [status, reason];
};

for (const store of STORES) {
  test(`a tenant's way through the gateway: ${store}`, async () => {
    const place = await room(store, base);
    const { port, end } = await gateway(place.variables);
    assert.deepEqual((await ask(port, '/health')).json(), { status: 'ok' });
    assert.deepEqual((await ask(port, '/ready')).json(), { store, reachable: true });
    assert.deepEqual(problem(await ask(port, '/me')), [401, undefined]);
    assert.deepEqual((await ask(port, '/me', { key: ROOT })).json(), { role: 'root', institutionId: null, apiKeyId: null });

    const bank = await send(port, 'POST', '/institutions', ROOT, { name: 'Acme Bank', id: 'acme', regions: ['US'] });
    assert.deepEqual([bank.status, bank.json().id], [201, 'acme']);
    const again = await send(port, 'POST', '/institutions', ROOT, { name: 'Acme Bank', id: 'acme' });
    assert.deepEqual(problem(again), [409, 'institution_exists']);
    const made = await send(port, 'POST', '/institutions/acme/api-keys', ROOT, { label: 'back office', role: 'admin' });
    assert.deepEqual([made.status, made.headers['cache-control']], [201, 'no-store']);
    const { token: admin, record } = made.json();
    const { token: reader } = (await send(port, 'POST', '/institutions/acme/api-keys', admin, { label: 'x', role: 'read_only' })).json();
    const refused = await send(port, 'POST', '/institutions/acme/api-keys', reader, { label: 'x', role: 'admin' });
    assert.deepEqual(problem(refused), [403, 'role_not_allowed']);
    assert.deepEqual(problem(await ask(port, '/institutions/other', { key: reader })), [403, 'other_institution']);
    assert.deepEqual(problem(await ask(port, '/institutions/other', { key: ROOT })), [404, 'institution_not_found']);
    const wrong = await send(port, 'POST', '/institutions/acme/api-keys', admin, { label: '', role: 'admin' });
    assert.deepEqual([...problem(wrong), wrong.json().field], [400, 'empty', 'label']);
    const first = (await ask(port, '/institutions/acme/api-keys?limit=1', { key: admin })).json();
    assert.ok(first.items.length === 1 && first.next !== null && first.items[0].token === undefined);
    const rest = await ask(port, `/institutions/acme/api-keys?limit=1&cursor=${first.next}`, { key: admin });
    assert.notEqual(rest.json().items[0].id, first.items[0].id);
    assert.deepEqual(problem(await ask(port, '/institutions/acme/api-keys?limit=many', { key: admin })), [400, 'unsafe_number']);

    const [policy, check] = ['/institutions/acme/policies/US', '/institutions/acme/policies/US/check'];
    const rules = '{"position":{"minAmount":99999999999.99,"maxAmount":12345678901234567890.12345678}}';
    const put = await send(port, 'PUT', policy, admin, rules);
    assert.deepEqual([put.status, put.headers.etag], [200, '"1"']);
    assert.deepEqual(put.json().config.position, { minAmount: 99999999999.99, maxAmount: '12345678901234567890.12345678' });
    const second = await send(port, 'PUT', policy, admin, rules.replace('.99', '.98'), { 'if-match': '"1"' });
    assert.equal(second.headers.etag, '"2"');
    assert.deepEqual(problem(await send(port, 'PUT', policy, admin, rules, { 'if-match': '"1"' })), [409, 'version_mismatch']);
    assert.deepEqual(problem(await send(port, 'PUT', policy, admin, rules, { 'if-match': '2' })), [400, undefined]);
    assert.equal((await ask(port, policy, { key: reader })).headers.etag, '"2"');
    const allowed = await send(port, 'POST', check, reader, { amount: '99999999999.98', currency: 'USD' });
    assert.equal(allowed.json().allowed, true);
    const above = await send(port, 'POST', check, reader, { amount: '12345678901234567890.12345679', currency: 'USD' });
    assert.deepEqual(above.json().violations.map(({ code }) => code), ['above_max']);
    assert.deepEqual(problem(await send(port, 'POST', check, reader, { amount: 5.5, currency: 'USD' })), [400, undefined]);
    assert.deepEqual(problem(await send(port, 'POST', check, reader, '{')), [400, undefined]);
    assert.deepEqual(problem(await send(port, 'PUT', policy, admin, 'x'.repeat(300_000))), [413, undefined]);

    const rotated = (await send(port, 'POST', `/institutions/acme/api-keys/${record.id}/rotate`, admin, { graceMs: 60_000 })).json();
    assert.equal(rotated.record.rotatedFrom, record.id);
    assert.equal((await ask(port, '/me', { key: admin })).status, 200);
    const revoked = await ask(port, `/institutions/acme/api-keys/${record.id}/revoke`, {
      method: 'POST',
      key: rotated.token,
      headers: { 'x-request-id': 'the-last' },
    });
    assert.deepEqual([revoked.json().status, revoked.headers['x-request-id']], ['revoked', 'the-last']);
    assert.equal(problemOf(await ask(port, '/me', { key: admin })).detail, 'invalid API key');
    const trail = await ask(port, '/institutions/acme/audit-events?limit=100', { key: rotated.token });
    const [{ method, path, requestId }] = trail.json().items.filter(({ action }) => action === 'revoke_key');
    assert.deepEqual([method, path, requestId], ['POST', `/institutions/acme/api-keys/${record.id}/revoke`, 'the-last']);
    assert.deepEqual(problem(await ask(port, '/nowhere', { key: ROOT })), [404, undefined]);
    await end();
    await place.leave();
  });
}

test('the gateway ends by SIGINT too, and answers first what was begun', async () => {
  const { port, child, ended } = await gateway();
  await send(port, 'POST', '/institutions', ROOT, { name: 'Acme', id: 'acme' });
  const body = '{"label":"x","role":"admin"}';
  const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-api-key': ROOT, expect: '100-continue' };
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/institutions/acme/api-keys', headers, agent: false });
  // When it says so the request is under way there.
  const going = new Promise((resolve) => request.on('continue', resolve));
  const answered = new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
  request.flushHeaders();
  await going;
  child.kill('SIGINT');
  // From now on nobody else is let in.
  for (;;) {
    const socket = net.connect(port, '127.0.0.1');
    const isIn = await new Promise((resolve) => socket.on('connect', () => resolve(true)).on('error', () => resolve(false)));
    socket.destroy();
    if (!isIn) break;
  }
  request.end(body);
  const response = await answered;
  assert.equal(response.statusCode, 201);
  response.resume();
  const { code, signal, errors } = await ended;
  assert.deepEqual([code, signal, errors], [0, null, '']);
});

test('the gateway wants a root token', async () => {
  const { code, errors } = await example('gateway.mjs').ended;
  assert.equal(code, 1);
  assert.match(errors, /^Set ROOT_API_KEY first/);
});
