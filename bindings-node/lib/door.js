'use strict';
// The handle, and the session that binds it to a caller.

const { isIP } = require('node:net');

const { freeze } = require('./answers.js');
const { encode, position } = require('./arguments.js');
const { fit, parse } = require('./calls.js');
const { Unfit } = require('./error.js');
const { opened, openedSync } = require('./opening.js');
const { Operations, define } = require('./operations.js');
const { byOption, fromEnvironment, fromOptions } = require('./options.js');
const { isPlain, presented } = require('./presented.js');
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
    const verdict = this.#verdicts.areReady ? this.#verdicts.verify(credentials, request) : undefined;
    return verdict === undefined ? super.verify(credentials, request) : Promise.resolve(verdict);
  }

  verifySync(credentials, request) {
    return this.#verdicts.verify(credentials, request) ?? super.verifySync(credentials, request);
  }

  authenticate(credentials, request) {
    if (!this.#verdicts.areReady) return super.authenticate(credentials, request);
    try {
      const context = this.#verdicts.authenticate(credentials, request, Doorward.prototype.authenticate);
      return context === undefined ? super.authenticate(credentials, request) : Promise.resolve(context);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  authenticateSync(credentials, request) {
    const called = Doorward.prototype.authenticateSync;
    return this.#verdicts.authenticate(credentials, request, called) ?? super.authenticateSync(credentials, request);
  }

  rateLimit(context) {
    const { contexts, number, isLimited } = fit(() => origin(context), 'rateLimit', Doorward.prototype.rateLimit);
    const left = isLimited ? this.#door.rateLimit(contexts, number) : null;
    return left === null ? null : freeze(JSON.parse(left));
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
  constructor(own, { door, verdicts }, context, request) {
    if (own !== OWN) throw new TypeError('a session is made by the method session of a door');
    super(new Bound(door, verdicts, context, request));
    Object.defineProperty(this, 'context', { value: context, enumerable: true });
  }
}

/** The target of a session. Its native caller is made when it is first needed, since many requests need none. */
class Bound {
  #origin;
  #request;
  #caller;

  constructor(door, verdicts, context, request) {
    this.door = door;
    this.verdicts = verdicts;
    this.#origin = fit(() => origin(context), 'session', Doorward.prototype.session);
    // What is doubtful is refused here.
    if (request === undefined || isCertain(request)) this.#request = { ...request };
    else this.#caller = this.#made(request);
  }

  get caller() {
    return (this.#caller ??= this.#made(this.#request));
  }

  #made(request) {
    const called = Doorward.prototype.session;
    const { contexts, number } = this.#origin;
    const made = contexts.caller(number, fit(() => encode({ request }), 'session', called));
    return typeof made === 'string' ? parse(made, called) : made;
  }
}

/** Whether the native part will take what is said of a request. */
function isCertain(request) {
  if (request === null || typeof request !== 'object' || !isPlain(request)) return false;
  return request.peer === undefined || (isIP(request.peer) !== 0 && !request.peer.includes('%'));
}

function origin(context) {
  const found = originOf(context);
  if (found === undefined) throw new Unfit('invalid_format', 'context', 'must be a context that authentication made');
  return found;
}

module.exports = { Doorward, Session, make };
