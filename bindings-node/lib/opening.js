'use strict';
// Opening a door, at once or on a thread of its own.

const { courier, fit, later, parse } = require('./calls.js');
const native = require('./native.js');

/** A promise for what `make` makes of the native door; `read` gives the options as JSON. */
function opened(read, rename, make, called) {
  return new Promise((resolve, reject) => {
    const options = fit(read, 'open', called);
    const begin = (ticket) => native.open(courier, ticket, options);
    const finish = (_, ticket) => make(native.opened(courier, ticket));
    later(begin, finish, called, resolve, reject, rename);
  });
}

/** The same, waiting for the store. */
function openedSync(read, rename, make, called) {
  const door = native.openSync(courier, fit(read, 'open', called));
  return typeof door === 'string' ? parse(door, called, rename) : make(door);
}

module.exports = { opened, openedSync };
