'use strict';
// Who the caller is, answered at once: the quick way of `verify` and `authenticate`, for a token that is plain to see.
//
// The verdicts of a door, each made once. The native part gives numbers for them: first those of the reasons for refusals, then
// those of the contexts that it met. What is new is given as its complement. Far below these are refusals for coming too often:
// the least number, and the milliseconds after which the caller may come again.

const { freeze } = require('./answers.js');
const { parse } = require('./calls.js');
const native = require('./native.js');
const { isPlain, plainToken } = require('./presented.js');

/** A refusal for each reason, by its number. */
const REFUSED = freeze(JSON.parse(native.reasons()).map(({ kind, reason }) => ({ granted: false, kind, reason })));

/** What comes before this is for coming too often. */
const WAITS = -(2 ** 30);
const LEAST = -(2 ** 31);

/** Where the contexts come from that authentication made. */
const origins = new WeakMap();

class Verdicts {
  #door;
  #contexts;
  #list = REFUSED.slice();
  #verifying;
  #authenticating;
  /** Whether they are there at once, since the store is in memory. */
  areReady;

  constructor(door) {
    this.#door = door;
    this.#verifying = door.verifying();
    this.#authenticating = door.authenticating();
    this.areReady = door.isInMemory();
  }

  /** The verdict on a caller; nothing if it is not for the quick way. */
  verify(credentials, request) {
    const number = ask(this.#verifying, credentials, request);
    return number === undefined ? undefined : this.of(number);
  }

  /** The context of a caller; nothing if it is not for the quick way. Throws the error, which points at the caller of `called`. */
  authenticate(credentials, request, called) {
    const answer = ask(this.#authenticating, credentials, request);
    if (typeof answer === 'number') return this.of(answer).context;
    return answer === undefined ? undefined : parse(answer, called);
  }

  /** The verdict with this number. */
  of(number) {
    if (number >= 0) return this.#list[number];
    return number > WAITS ? this.#meet(~number) : tooOften(number - LEAST);
  }

  #meet(number) {
    // The first of a list: a list that was full has ended, so that memory does not grow with every key ever met.
    if (number === REFUSED.length) {
      this.#list = REFUSED.slice();
      this.#contexts = this.#door.contexts();
    }
    const context = freeze(JSON.parse(this.#contexts.describe(number)));
    const isLimited = this.#door.rateLimit(this.#contexts, number) !== null;
    origins.set(context, { contexts: this.#contexts, number, isLimited });
    return (this.#list[number] = Object.freeze({ granted: true, context }));
  }
}

function tooOften(retryAfterMs) {
  return Object.freeze({ granted: false, kind: 'RateLimited', reason: 'rate_limited', retryAfterMs });
}

function ask(native, credentials, request) {
  const token = plainToken(credentials);
  if (token === undefined) return undefined;
  if (request === undefined) return native(token);
  if (request === null || typeof request !== 'object' || !isPlain(request)) return undefined;
  return native(token, request.method, request.path, request.requestId, request.peer, request.forwardedFor);
}

/** Of a context that authentication made the native contexts, its number, and whether it has a rate limit; else nothing. */
function originOf(context) {
  return origins.get(context);
}

module.exports = { Verdicts, originOf };
