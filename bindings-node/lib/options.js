'use strict';
// How a door is opened: options, or the environment.

const { Unfit } = require('./error.js');

const text = (value) => (typeof value === 'string' ? value : undefined);
const list = (value) => (Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(',') : undefined);
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined);
const flag = (value) => (typeof value === 'boolean' ? String(value) : undefined);

/** The options that are a variable as well: its name, what the value must be, and how it is written. */
const VARIABLES = {
  store: ['STORE_BACKEND', 'a string', text],
  databaseUrl: ['DATABASE_URL', 'a string', text],
  schema: ['DOORWARD_SCHEMA', 'a string', text],
  poolMax: ['DOORWARD_POOL_MAX', 'a whole number', count],
  poolAcquireTimeoutMs: ['DOORWARD_POOL_ACQUIRE_TIMEOUT_MS', 'a whole number', count],
  statementTimeoutMs: ['DOORWARD_STATEMENT_TIMEOUT_MS', 'a whole number', count],
  rootApiKey: ['ROOT_API_KEY', 'a string', text],
  rootApiKeyAllowedIps: ['ROOT_API_KEY_ALLOWED_IPS', 'an array of strings', list],
  trustedProxies: ['DOORWARD_TRUSTED_PROXIES', 'an array of strings', list],
  tokenBrand: ['DOORWARD_TOKEN_BRAND', 'a string', text],
  tokenEnv: ['DOORWARD_TOKEN_ENV', 'a string', text],
  regions: ['DOORWARD_REGIONS', 'an array of strings', list],
  currencies: ['DOORWARD_CURRENCIES', 'an array of strings', list],
  defaultDecision: ['DOORWARD_DEFAULT_DECISION', 'a string', text],
  failuresPerMinute: ['DOORWARD_FAILURES_PER_MINUTE', 'a whole number', count],
  keysPerHour: ['DOORWARD_KEYS_PER_HOUR', 'a whole number', count],
  metrics: ['METRICS_ENABLED', 'true or false', flag],
};

/** The members of the option `rateLimit`, each of which is a variable. */
const OF_RATE_LIMIT = { maxRequests: 'RATE_LIMIT_MAX_REQUESTS', windowMs: 'RATE_LIMIT_WINDOW_MS' };

/** The other ones. */
const OTHERS = {
  auditAuthentications: ['true or false', flag],
  auditReads: ['true or false', flag],
  memoryAuditCapacity: ['a whole number', count],
};

/** The variables that concern doorward; those of other programs are not looked at. */
const OURS = /^(?:DOORWARD_|RATE_LIMIT_|ROOT_API_KEY|STORE_BACKEND$|DATABASE_URL$|METRICS_ENABLED$)/;

/** Options as JSON for the native part. An empty list of further regions or currencies is the same as none. */
function fromOptions(options) {
  const [variables, others] = [{}, {}];
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined) continue;
    if (name === 'rateLimit') {
      Object.assign(variables, rateLimit(value));
      continue;
    }
    const [variable, expected, write] = VARIABLES[name] ?? [undefined, ...(OTHERS[name] ?? [])];
    if (write === undefined) throw wrong('unsupported', name, 'is not an option that is known here');
    const written = write(value);
    if (written === undefined) throw wrong('invalid_variable', name, `must be ${expected}`);
    if (variable === undefined) others[name] = value;
    else if (written !== '' || !['regions', 'currencies', 'trustedProxies'].includes(name)) variables[variable] = written;
  }
  return JSON.stringify({ variables, ...others });
}

/** The variables of a rate limit. Neither of its members has a default. */
function rateLimit(value) {
  if (value === null || typeof value !== 'object') throw wrong('invalid_variable', 'rateLimit', 'must be an object');
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(OF_RATE_LIMIT, name));
  if (unknown !== undefined) throw wrong('unsupported', `rateLimit.${unknown}`, 'is not an option that is known here');
  const variables = { RATE_LIMIT_ENABLED: 'true' };
  for (const [name, variable] of Object.entries(OF_RATE_LIMIT)) {
    variables[variable] = count(value[name]);
    if (variables[variable] === undefined) throw wrong('invalid_variable', `rateLimit.${name}`, 'must be a whole number');
  }
  return variables;
}

/** The environment as JSON for the native part. */
function fromEnvironment(environment) {
  const ours = Object.entries(environment).filter(([name, value]) => value !== undefined && OURS.test(name));
  return JSON.stringify({ variables: Object.fromEntries(ours) });
}

/** An error in opening by options, which names the option and not the variable. */
function byOption(error) {
  const member = Object.keys(OF_RATE_LIMIT).find((name) => OF_RATE_LIMIT[name] === error.field);
  if (member !== undefined) return { ...error, field: `rateLimit.${member}` };
  const option = Object.keys(VARIABLES).find((name) => VARIABLES[name][0] === error.field);
  return option === undefined ? error : { ...error, field: option };
}

function wrong(reason, field, message) {
  return new Unfit(reason, field, message, { kind: 'Config', status: 500 });
}

module.exports = { byOption, fromEnvironment, fromOptions };
