'use strict';
// What a caller presents, as arguments.

/** The headers that may hold a token; the native part decides. */
const NAMES = /^(?:x-api-key|authorization)$/i;

/** What a token is made of in nearly every request, and such a token as a bearer's. */
const PLAIN = /^[!-~]+$/;
const BEARER = /^bearer[ \t]+(?<token>[!-~]+)$/i;

/** The longest part of a request that the quick way takes, in characters: of at most three bytes each. */
const PART = 340;

/** The token, if it is plain to see which one is meant. All else is for the native part to judge. */
function plainToken(credentials) {
  if (typeof credentials === 'string') return credentials;
  const headers = credentials?.rawHeaders;
  if (!Array.isArray(headers)) return undefined;
  let [key, authorization] = [undefined, undefined];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const length = headers[at]?.length;
    if ((length !== 9 && length !== 13) || !NAMES.test(headers[at])) continue;
    if ((length === 9 ? key : authorization) !== undefined) return undefined;
    if (length === 9) key = headers[at + 1];
    else authorization = headers[at + 1];
  }
  if (key === undefined) return authorization === undefined ? undefined : BEARER.exec(authorization)?.groups.token;
  return typeof key === 'string' && PLAIN.test(key) ? key : undefined;
}

const KNOWN = new Set(['method', 'path', 'requestId', 'peer', 'forwardedFor']);

/** Whether what is said of a request is texts of the usual length, under names that are known. */
function isPlain(request) {
  for (const name in request) {
    const value = request[name];
    if (!KNOWN.has(name) || (value !== undefined && !isUsual(value))) return false;
  }
  return true;
}

function isUsual(value) {
  return typeof value === 'string' && value.length <= PART && value.isWellFormed();
}

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

module.exports = { isPlain, plainToken, presented };
