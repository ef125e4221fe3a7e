'use strict';
// The verdicts of a door, each made once. The native part gives numbers for them: first those of the reasons for refusals, then
// those of the contexts that it met. What is new is given as its complement.

const { freeze } = require('./answers.js');
const native = require('./native.js');

/** A refusal for each reason, by its number. */
const REFUSED = freeze(JSON.parse(native.reasons()).map(({ kind, reason }) => ({ granted: false, kind, reason })));

/** Where the contexts come from that authentication made. */
const origins = new WeakMap();

class Verdicts {
  #door;
  #contexts;
  #list = REFUSED.slice();
  #lookup;
  /** Whether they are there at once, since the store is in memory. */
  areReady;

  constructor(door) {
    this.#door = door;
    this.#lookup = door.lookup();
    this.areReady = door.isInMemory();
  }

  /** The verdict on a token: the way of every request. */
  on(token) {
    const number = this.#lookup(token);
    return number >= 0 ? this.#list[number] : this.#meet(~number);
  }

  /** The verdict with this number. */
  of(number) {
    return number >= 0 ? this.#list[number] : this.#meet(~number);
  }

  #meet(number) {
    // The first of a list: a list that was full has ended, so that memory does not grow with every key ever met.
    if (number === REFUSED.length) {
      this.#list = REFUSED.slice();
      this.#contexts = this.#door.contexts();
    }
    const context = freeze(JSON.parse(this.#contexts.describe(number)));
    origins.set(context, { contexts: this.#contexts, number });
    return (this.#list[number] = Object.freeze({ granted: true, context }));
  }
}

/** The native contexts and the number of a context that authentication made; else nothing. */
function originOf(context) {
  return origins.get(context);
}

module.exports = { Verdicts, originOf };
