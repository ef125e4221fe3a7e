'use strict';
// Loaded before each test (`node --require`): the native part is here the one with stores that fail on command, which stays out
// of the place where programs find theirs. Programs and workers that tests start inherit it.

const { join } = require('node:path');

const { platform } = require('../../lib/platform.js');

const place = require.resolve('../../lib/native.js');
const built = join(__dirname, '..', '..', `testkit.${platform()}.node`);
require.cache[place] = { id: place, filename: place, loaded: true, children: [], paths: [], exports: require(built) };

const inherited = `--require ${JSON.stringify(__filename)}`;
const options = process.env.NODE_OPTIONS ?? '';
if (!options.includes(inherited)) process.env.NODE_OPTIONS = `${options} ${inherited}`.trim();
