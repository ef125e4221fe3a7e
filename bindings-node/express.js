'use strict';
// For Express 5. `express.d.ts` describes it.

const { DoorwardError } = require('./lib/error.js');
const { Gate } = require('./lib/http/gate.js');
const { answer } = require('./lib/http/problem.js');
const { lacking } = require('./lib/http/roles.js');

function authenticate(door, options) {
  const gate = new Gate(door, options);
  return async (request, response, next) => {
    try {
      // The first is the path below where this is mounted.
      await gate.enter(request, request, request.url, request.originalUrl, (name, value) => response.setHeader(name, value));
    } catch (error) {
      answerErrors(error, request, response, next);
      return;
    }
    next();
  };
}

function requireRole(role) {
  const check = lacking(role);
  return (request, response, next) => {
    const error = check(request);
    if (error === undefined) next();
    else answer(error, request, response);
  };
}

function answerErrors(error, request, response, next) {
  if (error instanceof DoorwardError && !response.headersSent) answer(error, request, response);
  else next(error);
}

module.exports = { answerErrors, authenticate, requireRole };
