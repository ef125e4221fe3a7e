// The same by `require`: the types are those of `import`.

import doorward = require('doorward');
import express = require('doorward/express');
import fastify = require('doorward/fastify');
import http = require('doorward/http');

export const { Doorward } = doorward;

export async function all(context: doorward.AuthContext): Promise<doorward.Session> {
  const door: doorward.Doorward = await Doorward.open({ store: 'sqlite' });
  express.authenticate(door, { exempt: ['/health'] });
  http.authenticate(door, ({ auth }, response) => response.end(auth?.role));
  // @ts-expect-error A plugin is registered.
  fastify.authenticate(door);
  // @ts-expect-error There is no default.
  doorward.default;
  return door.session(context);
}
