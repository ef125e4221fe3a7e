// What it costs to authenticate a token, beside what people write themselves: crypto.hash, a Map, and a look at the record.
//
//   npm run build && node bench/verify.mjs
//
// Rounds of all contenders alternate; what is printed is the median of each, in the CPU time of this thread, and its ratio to
// the hand-written way. Only the ratios mean something on another machine.

import crypto from 'node:crypto';

import { Doorward } from '../index.mjs';
import { cpu, median } from './clock.mjs';

const ROUNDS = 15;
const CALLS = 200_000;
const NOBODY = 'ak_0123456789abcdef0123456789abcdef0123456789abcdef';

/** What a browser sends beside its key, and what a middleware knows of the request. */
const NAMES = ['Host', 'User-Agent', 'Accept', 'Accept-Language', 'Accept-Encoding', 'Referer', 'Connection', 'Cookie', 'Content-Type', 'Origin'];
const BROWSER = NAMES.flatMap((name) => [name, 'what a browser sends']);
const REQUEST = { method: 'POST', path: '/v1/orders', requestId: 'req-0123456789', peer: '192.0.2.7', forwardedFor: undefined };

/** The way that people write themselves. */
function byHand(records) {
  const known = new Map(records.map(({ token, record }) => [sha256(token), { ...record, expires: null, revoked: null }]));
  return (token) => {
    const record = known.get(sha256(token));
    if (record === undefined || record.revoked !== null) return undefined;
    if (record.expires !== null && record.expires <= Date.now()) return undefined;
    return record;
  };
}

function sha256(token) {
  return crypto.hash ? crypto.hash('sha256', token, 'hex') : crypto.createHash('sha256').update(token).digest('hex');
}

/** Tokens in the order in which they are presented: `hot` of them in turn, or all of them at random. */
function presented(tokens, hot) {
  if (hot) return Array.from({ length: CALLS }, (_, at) => tokens[at % hot]);
  return Array.from({ length: CALLS }, () => tokens[crypto.randomInt(tokens.length)]);
}

function measure(contenders, tokens, isGood) {
  const times = contenders.map(() => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    contenders.forEach(([, authenticate], which) => {
      let good = 0;
      const began = cpu();
      for (const token of tokens) if (isGood(authenticate(token))) good += 1;
      const took = cpu() - began;
      if (good !== tokens.length) throw new Error(`${good} of ${tokens.length} were let in`);
      // The first round warms up.
      if (round > 0) times[which].push(took / tokens.length);
    });
  }
  return times.map(median);
}

function print(title, contenders, medians) {
  console.log(`\n${title}`);
  contenders.forEach(([name], which) => {
    const ratio = (medians[which] / medians[0]).toFixed(2);
    console.log(`  ${name.padEnd(58)} ${medians[which].toFixed(0).padStart(7)} ns  ${ratio.padStart(6)} x`);
  });
}

const isGood = (answer) => answer !== undefined && answer.granted !== false;
const isRefused = (answer) => answer === undefined || answer.granted === false;

for (const [count, hot] of [[256, 256], [100_000, undefined]]) {
  const door = Doorward.openSync();
  const bank = door.createInstitutionSync({ name: 'Bank' });
  const records = [];
  while (records.length < count) {
    const batch = Array.from({ length: Math.min(10_000, count - records.length) }, () => ({ label: 'x', role: 'admin' }));
    records.push(...door.createKeysSync(bank.id, batch));
  }
  const hand = byHand(records);
  const tokens = presented(records.map(({ token }) => token), hot);
  const contenders = [
    ['by hand: crypto.hash, Map, a look at the record', hand],
    ['door.verifySync(token)', (token) => door.verifySync(token)],
    ['door.authenticateSync(token)', (token) => door.authenticateSync(token)],
    ['door.verifySync({ rawHeaders }, request)', (token) => door.verifySync({ rawHeaders: ['x-api-key', token] }, { path: '/' })],
    ['the same of a browser, all of the request known', (token) => door.verifySync({ rawHeaders: BROWSER.concat('x-api-key', token) }, REQUEST)],
  ];
  print(hot ? `${count} hot keys` : `${count} keys at random`, contenders, measure(contenders, tokens, isGood));
  if (hot) {
    const strangers = presented([NOBODY], 1);
    const refusing = contenders.slice(0, 2);
    print('a token that nobody has', refusing, measure(refusing, strangers, isRefused));
  }
  door.closeSync();
}
