// Plays every scenario of tests/conformance on each store, by promises and by the methods that wait.

import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';

import { FOLDER, load } from './conformance/scenarios.mjs';
import { FACES, STAGE_ALONE, play } from './conformance/world.mjs';
import { STORES, database } from './stage/stores.mjs';

const files = load();

for (const store of STORES) {
  describe(store, { concurrency: 8 }, () => {
    let base;
    before(async () => {
      if (store === 'postgres') base = await database();
    });
    after(() => base?.drop());
    for (const face of Object.keys(FACES)) {
      for (const { topic, scenarios } of files) {
        for (const scenario of scenarios.filter(({ backends }) => backends?.includes(store) ?? true)) {
          test(`${topic}, ${face}: ${scenario.name}`, () => play(scenario, store, face, base));
        }
      }
    }
  });
}

test('every operation meets every error kind that can befall it', () => {
  const { operations } = JSON.parse(readFileSync(join(FOLDER, 'coverage.json'), 'utf8'));
  const met = {};
  for (const step of files.flatMap(({ scenarios }) => scenarios).flatMap(({ steps }) => steps)) {
    if (STAGE_ALONE.includes(step.op)) continue;
    const refused = step.expect?.granted === false ? step.expect.kind : undefined;
    (met[step.op] ??= new Set()).add(step.error?.kind ?? refused ?? 'ok');
  }
  const sorted = (table) => Object.fromEntries(Object.entries(table).sort().map(([name, kinds]) => [name, [...kinds].sort()]));
  assert.deepEqual(sorted(met), sorted(operations));
});
