// The facts of tests/vectors, as a Node program meets them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Doorward, amountText } from '../index.mjs';

const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), 'utf8'));

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

function reasonOf(call) {
  try {
    return { answer: call() };
  } catch (error) {
    return { refused: error.reason };
  }
}

test('tokens have the stated hash, shape and hint', () => {
  const facts = read('tokens');
  let seen = 0;
  for (const { brand = 'dw', env = 'live', ...fact } of facts) {
    const door = Doorward.openSync({ tokenBrand: brand, tokenEnv: env });
    const { id } = door.createInstitutionSync({ name: 'Bank' });
    const stranger = door.verifySync(fact.token);
    door.importKeysSync(id, [{ label: 'x', role: 'admin', keyHash: fact.sha256 }]);
    const verdict = door.verifySync(fact.token);
    if (fact.token === '') {
      assert.deepEqual([stranger.reason, verdict.reason], ['missing', 'missing']);
    } else if (fact.valid || fact.foreign) {
      assert.deepEqual([stranger.reason, verdict.granted], ['unknown', true], fact.token);
      const record = door.findByTokenSync(fact.token);
      assert.deepEqual([record.keyHash, record.id], [fact.sha256, verdict.context.apiKeyId]);
    } else {
      assert.deepEqual([stranger.reason, verdict.reason], ['malformed', 'malformed'], fact.token);
      assert.equal(door.findByTokenSync(fact.token), null);
    }
    seen += 1;
  }
  assert.ok(seen > 100);
});

test('a token that was made here is of the stated form', () => {
  const door = Doorward.openSync({ tokenBrand: 'acme', tokenEnv: 'test' });
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  for (let count = 0; count < 100; count += 1) {
    const { token, record } = door.createKeySync(id, { label: 'x', role: 'admin' });
    assert.match(token, /^acme_test_[0-9A-Za-z]{38}$/);
    assert.equal(record.hint, token.slice(0, 'acme_test_'.length + 8));
  }
});

test('amounts are read exactly or refused, as texts, as numbers and in JSON', () => {
  const facts = read('amounts');
  const door = Doorward.openSync();
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  /** The limit that a policy with this config, a JSON text, says that it has. */
  const limit = (json) => {
    const [decision] = door.dryRunSync(id, 'US', `{"position":{"minAmount":${json},"allowedCurrencies":[]}}`, [
      { amount: 0, currency: 'USD' },
    ]);
    return decision.violations.find(({ code }) => code === 'below_min')?.limit ?? '0';
  };
  for (const { text, exact } of facts.strings) {
    assert.equal(amountText(text), exact);
    assert.equal(limit(JSON.stringify(text)), exact);
  }
  for (const { text, exact } of facts.json_numbers) {
    assert.equal(limit(text), exact);
    // As a number of JavaScript it is either exact or refused.
    const { answer, refused } = reasonOf(() => amountText(Number(text)));
    const digits = exact.replace('.', '').replace(/^0+|0+$/g, '').length;
    if (digits <= 15) assert.equal(answer, exact);
    else assert.notEqual(refused, undefined, text);
  }
  for (const text of facts.refused_strings) {
    assert.notEqual(reasonOf(() => amountText(text)).refused, undefined, text);
    assert.notEqual(reasonOf(() => limit(JSON.stringify(text))).refused, undefined, text);
  }
  for (const text of facts.refused_json_numbers) {
    assert.notEqual(reasonOf(() => limit(text)).refused, undefined, text);
    assert.notEqual(reasonOf(() => amountText(Number(text))).refused, undefined, text);
  }
});

test('policies decide as stated, with the violations in order', () => {
  const door = Doorward.openSync();
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  for (const { position, amount, currency, allowed, violations } of read('policies')) {
    door.upsertPolicySync(id, 'US', { position });
    const decision = door.checkPositionSync(id, 'US', { amount, currency });
    const seen = [decision.allowed, decision.violations.map(({ code }) => code)];
    assert.deepEqual(seen, [allowed, violations], `${amount} ${currency} by ${JSON.stringify(position)}`);
  }
});

test('request headers carry the stated token, in every form that headers come in', () => {
  for (const { headers, token, malformed = false } of read('credentials')) {
    const door = Doorward.openSync();
    const { id } = door.createInstitutionSync({ name: 'Bank' });
    const hashes = ['abc', 'fromauth', 'fromkey'].map((text) => ({ label: text, role: 'admin', keyHash: sha256(text) }));
    door.importKeysSync(id, hashes);
    const expected = token === null ? { reason: malformed ? 'malformed' : 'missing' } : { granted: true };
    const lists = {};
    for (const [name, value] of headers) (lists[name.toLowerCase()] ??= []).push(value);
    for (const credentials of [{ headers }, { rawHeaders: headers.flat() }, { headers: lists }]) {
      const verdict = door.verifySync(credentials);
      const seen = expected.granted ? { granted: verdict.granted } : { reason: verdict.reason };
      assert.deepEqual(seen, expected, JSON.stringify(credentials));
      if (expected.granted) assert.equal(door.getKeySync(id, verdict.context.apiKeyId).label, token);
    }
  }
});

test('the stated addresses are let in and no others', () => {
  const { allow, cases, refused_ranges: refused } = read('addresses');
  const door = Doorward.openSync();
  const { id } = door.createInstitutionSync({ name: 'Bank' });
  const { token } = door.createKeySync(id, { label: 'x', role: 'admin', allowedAddresses: allow });
  for (const [peer, allowed] of cases) {
    assert.equal(door.verifySync(token, { peer }).granted, allowed, peer);
  }
  assert.equal(door.verifySync(token).reason, 'address_not_allowed');
  for (const range of refused) {
    const key = { label: 'x', role: 'admin', allowedAddresses: [range] };
    assert.equal(reasonOf(() => door.createKeySync(id, key)).refused, 'invalid_format', range);
  }
});
