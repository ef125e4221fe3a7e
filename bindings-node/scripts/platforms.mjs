// The platforms of the packages as others name them: cargo its targets, npm the fields that decide where a package is installed.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const { PLATFORMS, platform } = require('../lib/platform.js');

const PROCESSORS = { arm64: 'aarch64', x64: 'x86_64' };
const SYSTEMS = { darwin: 'apple-darwin', linux: 'unknown-linux', win32: 'pc-windows' };
const LIBRARIES = { gnu: 'glibc', musl: 'musl' };

/** `x86_64-unknown-linux-gnu` for `linux-x64-gnu`. */
export function target(platform) {
  const [system, processor, abi] = platform.split('-');
  return [PROCESSORS[processor], SYSTEMS[system], abi].filter(Boolean).join('-');
}

/** `{ os, cpu, libc }` of a package.json. */
export function fields(platform) {
  const [system, processor, abi] = platform.split('-');
  return { os: [system], cpu: [processor], ...(abi in LIBRARIES && { libc: [LIBRARIES[abi]] }) };
}
