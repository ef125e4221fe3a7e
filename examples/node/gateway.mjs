// A small service that manages API keys and policies over HTTP, and answers whether positions are allowed.
//
//   npm --prefix bindings-node ci && npm --prefix bindings-node run build     # once; needs Rust and a C compiler
//   npm --prefix examples/node ci
//   export ROOT_API_KEY=$(openssl rand -hex 32)
//   node examples/node/gateway.mjs
//
// It keeps records in memory, or where the environment says: STORE_BACKEND=sqlite DATABASE_URL=sqlite:keys.db, or postgres with
// its address. It listens on HOST (127.0.0.1) and PORT (8000), and ends well by SIGTERM or SIGINT: what was begun is answered.

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';

import { Doorward, DoorwardError } from 'doorward';
import { answerErrors, authenticate } from 'doorward/fastify';
import fastify from 'fastify';

if (!process.env.ROOT_API_KEY) {
  console.error('Set ROOT_API_KEY first: without it nobody may create the first institution.');
  process.exit(1);
}

const door = await Doorward.openFromEnv();
const app = fastify({
  bodyLimit: 256 * 1024,
  genReqId: () => randomUUID(),
  requestIdHeader: 'x-request-id',
  logger: { level: process.env.LOG_LEVEL ?? 'info' },
});

app.setErrorHandler((error, request, reply) => {
  if (error instanceof DoorwardError) return answerErrors(error, request, reply);
  const status = error.statusCode ?? 500;
  if (status >= 500) request.log.error(error);
  return problem(reply, status, status < 500 ? error.message : undefined);
});
app.setNotFoundHandler((request, reply) => problem(reply, 404));

function problem(reply, status, detail) {
  const document = { type: 'about:blank', title: STATUS_CODES[status], status, detail };
  return reply.code(status).type('application/problem+json').send(Buffer.from(JSON.stringify(document)));
}

app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
app.addHook('onClose', () => door.close());
await app.register(authenticate, { door, exempt: ['/health', '/ready'] });

// --- for everybody -------------------------------------------------------------------------------------------------

app.get('/health', () => ({ status: 'ok' }));
app.get('/ready', async (_, reply) => {
  const { backend, reachable } = await door.health();
  reply.code(reachable ? 200 : 503);
  return { store: backend, reachable };
});

// --- for callers: what they may do is for their session to say -----------------------------------------------------

app.get('/me', (request) => request.auth);

app.post('/institutions', async (request, reply) => {
  reply.code(201);
  return request.doorward.createInstitution(request.body);
});
app.get('/institutions', (request) => request.doorward.listInstitutions(page(request)));
app.get('/institutions/:id', (request) => request.doorward.getInstitution(request.params.id));

app.post('/institutions/:id/api-keys', async (request, reply) =>
  withToken(reply, await request.doorward.createKey(request.params.id, request.body)),
);
app.get('/institutions/:id/api-keys', (request) => request.doorward.listKeys(request.params.id, page(request)));
app.get('/institutions/:id/api-keys/:key', (request) => request.doorward.getKey(request.params.id, request.params.key));
app.post('/institutions/:id/api-keys/:key/rotate', async (request, reply) =>
  withToken(reply, await request.doorward.rotateKey(request.params.id, request.params.key, request.body ?? {})),
);
app.post('/institutions/:id/api-keys/:key/revoke', (request) =>
  request.doorward.revokeKey(request.params.id, request.params.key),
);

app.get('/institutions/:id/policies', (request) => request.doorward.listPolicies(request.params.id, page(request)));
app.get('/institutions/:id/policies/:region', async (request, reply) =>
  tagged(reply, await request.doorward.getPolicy(request.params.id, request.params.region)),
);
app.post('/institutions/:id/policies/:region/check', (request) => {
  const { id, region } = request.params;
  if (typeof request.body?.amount === 'number') throw refusal(400, 'amount must be a text: a JSON number would lose digits here');
  return request.doorward.checkPosition(id, region, request.body);
});

await app.register(async (texts) => {
  // Configs stay the text that they are: doorward reads numbers from it exactly, which a parsed body would not have kept.
  texts.addContentTypeParser('application/json', { parseAs: 'string' }, async (_, body) => body);
  texts.put('/institutions/:id/policies/:region', async (request, reply) => {
    const { id, region } = request.params;
    return tagged(reply, await request.doorward.upsertPolicy(id, region, request.body, seen(request)));
  });
});

app.get('/institutions/:id/audit-events', (request) =>
  request.doorward.listAuditEvents({ institutionId: request.params.id, ...page(request) }),
);

/** Which part of a list is wanted. */
function page({ query: { limit, cursor } }) {
  return { limit: limit === undefined ? undefined : Number(limit), cursor };
}

/** The one answer that holds a token. */
function withToken(reply, { token, record }) {
  reply.code(201).header('cache-control', 'no-store');
  return { token, record };
}

/** A policy, whose version is its ETag. */
function tagged(reply, policy) {
  reply.header('etag', `"${policy.version}"`);
  return policy;
}

/** The version of a policy that a client has seen, from its ETag. */
function seen(request) {
  const tag = request.headers['if-match'];
  if (tag === undefined) return undefined;
  const version = /^"(\d{1,15})"$/.exec(tag)?.[1];
  if (version === undefined) throw refusal(400, 'If-Match must be the ETag of a policy');
  return { expectedVersion: Number(version) };
}

function refusal(statusCode, message) {
  return Object.assign(new Error(message), { statusCode });
}

for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close());
await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 8000) });
