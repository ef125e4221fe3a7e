'use strict';
// The exact text of amounts.

const { amount, encode } = require('./arguments.js');
const { fit } = require('./calls.js');
const { failure } = require('./error.js');
const native = require('./native.js');

function amountText(value) {
  const json = fit(() => encode(amount(value, 'amount')), 'amountText', amountText);
  const text = native.amountText(json ?? 'null');
  if (text.startsWith('!')) throw failure(JSON.parse(text.slice(1)), amountText);
  return text;
}

module.exports = { amountText };
