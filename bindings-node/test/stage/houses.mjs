// The same small application for each framework, by `import` and by `require`:
//
//   GET /health, /docs/…    who the caller is, without a key: nobody
//   any other path          who the caller is
//   POST /body              how many bytes came
//   GET /admin              for admins
//   GET /docs/admin         for admins, below an exempt path
//   GET /others             asks for another institution's record
//   GET /fault              an error that is not doorward's

import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const MODULES = { import: (name) => import(name), require: async (name) => require(name) };

const EXEMPT = ['/health', '/docs/*'];
const who = ({ auth, doorward }) => ({ auth, session: doorward?.context === auth && doorward !== null });

async function size(request) {
  let bytes = 0;
  for await (const part of request) bytes += part.length;
  return { bytes };
}

async function ofHttp(load, door, log) {
  const { authenticate, requireRole } = await load('doorward/http');
  const admin = requireRole('admin', (request, response) => response.end('"admin"'));
  const handler = async (request, response) => {
    request.log = log;
    const path = request.url.split('?')[0];
    if (path.endsWith('/admin')) return admin(request, response);
    if (path === '/others') return request.doorward.getInstitution('another');
    if (path === '/fault') return response.writeHead(500).end('fault');
    if (path === '/begun') {
      response.write('begun');
      return request.doorward.getInstitution('another');
    }
    response.end(JSON.stringify(path === '/body' ? await size(request) : who(request)));
  };
  const letIn = authenticate(door, handler, { exempt: EXEMPT });
  return listening(http.createServer((request, response) => letIn(Object.assign(request, { log }), response)));
}

async function ofExpress(load, door, log) {
  const { answerErrors, authenticate, requireRole } = await load('doorward/express');
  const { default: express } = await import('express');
  const app = express();
  app.use((request, _, next) => next(void (request.log = log)));
  app.use(authenticate(door, { exempt: EXEMPT }));
  app.get(['/admin', '/docs/admin'], requireRole('admin'), (_, response) => response.json('admin'));
  app.get('/others', (request) => request.doorward.getInstitution('another'));
  app.get('/fault', () => {
    throw Object.assign(new Error('fault'), { status: 500, expose: false });
  });
  app.post('/body', async (request, response) => response.json(await size(request)));
  app.use((request, response) => response.json(who(request)));
  app.use(answerErrors);
  app.use((error, request, response, next) => response.status(500).end(error.message));
  return listening(http.createServer(app));
}

async function ofFastify(load, door, log) {
  const { answerErrors, authenticate, requireRole } = await load('doorward/fastify');
  const { default: fastify } = await import('fastify');
  const quiet = { ...log, info() {}, debug() {}, trace() {}, fatal() {}, child: () => quiet };
  const app = fastify({ loggerInstance: quiet });
  app.setErrorHandler(answerErrors);
  await app.register(authenticate, { door, exempt: EXEMPT });
  for (const path of ['/admin', '/docs/admin']) app.get(path, { onRequest: requireRole('admin') }, () => '"admin"');
  app.get('/others', (request) => request.doorward.getInstitution('another'));
  app.get('/fault', () => {
    throw new Error('fault');
  });
  app.post('/body', (request) => ({ bytes: request.body.length }));
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  app.setNotFoundHandler(who);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: app.server.address().port, close: () => app.close() };
}

async function listening(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { port: server.address().port, close };
}

const HOUSES = { http: ofHttp, express: ofExpress, fastify: ofFastify };
export const FRAMEWORKS = Object.keys(HOUSES);

/** The application of a framework on a door, listening: its port, what it logged, and `close`. */
export async function house(framework, door, way = 'import') {
  const logged = [];
  const note = (level) => (...said) => logged.push([level, ...said]);
  const { port, close } = await HOUSES[framework](MODULES[way], door, { warn: note('warn'), error: note('error') });
  return { port, logged, close };
}
