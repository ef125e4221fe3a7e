// Doors over stores that fail on command, for which the addon is built with the feature `testkit`.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const native = require('../../lib/native.js');
const { courier } = require('../../lib/calls.js');
const { make } = require('../../lib/door.js');

if (native.FaultyStore === undefined) {
  throw new Error('the addon has no faulty stores: build it with npm run build:testkit');
}

/** A door, what makes its store fail (`fault('busy')`, `fault('none')`), and the native door beneath it. */
export function faultyDoor(variables) {
  const options = JSON.stringify({ variables });
  const store = native.FaultyStore.with(options);
  const opened = store.open(courier, options);
  if (typeof opened === 'string') throw new Error(opened);
  return { door: make(opened), fault: (kind) => store.fault(kind), native: opened };
}
