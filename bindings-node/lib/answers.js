'use strict';
// Answers on their way from the native part: plain data, frozen through and through.

const { inspect } = require('node:util');

/** Freezes what JSON was made into. */
function freeze(value) {
  if (value === null || typeof value !== 'object') return value;
  for (const key in value) freeze(value[key]);
  return Object.freeze(value);
}

/**
 * A key with its token, which neither `JSON.stringify` nor `console.log` nor a copy shows. (The native part tells them apart
 * as `token` and `record`.)
 */
function created({ token, record }) {
  const shown = () => ({ token: record.hint, record });
  return Object.freeze(
    Object.defineProperties(
      { record: freeze(record) },
      { token: { value: token }, toJSON: { value: shown }, [inspect.custom]: { value: shown } },
    ),
  );
}

function allCreated(keys) {
  return Object.freeze(keys.map(created));
}

module.exports = { allCreated, created, freeze };
