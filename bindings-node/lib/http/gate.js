'use strict';
// Who comes in with a request: what all frameworks have in common.

const { Doorward } = require('../door.js');
const { Exempt, decoded } = require('./exempt.js');

class Gate {
  #door;
  #exempt;

  constructor(door, { exempt = [], ...others } = {}) {
    if (!(door instanceof Doorward)) throw new TypeError('the door must be one that Doorward.open has given');
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`${unknown} is not an option that is known here`);
    this.#door = door;
    this.#exempt = new Exempt(exempt);
  }

  /**
   * Puts who the caller is on a request, and gives the fields that tell it of its rate limit to `tell`, one by one; fails if it
   * is not let in. `message` is Node's request, `path` what is compared with
   * the exempt paths, and `url` what the audit trail shows.
   */
  async enter(request, message, path, url, tell) {
    if (this.#exempt.covers(pathOf(path))) {
      request.auth = null;
      request.doorward = null;
      return;
    }
    const known = told(message, url, request.id);
    const context = await this.#door.authenticate(message, known);
    request.auth = context;
    request.doorward = this.#door.session(context, known);
    const left = this.#door.rateLimit(context);
    if (left !== null) for (const [name, value] of Object.entries(left.httpFields)) tell(name, value);
  }
}

/** What is known of a request. Its id is the header `x-request-id`, else the one that the host has given it. */
function told({ method, headers, socket }, url, id) {
  const path = pathOf(url);
  const requestId = headers['x-request-id'] ?? id;
  const forwarded = headers['x-forwarded-for'];
  // The other end of a socket of the file system has no address, and one with a zone is none that means the same elsewhere.
  const peer = socket?.remoteAddress;
  return {
    method,
    path: decoded(path) ?? path,
    requestId: requestId == null ? undefined : String(requestId),
    peer: peer?.includes('%') ? undefined : peer,
    forwardedFor: Array.isArray(forwarded) ? forwarded.join(', ') : forwarded,
  };
}

function pathOf(url) {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

module.exports = { Gate };
