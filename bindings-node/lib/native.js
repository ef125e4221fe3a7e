'use strict';
// Finds and loads the native part: beside this package where it was built, else from the package for this platform.

const { join } = require('node:path');

/** The platform as the packages name it: `linux-x64-gnu`. */
function platform() {
  const { platform: system, arch } = process;
  if (system === 'win32') return `${system}-${arch}-msvc`;
  if (system !== 'linux') return `${system}-${arch}`;
  // Only a Node that was built for glibc reports a version of it.
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return `${system}-${arch}-${glibc === undefined ? 'musl' : 'gnu'}`;
}

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
