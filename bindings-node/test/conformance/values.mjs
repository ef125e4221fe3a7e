// Values in steps: `${saved.member}` is replaced by what was saved, and `{"$repeat": …}` and its like by what they make.

/** Replaces what names a member of `known`, and leaves every other `${…}` as it is. */
export function fillKnown(value, known) {
  return fill(value, (path, text) => lookUp(known, path) ?? { found: text });
}

/** Replaces every `${…}`. */
export function fillAll(value, saved) {
  return fill(value, (path) => {
    const place = lookUp(saved, path);
    if (place === undefined) throw new Error(`nothing was saved as \${${path}}`);
    return place;
  });
}

function lookUp(saved, path) {
  let found = saved;
  for (const part of path.split('.')) {
    if (found === null || typeof found !== 'object' || !(part in found)) return undefined;
    found = found[part];
  }
  return { found };
}

function fill(value, find) {
  if (typeof value === 'string') {
    // A text that is one reference becomes the value itself, whatever its type.
    const whole = /^\$\{([^${}]+)\}$/.exec(value);
    if (whole) return find(whole[1], value).found;
    return value.replace(/\$\{([^}]+)\}/g, (text, path) => {
      const { found } = find(path, text);
      return typeof found === 'string' ? found : JSON.stringify(found);
    });
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, find));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item, find)]));
}

/** Makes what the generators among the arguments say. */
export function generate(value) {
  if (Array.isArray(value)) return value.map(generate);
  if (value === null || typeof value !== 'object') return value;
  const names = Object.keys(value);
  if (!names.some((name) => name.startsWith('$'))) {
    return Object.fromEntries(names.map((name) => [name, generate(value[name])]));
  }
  const { $repeat: repeated, times, $concat: parts, $time: offset } = value;
  if (names.length === 2 && typeof repeated === 'string' && Number.isInteger(times)) return repeated.repeat(times);
  if (names.length === 2 && Array.isArray(repeated) && Number.isInteger(times)) {
    return Array.from({ length: times }, () => generate(repeated)).flat();
  }
  if (names.length === 1 && Array.isArray(parts)) return parts.map((part) => text(generate(part))).join('');
  if (names.length === 1 && typeof offset === 'string') return time(offset).toISOString();
  throw new Error(`not a generator: ${JSON.stringify(value)}`);
}

function text(value) {
  if (typeof value !== 'string') throw new Error(`not a text: ${JSON.stringify(value)}`);
  return value;
}

/** The present and an offset: `+1h`, `-5m`. */
export function time(offset) {
  const read = /^([+-]\d+)([smhd])$/.exec(offset);
  if (!read) throw new Error(`not an offset of time like +1h: ${offset}`);
  const seconds = { s: 1, m: 60, h: 3600, d: 86400 }[read[2]];
  return new Date(Date.now() + Number(read[1]) * seconds * 1000);
}
