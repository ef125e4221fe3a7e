'use strict';
// Finds and loads the native part: beside this package where it was built, else from the package for this platform.

const { join } = require('node:path');

const { platform } = require('./platform.js');

function load() {
  const triple = platform();
  const tried = [];
  for (const place of [join(__dirname, '..', `doorward.${triple}.node`), `doorward-${triple}`]) {
    try {
      return require(place);
    } catch (error) {
      tried.push(error);
    }
  }
  const message =
    `doorward has no native part for ${triple} here. Install with optional dependencies (npm install --include=optional), ` +
    `on the platform that runs the program; or build it: npm run build`;
  throw new Error(message, { cause: new AggregateError(tried, tried.map(({ message }) => message).join('\n')) });
}

module.exports = load();
