// Doors over stores that fail on command, for which the addon is built with the feature `testkit`.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const native = require('../../lib/native.js');
const { courier } = require('../../lib/calls.js');
const { make } = require('../../lib/door.js');

if (native.FaultyStore === undefined) {
  throw new Error('the addon has no faulty stores: build it with npm run build:testkit');
}

/** A door, and what makes its store fail: `fault('busy')`, `fault('none')`. */
export function faultyDoor(variables) {
  const options = JSON.stringify({ variables });
  const store = native.FaultyStore.with(options);
  const door = store.open(courier, options);
  if (typeof door === 'string') throw new Error(door);
  return { door: make(door), fault: (kind) => store.fault(kind) };
}
