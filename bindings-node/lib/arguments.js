'use strict';
// Arguments on their way to the native part: as JSON, from which nothing may have been lost in silence.

const { Unfit } = require('./error.js');

/** The JSON of arguments. Numbers and dates that JSON does not have are refused, not written as null. */
function encode(given) {
  try {
    return JSON.stringify(given, plain);
  } catch (error) {
    if (error instanceof Unfit) throw error;
    throw new Unfit('invalid_json', undefined, 'the arguments cannot be written as JSON', { cause: error });
  }
}

function plain(key, value) {
  if (typeof value === 'bigint') {
    throw new Unfit('unsafe_number', key, 'is a bigint, which JSON does not have; write it as a string');
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Unfit('unsafe_number', key, 'must be a finite number');
  }
  if (value === null && this[key] instanceof Date) throw new Unfit('invalid_format', key, 'must be a valid date');
  return value;
}

/** An amount as JSON carries it exactly: a number of at most 15 significant digits, or decimal text. */
function amount(value, field) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) throw new Unfit('not_a_decimal', field, 'must be a finite number');
  // The text of a number has all the digits that tell it from its neighbours, and in front perhaps zeros, which do not count.
  const digits = /^-?0*(?<digits>\d*)/.exec(String(value).replace('.', '')).groups.digits;
  if (digits.replace(/0+$/, '').length > 15) {
    const message = 'has more than 15 significant digits, of which a number may have lost some; pass it as a string';
    throw new Unfit('unsafe_number', field, message);
  }
  return value;
}

/** A position, its amount exact. */
function position(value, place) {
  if (value === null || typeof value !== 'object') return value;
  return { ...value, amount: amount(value.amount, place === undefined ? 'amount' : `${place}.amount`) };
}

function positions(values) {
  if (!Array.isArray(values)) return values;
  return values.map((value, index) => position(value, `positions[${index}]`));
}

/** A config or a patch for one, its amounts exact; JSON text is left as it is. */
function policyDocument(value, name) {
  const rule = value?.position;
  if (typeof value !== 'object' || rule === null || typeof rule !== 'object' || Array.isArray(rule)) return value;
  const exact = { ...rule };
  for (const limit of ['minAmount', 'maxAmount']) {
    if (Object.hasOwn(exact, limit)) exact[limit] = amount(exact[limit], `${name}.position.${limit}`);
  }
  return { ...value, position: exact };
}

module.exports = { amount, encode, policyDocument, position, positions };
