'use strict';
// How an error is told to a remote caller: as problem details (RFC 9457), and with no more than the caller should know.

const { STATUS_CODES } = require('node:http');

/**
 * The status, headers and body of the answer. 401 says "missing" or "invalid API key" and not why. What is wrong on this side
 * (500 and above) says nothing but the status.
 */
function problem({ status, kind, reason, field, message, retryable, retryAfterMs, rateLimit }) {
  const document = { type: 'about:blank', title: STATUS_CODES[status], status };
  const headers = { 'content-type': 'application/problem+json' };
  if (kind === 'Unauthenticated') {
    document.detail = reason === 'missing' ? 'missing API key' : 'invalid API key';
    headers['www-authenticate'] = 'Bearer';
  } else if (status < 500) {
    // What is not given is not written.
    Object.assign(document, { detail: message, reason, field });
  }
  if (retryable) headers['retry-after'] = String(Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000)));
  Object.assign(headers, rateLimit?.httpFields);
  return { status, headers, body: Buffer.from(JSON.stringify(document)) };
}

/** The log of a request, as Fastify and pino-http put it there. */
function logOf({ log }) {
  return typeof log?.warn === 'function' && typeof log.error === 'function' ? log : console;
}

/** Says to the host what the caller is not told. */
function report(error, request) {
  if (error.status < 500) return;
  const said = `doorward: answered with ${error.status}: ${error.message}`;
  if (error.kind === 'Unavailable') logOf(request).warn(said);
  else logOf(request).error(error, said);
}

/** Answers a request of Node's with an error. */
function answer(error, request, response) {
  report(error, request);
  const { status, headers, body } = problem(error);
  response.writeHead(status, { ...headers, 'content-length': body.length }).end(body);
}

module.exports = { answer, logOf, problem, report };
