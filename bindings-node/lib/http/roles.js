'use strict';
// Which callers have at least a role.

const { failure } = require('../error.js');
const { originOf } = require('../verdicts.js');

/** Whoever has the first of them has the others as well. */
const RANKS = ['root', 'admin', 'read_only'];

/** What gives an error if the caller of a request does not have at least this role. */
function lacking(role) {
  const rank = RANKS.indexOf(role);
  if (rank < 0) throw new TypeError(`there is no role ${JSON.stringify(role)}`);
  return function check({ auth }) {
    if (auth === null) return refused('Unauthenticated', 'missing', 401, 'no API key was presented', check);
    if (originOf(auth) === undefined) throw new Error('nobody was authenticated before a role was asked for');
    if (RANKS.indexOf(auth.role) <= rank) return undefined;
    return refused('Forbidden', 'role_not_allowed', 403, `the role ${auth.role} does not allow this`, check);
  };
}

function refused(kind, reason, status, message, place) {
  return failure({ kind, reason, status, retryable: false, message, causes: [] }, place);
}

module.exports = { lacking };
