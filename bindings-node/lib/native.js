'use strict';
// Finds and loads the native part: beside this package where it was built from source, else in the package for this platform.

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const { version } = require('../package.json');
const { PLATFORMS, platform } = require('./platform.js');

const BUILD =
  'To build it from source, in a checkout of doorward with Rust and a C compiler: cd bindings-node && npm ci && npm run build';

function load() {
  const here = platform();
  const built = join(__dirname, '..', `doorward.${here}.node`);
  const place = existsSync(built) ? built : packaged(here);
  let native;
  try {
    native = require(place);
  } catch (cause) {
    throw failure([`${place} is there, but cannot be loaded on ${here}: ${cause.message}`, remedy(place === built)], cause);
  }
  const found = native.version();
  if (found !== version) throw failure([`${place} is version ${found}, and doorward is ${version}`, remedy(place === built)]);
  return native;
}

/** The name of the package for this platform, which must be there. */
function packaged(here) {
  const name = `doorward-${here}`;
  if (isThere(name)) return name;
  if (!PLATFORMS.includes(here)) {
    throw failure([`there is no package for ${here}, but for ${PLATFORMS.join(', ')}`, BUILD]);
  }
  const others = PLATFORMS.map((other) => `doorward-${other}`).filter(isThere);
  throw failure([
    `this is ${here}, whose native part is in the package ${name}, and that is not installed`,
    others.length > 0
      ? `${others.join(' and ')} is there: node_modules was made on another platform. Install on the one that runs the program`
      : 'It is an optional dependency: --omit=optional and --no-optional leave it out, and so does a lock file that was made ' +
        `on another platform by an old npm. ${remedy(false)}`,
    BUILD,
  ]);
}

function isThere(name) {
  try {
    return Boolean(require.resolve(name));
  } catch {
    return false;
  }
}

function remedy(wasBuiltHere) {
  if (wasBuiltHere) return 'Build it again: npm run build';
  return (
    'Remove node_modules, and package-lock.json if it does not name that package, and install again: ' +
    'npm install --include=optional'
  );
}

function failure(parts, cause) {
  return new Error(`doorward has no native part: ${parts.join('. ')}.`, cause && { cause });
}

module.exports = load();
