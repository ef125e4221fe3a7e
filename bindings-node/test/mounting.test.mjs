// What is particular to a framework: routers that are mounted, scopes within scopes, handlers of errors.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import express from 'express';
import fc from 'fast-check';
import fastify from 'fastify';

import { Doorward, DoorwardError } from '../index.mjs';
import * as ofExpress from '../express.mjs';
import * as ofFastify from '../fastify.mjs';
import * as ofHttp from '../http.mjs';
import { ask, problemOf } from './stage/asking.mjs';

let [door, id, token] = [];
before(async () => {
  door = await Doorward.open({ auditReads: true });
  ({ id } = await door.createInstitution({ name: 'Acme' }));
  ({ token } = await door.createKey(id, { label: 'x', role: 'read_only' }));
});
after(() => door.close());

/** Answers of a server for paths, each asked without a key and with one: their statuses. */
async function statuses(server, ...paths) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const seen = {};
  for (const path of paths) seen[path] = [(await ask(port, path)).status, (await ask(port, path, { key: token })).status];
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  return seen;
}

const ok = (_, response) => response.json('ok');

test('Express: exempt paths are those below where the middleware is mounted, and the trail has the whole path', async () => {
  const app = express();
  const api = express.Router();
  api.use(ofExpress.authenticate(door, { exempt: ['/health', '/docs/*'] }));
  api.get('/me', async (request, response) => response.json(await request.doorward.getInstitution(id)));
  api.use(ok);
  app.use('/api', api);
  app.get('/health', ok);
  const seen = await statuses(http.createServer(app), '/api/health', '/api/docs/x', '/api/api/health', '/api/me', '/api', '/health');
  assert.deepEqual(seen, {
    '/api/health': [200, 200],
    '/api/docs/x': [200, 200],
    '/api/api/health': [401, 200],
    '/api/me': [401, 200],
    '/api': [401, 200],
    '/health': [200, 200],
  });
  const { items } = await door.listAuditEvents({ action: 'get_institution' });
  assert.equal(items[0].path, '/api/me');
});

test('Express: tricks with the path of a mount need a key', async () => {
  const app = express();
  app.use('/api', ofExpress.authenticate(door, { exempt: ['/health', '/docs/*'] }));
  app.use(ok);
  const tricks = ['/api//health', '/api/%2e%2e/health', '/api/docs/../x', '/api/docs/%2e%2e/x', '/API/../api/health', '/api/%2fhealth', '/api/Health'];
  for (const [path, seen] of Object.entries(await statuses(http.createServer(app), ...tricks))) assert.deepEqual(seen, [401, 200], path);
});

test('Express: a router within may ask for more, and its refusals do not reach the handler of errors', async () => {
  const app = express();
  let handled = 0;
  app.use(ofExpress.authenticate(door));
  app.use('/admin', ofExpress.requireRole('admin'), ok);
  app.use(ok);
  app.use((error, request, response, next) => {
    handled += 1;
    next(error);
  });
  assert.deepEqual(await statuses(http.createServer(app), '/admin', '/x'), { '/admin': [401, 403], '/x': [401, 200] });
  assert.equal(handled, 0);
});

test('Express: a role without authentication before it is a fault of the program, and lets nobody in', async () => {
  const app = express().set('env', 'test');
  app.get('/bare', ofExpress.requireRole('read_only'), ok);
  app.get('/forged', (request, _, next) => next(void (request.auth = { role: 'root', institutionId: null, apiKeyId: null })), [
    ofExpress.requireRole('read_only'),
    ok,
  ]);
  assert.deepEqual(await statuses(http.createServer(app), '/bare', '/forged'), { '/bare': [500, 500], '/forged': [500, 500] });
});

const PIECES = ['/', '/', '/', 'health', 'docs', 'x', '..', '.', '%2e', '%2F', '%5c', '\\', '%64ocs', 'HEALTH', ';', '#', '?', '%00', '%25', '%'];
const path = fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
const OPEN = { exempt: ['/health', '/docs/*'] };

/** Without a key nobody comes to what is not exempt, whatever a router makes of the path. */
async function nobodyComesIn(port) {
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(path, async (path) => {
      const { status, text } = await ask(port, path);
      if (status === 200) seen += 1;
      assert.ok(status === 200 ? text === 'open' : status === 401 || status === 400 || status === 404, `${status} ${text}`);
    }),
    { numRuns: 1500, examples: [['/health'], ['/docs/x'], ['/docs/;'], ['/docs/#']] },
  );
  assert.ok(seen >= 2);
}

test('Express: no path leads anywhere else without a key', async () => {
  const app = express();
  app.use(ofExpress.authenticate(door, OPEN));
  app.get(['/health', '/docs/{*rest}'], (_, response) => response.send('open'));
  app.get('/:any/:other', (_, response) => response.send('closed'));
  app.use((_, response) => response.send('closed'));
  const server = http.createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await nobodyComesIn(server.address().port);
  } finally {
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
  }
});

test('Fastify: no path leads anywhere else without a key, however its router reads them', async () => {
  const loose = { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false, useSemicolonDelimiter: true };
  for (const routerOptions of [{}, loose]) {
    const app = fastify({ routerOptions });
    await app.register(ofFastify.authenticate, { door, ...OPEN });
    for (const route of ['/health', '/docs/*']) app.get(route, () => 'open');
    app.get('/:any/:other', () => 'closed');
    app.get('/*', () => 'closed');
    await app.listen({ host: '127.0.0.1', port: 0 });
    try {
      await nobodyComesIn(app.server.address().port);
    } finally {
      await app.close();
    }
  }
});

