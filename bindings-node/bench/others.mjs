// What verifying one key costs with other packages for API keys, as they are installed by default, and with doorward.
//
//   npm run build && npm ci --prefix bench/others && node bench/others.mjs
//
// Rounds of all contenders alternate; what is printed is the median of each in CPU time, and its ratio to doorward in memory.
// Each has a single key, which is the best case for those that search.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Doorward } from '../index.mjs';
import { cpu, median } from './clock.mjs';

const ROUNDS = 15;
const { resolve } = createRequire(new URL('./others/package.json', import.meta.url));
const others = (name) => import(pathToFileURL(resolve(name)));
const { dependencies: versions } = JSON.parse(readFileSync(new URL('./others/package.json', import.meta.url), 'utf8'));

/** `{ name, calls, verify, isGood }`: `verify` may give a promise. */
function doorward(name, door, calls) {
  const { id } = door.createInstitutionSync({ name: 'Acme Bank' });
  const { token } = door.createKeySync(id, { label: 'one', role: 'admin' });
  const isGood = ({ granted }) => granted;
  return [
    { name: `doorward, ${name}, verifySync`, calls, verify: () => door.verifySync(token), isGood },
    { name: `doorward, ${name}, await verify`, calls: calls / 10, verify: () => door.verify(token), isGood },
  ];
}

/** It makes and compares tokens; finding the record is left to the host, here to a Map. */
async function prefixedApiKey() {
  const { checkAPIKey, extractShortToken, generateAPIKey } = await others('prefixed-api-key');
  const { token, shortToken, longTokenHash } = await generateAPIKey({ keyPrefix: 'acme' });
  const records = new Map([[shortToken, { longTokenHash }]]);
  const verify = () => {
    const record = records.get(extractShortToken(token));
    return record !== undefined && checkAPIKey(token, record.longTokenHash);
  };
  return { name: `prefixed-api-key ${versions['prefixed-api-key']}, a Map`, calls: 20_000, verify, isGood: (answer) => answer };
}

/** Its plugin counts each use in the record. Only its limit of ten uses a day is raised, with which nothing could be measured. */
async function betterAuth() {
  const { betterAuth: open } = await others('better-auth');
  const { memoryAdapter } = await others('better-auth/adapters/memory');
  const { apiKey } = await others('@better-auth/api-key');
  const tables = { user: [], session: [], account: [], verification: [], apikey: [] };
  const auth = open({
    database: memoryAdapter(tables),
    secret: 'of the benchmark, with at least 32 characters',
    baseURL: 'http://localhost',
    emailAndPassword: { enabled: true },
    plugins: [apiKey()],
    telemetry: { enabled: false },
  });
  const { user } = await auth.api.signUpEmail({ body: { email: 'a@example.com', name: 'A', password: 'of the benchmark' } });
  const { key } = await auth.api.createApiKey({ body: { userId: user.id, rateLimitMax: 1e9 } });
  return {
    name: `better-auth ${versions['better-auth']}, its API keys, memory adapter`,
    calls: 200,
    verify: () => auth.api.verifyApiKey({ body: { key } }),
    isGood: ({ valid }) => valid,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'doorward-bench-'));
const doors = [Doorward.openSync(), Doorward.openSync({ store: 'sqlite', databaseUrl: `sqlite:${join(folder, 'doorward.db')}` })];
try {
  const contenders = [
    ...doorward('in memory', doors[0], 100_000),
    ...doorward('SQLite file', doors[1], 10_000),
    await prefixedApiKey(),
    await betterAuth(),
  ];
  const times = contenders.map(() => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [which, { name, calls, verify, isGood }] of contenders.entries()) {
      const began = cpu();
      for (let call = 0; call < calls; call += 1) {
        let answer = verify();
        if (answer instanceof Promise) answer = await answer;
        if (!isGood(answer)) assert.fail(`${name}: ${JSON.stringify(answer)}`);
      }
      // The first round warms up.
      if (round > 0) times[which].push((cpu() - began) / calls);
    }
  }
  const medians = times.map(median);
  contenders.forEach(({ name }, which) => {
    const ratio = medians[which] / medians[0];
    console.log(`${name.padEnd(58)} ${(medians[which] / 1000).toFixed(2).padStart(9)} µs ${ratio.toFixed(1).padStart(9)} x`);
  });
} finally {
  for (const door of doors) door.closeSync();
  rmSync(folder, { recursive: true });
}
