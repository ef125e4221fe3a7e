// How programs in TypeScript use the package with the frameworks. It is compiled and never run.

import { createServer } from 'node:http';

import express from 'express';
import fastify from 'fastify';

import { type AuthContext, Doorward, type Session } from 'doorward';
import * as ofExpress from 'doorward/express';
import * as ofFastify from 'doorward/fastify';
import * as ofHttp from 'doorward/http';

/** Holds if both are one type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const door = await Doorward.open();

const app = express();
app.use(ofExpress.authenticate(door));
app.use('/api', ofExpress.authenticate(door, { exempt: ['/health'] }));
app.get('/keys/:id', ofExpress.requireRole('admin'), async (request, response) => {
  same<typeof request.params.id, string>(true);
  same<typeof request.auth, AuthContext | null | undefined>(true);
  same<typeof request.doorward, Session | null | undefined>(true);
  // @ts-expect-error On an exempt path nobody is known.
  request.auth.institutionId;
  response.json(await request.doorward?.getKey(request.auth?.institutionId ?? '', request.params.id));
});
app.use(ofExpress.answerErrors);
// @ts-expect-error One path alone is no list.
ofExpress.authenticate(door, { exempt: '/health' });
// @ts-expect-error A misspelt option.
ofExpress.authenticate(door, { exmept: [] });
// @ts-expect-error There is no such role.
ofExpress.requireRole('owner');
// @ts-expect-error Some door is asked.
ofExpress.authenticate();

const server = fastify();
server.setErrorHandler(ofFastify.answerErrors);
await server.register(ofFastify.authenticate, { door, exempt: ['/health'] });
server.get('/keys', { onRequest: ofFastify.requireRole('admin') }, async (request) => {
  same<typeof request.auth, AuthContext | null>(true);
  same<typeof request.doorward, Session | null>(true);
  // @ts-expect-error On an exempt path nobody is known.
  request.doorward.listKeys('acme');
  return request.doorward?.listKeys(request.auth?.institutionId ?? '');
});
server.get('/later', { preHandler: [ofFastify.requireRole('read_only')] }, (request) => request.auth?.role);
// @ts-expect-error Some door is asked.
server.register(ofFastify.authenticate, { exempt: [] });
// @ts-expect-error There is no such role.
ofFastify.requireRole('owner');

const handler: ofHttp.Handler = (request, response) => {
  same<typeof request.auth, AuthContext | null>(true);
  response.end(request.url);
};
createServer(ofHttp.authenticate(door, handler, { exempt: ['/health'] }));
createServer(ofHttp.authenticate(door, ofHttp.requireRole('admin', (request, response) => response.end(request.auth?.role))));
createServer((request, response) => ofHttp.answerErrors(new Error(), request, response));
// @ts-expect-error A handler is missing.
createServer(ofHttp.authenticate(door, { exempt: [] }));
// @ts-expect-error There is no such role.
ofHttp.requireRole('owner', handler);
