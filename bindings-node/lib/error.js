'use strict';
// The one error type, and how it is made of what the native part says.

const { freeze } = require('./answers.js');

class DoorwardError extends Error {
  constructor({ kind, reason, status, retryable, retryAfterMs, rateLimit, operation, field, message, causes }) {
    const cause = causes.reduceRight((inner, text) => new Error(text, inner && { cause: inner }), undefined);
    super([operation, field, message].filter((part) => part != null).join(': '), cause && { cause });
    this.kind = kind;
    this.reason = reason;
    this.operation = operation ?? undefined;
    this.field = field ?? undefined;
    this.status = status;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs ?? undefined;
    this.rateLimit = rateLimit ? freeze(rateLimit) : undefined;
  }
}
Object.defineProperty(DoorwardError.prototype, 'name', { value: 'DoorwardError', configurable: true, writable: true });

/** Where a call was made, kept for an error that may come of it later. */
class Origin {
  constructor(called) {
    Error.captureStackTrace(this, called);
  }
}

/** The described error, with a stack that ends where `place` says: at the caller of a function, or at an origin. */
function failure(described, place) {
  const error = new DoorwardError(described);
  if (place instanceof Origin) {
    const [, ...frames] = String(place.stack).split('\n');
    error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  } else {
    Error.captureStackTrace(error, place);
  }
  return error;
}

/** An argument that is refused before the native part sees it. Whoever knows the operation makes an error of it. */
class Unfit {
  constructor(reason, field, message, { kind = 'Validation', status = 400, cause } = {}) {
    const causes = cause === undefined ? [] : [String(cause)];
    this.described = { kind, reason, status, retryable: false, field, message, causes };
  }
}

module.exports = { DoorwardError, Origin, Unfit, failure };
