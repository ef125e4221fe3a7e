'use strict';
// For which platforms there are packages with the native part, and which of them this is.

/** As the packages are named: `doorward-linux-x64-gnu` is for this system, this processor and this C library. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
];

/** The platform that this process runs on; it need not be one of the above. */
function platform() {
  const { platform: system, arch } = process;
  if (system === 'win32') return `${system}-${arch}-msvc`;
  if (system !== 'linux') return `${system}-${arch}`;
  return `${system}-${arch}-${isGlibc() ? 'gnu' : 'musl'}`;
}

/** Only a Node that was built for glibc reports a version of it. */
function isGlibc() {
  const { report } = process;
  const { excludeNetwork } = report;
  // Else the report asks the name server about every open connection, and waits for it.
  report.excludeNetwork = true;
  try {
    return report.getReport().header.glibcVersionRuntime !== undefined;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

module.exports = { PLATFORMS, platform };
