'use strict';
// The handle, and the session that binds it to a caller.

const { freeze } = require('./answers.js');
const { encode, position } = require('./arguments.js');
const { fit, parse } = require('./calls.js');
const { Unfit } = require('./error.js');
const { opened, openedSync } = require('./opening.js');
const { Operations, define } = require('./operations.js');
const { byOption, fromEnvironment, fromOptions } = require('./options.js');
const { presented } = require('./presented.js');
const { Verdicts, originOf } = require('./verdicts.js');

/** Only this module makes doors and sessions. */
const OWN = Symbol('own');

/** The operations that a door alone has. */
class Host extends Operations {}

const caller = (credentials, request) => ({ ...presented(credentials), request });

/** The question of an admission, its amount exact. */
function asked(question) {
  if (question === null || typeof question !== 'object') return question;
  return { ...question, position: position(question.position) };
}

/** The verdict that is the answer, or that came with its ticket. */
function verdict(answer, { door, verdicts }, ticket) {
  return verdicts.of(ticket === undefined ? answer.number : door.number(ticket));
}

function admission(answer, target, ticket) {
  const { context } = verdict(answer, target, ticket);
  return Object.freeze({ context, decision: freeze(ticket === undefined ? answer.decision : answer) });
}

define(
  Host,
  {
    verify: caller,
    authenticate: caller,
    admit: (credentials, question, request) => ({ ...caller(credentials, request), question: asked(question) }),
    findByToken: (token) => ({ token }),
    health: () => ({}),
    close: (options) => ({ options }),
  },
  {
    verify: verdict,
    authenticate: (answer, target, ticket) => verdict(answer, target, ticket).context,
    admit: admission,
    close: () => undefined,
  },
);

class Doorward extends Host {
  #door;
  #verdicts;

  constructor(own, door) {
    if (own !== OWN) throw new TypeError('a door is opened by Doorward.open');
    const verdicts = new Verdicts(door);
    super({ door, verdicts, caller: undefined });
    this.#door = door;
    this.#verdicts = verdicts;
  }

  static open(options) {
    return opened(() => fromOptions(options), byOption, make, Doorward.open);
  }

  static openSync(options) {
    return openedSync(() => fromOptions(options), byOption, make, Doorward.openSync);
  }

  static openFromEnv(environment = process.env) {
    return opened(() => fromEnvironment(environment), undefined, make, Doorward.openFromEnv);
  }

  static openFromEnvSync(environment = process.env) {
    return openedSync(() => fromEnvironment(environment), undefined, make, Doorward.openFromEnvSync);
  }

  verify(credentials, request) {
    if (this.#verdicts.areReady && typeof credentials === 'string' && request === undefined) {
      return Promise.resolve(this.#verdicts.on(credentials));
    }
    return super.verify(credentials, request);
  }

  verifySync(credentials, request) {
    if (typeof credentials === 'string' && request === undefined) return this.#verdicts.on(credentials);
    return super.verifySync(credentials, request);
  }

  session(context, request) {
    return new Session(OWN, { door: this.#door, verdicts: this.#verdicts }, context, request);
  }

  metrics() {
    return freeze(parse(this.#door.metrics(), this.metrics));
  }

  metricsText() {
    return this.#door.metricsText();
  }
}

// Older releases of Node 20 do not have these symbols.
if (Symbol.dispose) {
  Object.defineProperty(Doorward.prototype, Symbol.dispose, {
    value() {
      this.closeSync();
    },
  });
}
if (Symbol.asyncDispose) {
  Object.defineProperty(Doorward.prototype, Symbol.asyncDispose, {
    value() {
      return this.close();
    },
  });
}

/** A door over a native one. */
function make(door) {
  return new Doorward(OWN, door);
}

class Session extends Operations {
  constructor(own, target, context, request) {
    if (own !== OWN) throw new TypeError('a session is made by the method session of a door');
    super({ ...target, caller: holder(context, request) });
    Object.defineProperty(this, 'context', { value: context, enumerable: true });
  }
}

/** The native holder of a context, with its request. */
function holder(context, request) {
  const called = Doorward.prototype.session;
  const { contexts, number } = fit(() => origin(context), 'session', called);
  const made = contexts.caller(number, fit(() => encode({ request }), 'session', called));
  return typeof made === 'string' ? parse(made, called) : made;
}

function origin(context) {
  const found = originOf(context);
  if (found === undefined) throw new Unfit('invalid_format', 'context', 'must be a context that authentication made');
  return found;
}

module.exports = { Doorward, Session, make };
