// Whether an answer is what a step expects: the expected members must be there and equal, further ones may be.

import { time } from './values.mjs';

/** Fails where the answer differs from what is expected, and says where. */
export function meets(seen, expected, place = 'answer') {
  const differs = () => new Error(`${place}: expected ${JSON.stringify(expected)}, saw ${JSON.stringify(seen)}`);
  if (Array.isArray(expected)) {
    if (!Array.isArray(seen) || seen.length !== expected.length) throw differs();
    expected.forEach((item, at) => meets(seen[at], item, `${place}[${at}]`));
  } else if (expected !== null && typeof expected === 'object') {
    const names = Object.keys(expected);
    if (names.some((name) => name.startsWith('$'))) {
      if (!matcher(seen, expected, names, place)) throw differs();
      return;
    }
    if (seen === null || typeof seen !== 'object' || Array.isArray(seen)) throw differs();
    for (const name of names) {
      // Not `Object.keys`: the token of a key that was created is not shown among them.
      if (!Object.hasOwn(seen, name)) throw new Error(`${place}: has no member ${name}: ${JSON.stringify(seen)}`);
      meets(seen[name], expected[name], `${place}.${name}`);
    }
  } else if (seen !== expected) {
    throw differs();
  }
}

const MATCHERS = {
  $any: (seen, yes) => yes === true && seen !== null && seen !== undefined,
  $prefix: (seen, prefix) => typeof seen === 'string' && seen.startsWith(prefix) && seen.length > prefix.length,
  $time: (seen, offset) =>
    typeof seen === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(seen) &&
    Math.abs(new Date(seen) - time(offset)) <= 60_000,
  $length: (seen, length) => seen !== null && seen !== undefined && size(seen) === length,
  $contains: (seen, items, place) =>
    Array.isArray(seen) && items.every((item) => seen.some((one) => holds(() => meets(one, item, place)))),
  $not: (seen, unwanted, place) => !holds(() => meets(seen, unwanted, place)),
  $without: (seen, names) => names.every((name) => seen === null || typeof seen !== 'object' || !(name in seen)),
  $atLeast: (seen, least) => typeof seen === 'number' && seen >= least,
};

function matcher(seen, expected, names, place) {
  const known = MATCHERS[names[0]];
  if (names.length !== 1 || known === undefined) throw new Error(`${place}: not a matcher: ${JSON.stringify(expected)}`);
  return known(seen, expected[names[0]], place);
}

function size(seen) {
  if (typeof seen === 'string') return [...seen].length;
  return Array.isArray(seen) ? seen.length : Object.keys(seen).length;
}

function holds(check) {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
