'use strict';
// For Fastify 5. `fastify.d.ts` describes it.

const { DoorwardError } = require('./lib/error.js');
const { Gate } = require('./lib/http/gate.js');
const { problem, report } = require('./lib/http/problem.js');
const { lacking } = require('./lib/http/roles.js');

async function authenticate(app, given) {
  // What is left out here is for Fastify, which gives everything that was registered.
  const { door, prefix, logLevel, logSerializers, ...options } = given;
  const gate = new Gate(door, options);
  for (const name of ['auth', 'doorward']) if (!app.hasRequestDecorator(name)) app.decorateRequest(name, null);
  app.addHook('onRequest', async (request, reply) => {
    try {
      const tell = (name, value) => reply.header(name, value);
      await gate.enter(request, request.raw, below(app.prefix, request.url), request.originalUrl, tell);
    } catch (error) {
      return answerErrors(error, request, reply);
    }
  });
}

// As `fastify-plugin` marks them: it is for the scope in which it is registered, and not for one of its own.
authenticate[Symbol.for('skip-override')] = true;
authenticate[Symbol.for('fastify.display-name')] = 'doorward';
authenticate[Symbol.for('plugin-meta')] = { name: 'doorward', fastify: '5.x' };

function requireRole(role) {
  const check = lacking(role);
  return async (request, reply) => {
    const error = check(request);
    if (error !== undefined) return answerErrors(error, request, reply);
  };
}

/** What is no error of doorward goes to the handler around this one. */
function answerErrors(error, request, reply) {
  if (!(error instanceof DoorwardError)) throw error;
  report(error, request);
  const { status, headers, body } = problem(error);
  return reply.code(status).headers(headers).send(body);
}

/** The path below the prefix of a scope. */
function below(prefix, url) {
  return prefix !== '' && url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url;
}

module.exports = { answerErrors, authenticate, requireRole };
