// Doors over stores that fail on command, which the addon has that `testkit.cjs` puts in place.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const native = require('../../lib/native.js');
const { courier } = require('../../lib/calls.js');
const { make } = require('../../lib/door.js');

if (native.FaultyStore === undefined) {
  throw new Error('the addon has no faulty stores: run the tests by npm test');
}

/** A door, what makes its store fail (`fault('busy')`, `fault('none')`), and the native door beneath it. */
export function faultyDoor(variables) {
  const options = JSON.stringify({ variables });
  const store = native.FaultyStore.with(options);
  const opened = store.open(courier, options);
  if (typeof opened === 'string') throw new Error(opened);
  return { door: make(opened), fault: (kind) => store.fault(kind), native: opened };
}
