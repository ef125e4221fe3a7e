'use strict';
// What a caller presents, as arguments.

/** The headers that may hold a token; the native part decides. */
const NAMES = /^(?:x-api-key|authorization)$/i;

/** The arguments that stand for credentials. */
function presented(credentials) {
  if (typeof credentials === 'string') return { token: credentials.toWellFormed() };
  if (credentials === null || credentials === undefined) return {};
  if (credentials instanceof Uint8Array) return bytes(credentials);
  if (Array.isArray(credentials.rawHeaders)) return { headers: flat(credentials.rawHeaders) };
  const { headers } = credentials;
  if (headers === null || typeof headers !== 'object') return { malformed: true };
  return { headers: typeof headers[Symbol.iterator] === 'function' ? pairs(headers) : members(headers) };
}

function bytes(token) {
  try {
    return { token: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(token) };
  } catch {
    return { malformed: true };
  }
}

function flat(headers) {
  const found = [];
  for (let at = 0; at + 1 < headers.length; at += 2) keep(found, headers[at], headers[at + 1]);
  return found;
}

function pairs(headers) {
  const found = [];
  for (const [name, value] of headers) keep(found, name, value);
  return found;
}

function members(headers) {
  const found = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) keep(found, name, one);
  }
  return found;
}

function keep(found, name, value) {
  if (NAMES.test(name)) found.push([name, String(value).toWellFormed()]);
}

module.exports = { presented };
