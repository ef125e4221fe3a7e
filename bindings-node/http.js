'use strict';
// For servers of `node:http`. `http.d.ts` describes it.

const { DoorwardError } = require('./lib/error.js');
const { Gate } = require('./lib/http/gate.js');
const { answer, logOf } = require('./lib/http/problem.js');
const { lacking } = require('./lib/http/roles.js');

function authenticate(door, handler, options) {
  const gate = new Gate(door, options);
  return async (request, response) => {
    try {
      await gate.enter(request, request, request.url, request.url, (name, value) => response.setHeader(name, value));
      return await handler(request, response);
    } catch (error) {
      if (!(error instanceof DoorwardError)) throw error;
      if (response.headersSent) cut(error, request, response);
      else answer(error, request, response);
    }
  };
}

function requireRole(role, handler) {
  const check = lacking(role);
  return (request, response) => {
    const error = check(request);
    if (error !== undefined) throw error;
    return handler(request, response);
  };
}

function answerErrors(error, request, response) {
  if (!(error instanceof DoorwardError) || response.headersSent) throw error;
  answer(error, request, response);
}

/** Ends an answer that had begun when the error came, so that nobody takes it for whole. */
function cut(error, request, response) {
  logOf(request).error(error, 'doorward: the answer had begun');
  response.destroy();
}

module.exports = { answerErrors, authenticate, requireRole };
