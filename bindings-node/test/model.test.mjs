// A door against a model of it, a Map: random sequences of operations on keys and policies answer as the model does.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { Doorward, amountText } from '../index.mjs';
import { room } from './stage/stores.mjs';

const reasonOf = async (promise) =>
  promise.then(
    () => 'ok',
    ({ reason }) => reason,
  );

/** What the model says of a key: the first that holds. */
const standing = ({ revoked, disabled }) => (revoked ? 'revoked' : disabled ? 'disabled' : undefined);

class Create {
  constructor(role) {
    this.role = role;
  }
  check = () => true;
  async run(model, { door, bank }) {
    const { token, record } = await door.createKey(bank, { label: this.role, role: this.role });
    model.keys.set(token, { id: record.id, role: this.role, revoked: false, disabled: false });
  }
  toString = () => `create ${this.role}`;
}

class Change {
  constructor(method, which) {
    Object.assign(this, { method, which });
  }
  check = ({ keys }) => keys.size > 0;
  async run({ keys }, { door, bank }) {
    const key = [...keys.values()][this.which % keys.size];
    const reason = await reasonOf(door[this.method](bank, key.id));
    assert.equal(reason, key.revoked && this.method !== 'revokeKey' ? 'key_revoked' : 'ok');
    if (reason !== 'ok') return;
    if (this.method === 'revokeKey') key.revoked = true;
    else key.disabled = this.method === 'disableKey';
  }
  toString = () => `${this.method} ${this.which}`;
}

class Verify {
  check = () => true;
  async run({ keys }, { door, bank }) {
    for (const [token, key] of keys) {
      const reason = standing(key);
      for (const verdict of [door.verifySync(token), await door.verify(token), door.verifySync(token, { path: '/' })]) {
        if (reason) assert.deepEqual(verdict, { granted: false, kind: 'Unauthenticated', reason });
        else assert.deepEqual(verdict.context, { role: key.role, institutionId: bank, apiKeyId: key.id });
      }
      assert.equal((await door.findByToken(token))?.id, reason ? undefined : key.id);
    }
  }
  toString = () => 'verify';
}

class List {
  constructor(limit) {
    this.limit = limit;
  }
  check = () => true;
  async run({ keys }, { door, bank }) {
    const listed = [];
    let cursor;
    do {
      const page = await door.listKeys(bank, { limit: this.limit, cursor, order: 'oldest_first', includeRevoked: true });
      listed.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    assert.deepEqual(
      listed.map(({ id, status }) => [id, status]),
      [...keys.values()].map((key) => [key.id, standing(key) ?? 'active']),
    );
  }
  toString = () => `list by ${this.limit}`;
}

class Limit {
  constructor(min, max) {
    Object.assign(this, { min, max });
  }
  check = () => true;
  async run(model, { door, bank }) {
    const config = { position: { minAmount: this.min, maxAmount: this.max } };
    const [min, max] = [units(this.min), units(this.max)];
    const reason = await reasonOf(door.upsertPolicy(bank, 'US', config, { expectedVersion: model.version }));
    assert.equal(reason, min > max ? 'min_above_max' : 'ok');
    if (reason === 'ok') Object.assign(model, { min, max, version: model.version + 1 });
  }
  toString = () => `limit ${this.min} ${this.max}`;
}

class Ask {
  constructor(amount) {
    this.amount = amount;
  }
  check = () => true;
  async run(model, { door, bank }) {
    const decision = await door.checkPosition(bank, 'US', { amount: this.amount, currency: 'USD' });
    const violations = [];
    if (model.version > 0 && units(this.amount) < model.min) violations.push('below_min');
    if (model.version > 0 && units(this.amount) > model.max) violations.push('above_max');
    assert.deepEqual(decision.violations.map(({ code }) => code), violations);
    assert.equal(decision.policyVersion, model.version || null);
  }
  toString = () => `ask ${this.amount}`;
}

/** An amount as a count of its last decimal place, computed apart from the code under test. */
function units(amount) {
  const [whole, fraction = ''] = amountText(amount).split('.');
  return BigInt(whole + fraction.padEnd(8, '0'));
}

const amounts = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 28n - 1n }),
  fc.integer({ min: 0, max: 1_000_000_000 }),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.stringMatching(/^[0-9]{1,8}$/)).map(([whole, part]) => `${whole}.${part}`),
);

const commands = fc.commands([
  fc.constantFrom('admin', 'read_only').map((role) => new Create(role)),
  fc.tuple(fc.constantFrom('enableKey', 'disableKey', 'revokeKey'), fc.nat(50)).map((given) => new Change(...given)),
  fc.constant(new Verify()),
  fc.integer({ min: 1, max: 5 }).map((limit) => new List(limit)),
  fc.tuple(amounts, amounts).map((given) => new Limit(...given)),
  amounts.map((amount) => new Ask(amount)),
]);

for (const [store, runs] of [
  ['memory', 60],
  ['sqlite', 15],
]) {
  test(`a door does what a Map does: ${store}`, async () => {
    const property = fc.asyncProperty(commands, async (sequence) => {
      const { variables, leave } = await room(store);
      const door = await Doorward.openFromEnv(variables);
      try {
        const { id: bank } = await door.createInstitution({ name: 'Bank' });
        const setup = () => ({ model: { keys: new Map(), version: 0, min: 0n, max: 0n }, real: { door, bank } });
        await fc.asyncModelRun(setup, sequence);
      } finally {
        await door.close();
        await leave();
      }
    });
    await fc.assert(property, { numRuns: runs });
  });
}

test('the text of an amount is exact, in whichever form it is given', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 28n - 1n }), (amount) => {
      assert.equal(amountText(amount), String(amount));
      assert.equal(amountText(String(amount)), String(amount));
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 15 - 1 }), fc.integer({ min: 0, max: 8 }), (digits, places) => {
      const plain = `${digits}`.padStart(places + 1, '0');
      const text = places === 0 ? plain : `${plain.slice(0, -places)}.${plain.slice(-places)}`;
      const exact = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
      assert.equal(amountText(text), exact);
      assert.equal(amountText(Number(text)), exact);
    }),
  );
});
