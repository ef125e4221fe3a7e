'use strict';
// Which paths need no API key.
//
// A path is compared as it was sent, since that is what routers compare, letter by letter: `/health` exempts that path alone,
// `/docs/*` everything below `/docs/`, but not `/docs/`, which many routers take for `/docs`. One that others might read as
// another path is never exempt: one with an empty segment (`//`), a segment `.` or `..`, one of `;?#`, at which Fastify's router
// may end the path, a backslash, a control character, or a percent sign that is left after decoding.

const AMBIGUOUS = /\/\/|\/\.{1,2}(?:\/|$)|[;?#\\%\x00-\x1f\x7f]/;

const isPlain = (path) => path.startsWith('/') && !AMBIGUOUS.test(path);

class Exempt {
  #exact = new Set();
  #below = [];

  constructor(paths) {
    if (!Array.isArray(paths)) throw new TypeError('exempt is an array of paths');
    for (const path of paths) {
      const stem = rule(path);
      if (stem === undefined) {
        throw new TypeError(`exempt: ${JSON.stringify(path)} is neither a plain path nor one followed by /*`);
      }
      // As a client must send it.
      if (stem === path) this.#exact.add(encodeURI(stem));
      else this.#below.push(encodeURI(stem));
    }
  }

  /** Whether this path, as it was sent, needs no API key. */
  covers(path) {
    if (!this.#exact.has(path) && !this.#below.some((stem) => path.length > stem.length && path.startsWith(stem))) return false;
    const read = decoded(path);
    return read !== undefined && isPlain(read);
  }
}

/** What a rule is about: the path itself, or what it begins with. Nothing if the rule means nothing certain. */
function rule(path) {
  if (typeof path !== 'string' || !path.isWellFormed()) return undefined;
  const stem = path.endsWith('/*') ? path.slice(0, -1) : path;
  if ((stem === '/' && stem !== path) || stem.includes('*') || !isPlain(stem)) return undefined;
  return stem;
}

/** A path without its escapes; nothing if they are no text. */
function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

module.exports = { Exempt, decoded };
