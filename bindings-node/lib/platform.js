'use strict';

/** The platform as the packages of native parts name it: `linux-x64-gnu`. */
function platform() {
  const { platform: system, arch } = process;
  if (system === 'win32') return `${system}-${arch}-msvc`;
  if (system !== 'linux') return `${system}-${arch}`;
  // Only a Node that was built for glibc reports a version of it.
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return `${system}-${arch}-${glibc === undefined ? 'musl' : 'gnu'}`;
}

module.exports = { platform };
