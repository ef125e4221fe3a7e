'use strict';
// The operations that a door and a session have in common, listed once: from each comes a method that gives a promise, and its
// twin whose name ends in `Sync`.

const { allCreated, created, freeze } = require('./answers.js');
const { policyDocument, position, positions } = require('./arguments.js');
const { answered, promised, snake } = require('./calls.js');

/** From the arguments of a method to those of the native part. */
const READ = {
  createInstitution: (institution) => ({ institution }),
  getInstitution: (institutionId) => ({ institutionId }),
  listInstitutions: (query) => ({ query }),
  updateInstitution: (institutionId, patch) => ({ institutionId, patch }),
  createKey: (institutionId, key) => ({ institutionId, key }),
  createKeys: (institutionId, keys) => ({ institutionId, keys }),
  importKeys: (institutionId, keys, options) => ({ institutionId, keys, options }),
  getKey: (institutionId, keyId) => ({ institutionId, keyId }),
  listKeys: (institutionId, query) => ({ institutionId, query }),
  updateKey: (institutionId, keyId, patch) => ({ institutionId, keyId, patch }),
  rotateKey: (institutionId, keyId, options) => ({ institutionId, keyId, options }),
  enableKey: (institutionId, keyId) => ({ institutionId, keyId }),
  disableKey: (institutionId, keyId) => ({ institutionId, keyId }),
  revokeKey: (institutionId, keyId) => ({ institutionId, keyId }),
  revokeAllKeys: (institutionId) => ({ institutionId }),
  upsertPolicy: (institutionId, region, config, check) =>
    ({ institutionId, region, config: policyDocument(config, 'config'), check }),
  mergePolicy: (institutionId, region, patch, check) =>
    ({ institutionId, region, patch: policyDocument(patch, 'patch'), check }),
  getPolicy: (institutionId, region) => ({ institutionId, region }),
  listPolicies: (institutionId, query) => ({ institutionId, query }),
  deletePolicy: (institutionId, region, check) => ({ institutionId, region, check }),
  policyHistory: (institutionId, region, query) => ({ institutionId, region, query }),
  checkPosition: (institutionId, region, asked) => ({ institutionId, region, position: position(asked) }),
  checkPositions: (institutionId, region, asked) => ({ institutionId, region, positions: positions(asked) }),
  dryRun: (institutionId, region, config, asked) =>
    ({ institutionId, region, config: policyDocument(config, 'config'), positions: positions(asked) }),
  listAuditEvents: (query) => ({ query }),
};

/** What is made of the answer, where it is not plain data. */
const FINISH = { createKey: created, createKeys: allCreated, rotateKey: created };

/** Gives a class, which extends `Operations`, the methods of a table. */
let define;

/** What has operations: a door, or a session. See `calls.js` for its target. */
class Operations {
  #target;

  constructor(target) {
    this.#target = target;
  }

  static {
    define = (Class, read, finish) => {
      for (const name of Object.keys(read)) {
        const twin = `${name}Sync`;
        const call = { operation: snake(name), read: read[name], finish: finish[name] ?? freeze };
        const methods = {
          [name](...given) {
            return promised(this.#target, call, given, methods[name]);
          },
          [twin](...given) {
            return answered(this.#target, call, given, methods[twin]);
          },
        };
        for (const [method, value] of Object.entries(methods)) {
          Object.defineProperty(Class.prototype, method, { value, configurable: true, writable: true });
        }
      }
    };
  }
}

define(Operations, READ, FINISH);

module.exports = { Operations, define };
