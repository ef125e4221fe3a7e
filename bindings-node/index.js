'use strict';
// What the package offers. `index.d.ts` describes it.

const { amountText } = require('./lib/amounts.js');
const { Doorward, Session } = require('./lib/door.js');
const { DoorwardError } = require('./lib/error.js');
const { version } = require('./package.json');

module.exports = { Doorward, DoorwardError, Session, amountText, version };