test('Fastify: the plugin is for the scope in which it is registered, and for those within', async () => {
  const app = fastify();
  app.get('/open', (request) => ({ auth: request.auth }));
  await app.register(
    async (api) => {
      await api.register(ofFastify.authenticate, { door, exempt: ['/health', '/docs/*'] });
      api.get('/health', (request) => ({ auth: request.auth }));
      api.get('/me', (request) => request.doorward.getInstitution(id));
      await api.register(async (inner) => inner.get('/inner', { preHandler: ofFastify.requireRole('admin') }, () => 'in'));
    },
    { prefix: '/v1' },
  );
  await app.ready();
  const seen = async (url, headers) => {
    const { statusCode, body } = await app.inject({ url, headers });
    return [statusCode, statusCode === 200 ? JSON.parse(body) : undefined];
  };
  const key = { 'x-api-key': token };
  assert.deepEqual(await seen('/open'), [200, {}]);
  assert.deepEqual(await seen('/v1/health', key), [200, { auth: null }]);
  assert.deepEqual(await seen('/v1/me'), [401, undefined]);
  assert.equal((await seen('/v1/me', key))[1].id, id);
  assert.deepEqual(await seen('/v1/inner', key), [403, undefined]);
  assert.deepEqual(await seen('/v1/docs/x'), [404, undefined]);
  assert.equal((await seen('/v1/v1/health'))[0], 404);
  const { items } = await door.listAuditEvents({ action: 'get_institution' });
  assert.equal(items[0].path, '/v1/me');
  await app.close();
});

test('Fastify: scopes side by side and within one another may each have their door', async () => {
  const other = await Doorward.open();
  const app = fastify();
  for (const [prefix, its] of [['/a', door], ['/b', other]]) {
    await app.register(
      async (scope) => {
        await scope.register(ofFastify.authenticate, { door: its });
        scope.get('/me', (request) => request.auth);
      },
      { prefix },
    );
  }
  await app.register(async (outer) => {
    await outer.register(ofFastify.authenticate, { door, exempt: ['/c/me'] });
    await outer.register(async (inner) => {
      await inner.register(ofFastify.authenticate, { door });
      inner.get('/c/me', (request) => request.auth);
    });
  });
  const status = async (url) => (await app.inject({ url, headers: { 'x-api-key': token } })).statusCode;
  assert.deepEqual([await status('/a/me'), await status('/b/me'), await status('/c/me')], [200, 401, 200]);
  assert.equal((await app.inject('/c/me')).statusCode, 401);
  await app.close();
  await other.close();
});

test('Fastify: it is registered by its name, and a wrong rule stops the application from starting', async () => {
  const app = fastify();
  await app.register(ofFastify.authenticate, { door });
  assert.ok(app.hasPlugin('doorward') && app.hasRequestDecorator('auth') && app.hasRequestDecorator('doorward'));
  await app.close();
  const wrong = fastify();
  await assert.rejects(async () => wrong.register(ofFastify.authenticate, { door, exempt: ['health'] }), /exempt/);
  const misspelt = fastify();
  await assert.rejects(async () => misspelt.register(ofFastify.authenticate, { door, exmept: ['/health'] }), /exmept/);
});

test('Fastify: the handler of errors hands on what is none of doorward\'s, and may be the application\'s own', async () => {
  const app = fastify();
  app.setErrorHandler((error, request, reply) => reply.code(418).send(error.message));
  await app.register(async (scope) => {
    scope.setErrorHandler(ofFastify.answerErrors);
    scope.get('/other', () => {
      throw new Error('other');
    });
    scope.get('/ours', () => door.getInstitution('nobody'));
  });
  app.get('/own', () => door.getInstitution('nobody'));
  const seen = async (url) => {
    const { statusCode, headers } = await app.inject(url);
    return [statusCode, headers['content-type']];
  };
  assert.deepEqual(await seen('/ours'), [404, 'application/problem+json']);
  assert.equal((await seen('/other'))[0], 418);
  assert.equal((await seen('/own'))[0], 418);
  await app.close();
});

test('http: an answer that had begun when the error came is cut, and the server goes on', async () => {
  const logged = [];
  const handler = async (request, response) => {
    if (request.url === '/x') return response.end('x');
    request.log = { warn() {}, error: (error) => logged.push(error) };
    response.write('begun');
    await request.doorward.getInstitution('another');
  };
  const server = http.createServer(ofHttp.authenticate(door, handler)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await assert.rejects(ask(port, '/', { key: token }));
  const { text } = await ask(port, '/x', { key: token });
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  assert.ok(logged.length === 1 && logged[0] instanceof DoorwardError);
  assert.equal(text, 'x');
});

test('http: a request over a socket of the file system comes from nowhere, and is let in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'doorward-node-'));
  const socketPath = join(folder, 'socket');
  const server = http.createServer(ofHttp.authenticate(door, ({ auth }, response) => response.end(auth.role))).listen(socketPath);
  await once(server, 'listening');
  const [response] = await once(http.get({ socketPath, path: '/', headers: { 'x-api-key': token }, agent: false }), 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, 'end');
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  await rm(folder, { recursive: true });
});

test('http: errors of doorward are answered by hand where nobody does it', async () => {
  const server = http.createServer((request, response) => {
    door.getInstitution('nobody').catch((error) => ofHttp.answerErrors(error, request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.equal(problemOf(await ask(server.address().port, '/')).reason, 'institution_not_found');
  assert.throws(() => ofHttp.answerErrors(new RangeError('other'), {}, {}), RangeError);
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
});
