// What middleware tells a caller of the rate limit of its key, on every answer and on none but those.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Doorward } from '../index.mjs';
import { ask, problemOf } from './stage/asking.mjs';
import { FRAMEWORKS, house } from './stage/houses.mjs';
import { database, room } from './stage/stores.mjs';

const ROOT = 'root-token-of-the-tests-0123456789';
const POLICY = '"key";q=3;w=86400';
const EIGHT_HOURS = 28_800;

let base;
before(async () => (base = await database()));
after(() => base.drop());

const told = ({ headers }) => [headers['ratelimit-policy'], headers.ratelimit];

for (const framework of FRAMEWORKS) {
  for (const store of ['memory', 'postgres']) {
    describe(`${framework}, ${store}`, () => {
      let [place, door, served, id] = [];
      before(async () => {
        place = await room(store, base);
        door = await Doorward.openFromEnv({ ...place.variables, ROOT_API_KEY: ROOT });
        ({ id } = await door.createInstitution({ name: 'Acme' }));
        served = await house(framework, door);
      });
      after(async () => {
        await served.close();
        await door.close();
        await place.leave();
      });

      const key = async (rateLimit, role = 'read_only') => (await door.createKey(id, { label: 'x', role, rateLimit })).token;
      const limited = () => key({ maxRequests: 3, windowMs: 86_400_000 });

      test('every answer tells what is left until nothing is', async () => {
        const token = await limited();
        for (const [path, status, left] of [['/', 200, 2], ['/others', 403, 1], ['/admin', 403, 0]]) {
          const answer = await ask(served.port, path, { key: token });
          assert.deepEqual([answer.status, ...told(answer)], [status, POLICY, `"key";r=${left};t=${(3 - left) * EIGHT_HOURS}`]);
          assert.equal(answer.headers['retry-after'], undefined);
        }
        const refused = await ask(served.port, '/', { key: token });
        assert.equal(refused.status, 429);
        assert.equal(problemOf(refused).reason, 'rate_limited');
        const [policy, state] = told(refused);
        assert.equal(policy, POLICY);
        assert.match(state, /^"key";r=0;t=86[34]\d\d$/);
        const wait = Number(refused.headers['retry-after']);
        assert.ok(wait > EIGHT_HOURS - 60 && wait <= EIGHT_HOURS, String(wait));
      });

      test('an answer to what nobody expected tells it as well', async () => {
        const answer = await ask(served.port, '/fault', { key: await limited() });
        assert.deepEqual([answer.status, told(answer)[0]], [500, POLICY]);
      });

      test('where there is no limit nothing is told of one', async () => {
        const without = await key();
        const asked = [[without, '/'], [without, '/others'], [await limited(), '/health'], [ROOT, '/'], ['ak_nobodys', '/'], [undefined, '/']];
        for (const [token, path] of asked) {
          const answer = await ask(served.port, path, { key: token });
          assert.deepEqual([...told(answer), answer.headers['retry-after']], [undefined, undefined, undefined], path);
        }
      });
    });
  }

  test(`${framework}: too many failures are answered without a limit of a key`, async () => {
    const door = Doorward.openSync({ failuresPerMinute: 1 });
    const served = await house(framework, door);
    const answers = [await ask(served.port, '/', { key: 'ak_nobodys' }), await ask(served.port, '/', { key: 'ak_nobodys' })];
    await served.close();
    await door.close();
    assert.deepEqual(answers.map(({ status }) => status), [401, 429]);
    assert.deepEqual(told(answers[1]), [undefined, undefined]);
    const wait = Number(answers[1].headers['retry-after']);
    assert.ok(wait > 0 && wait <= 60, String(wait));
  });
}
