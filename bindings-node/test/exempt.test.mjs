// Which paths need no key, and what may be said of errors.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { Doorward } from '../index.mjs';
import { authenticate as ofExpress, requireRole } from '../express.mjs';
import { authenticate as ofHttp } from '../http.mjs';

const require = createRequire(import.meta.url);
const { Exempt } = require('../lib/http/exempt.js');
const { problem } = require('../lib/http/problem.js');

const exempt = new Exempt(['/', '/health', '/docs/*', '/a b/ü/*']);

test('what is listed is exempt', () => {
  const listed = ['/', '/health', '/docs/index.html', '/docs/a/b', '/docs/.well-known', '/docs/a..b'];
  for (const path of [...listed, '/docs/a%20b', '/a%20b/%C3%BC/x']) assert.ok(exempt.covers(path), path);
});

test('what only looks like it needs a key', () => {
  for (const path of [
    ...['', 'health', '*', '/health/', '/healthy', '/Health', '/health\n', '/health?x', '/health#x', '//health', '//', '/%68ealth'],
    ...['/docs', '/docs/', '/docsx', '/DOCS/x', '/docs/../keys', '/docs/..', '/docs/.', '/docs/./../keys', '/docs//keys', '/docs//'],
    ...['/docs/..\\keys', '/docs\\x', '/docs/%2e%2e/keys', '/docs/%252e%252e/keys', '/docs/x%00', '/docs/x\0', '/docs/x\r\n'],
    ...['/docs/%2e', '/docs/%5c', '/docs/%2f', '/docs/x%25', '/docs/%zz', '/docs/%ff', '/%64ocs/x', '/keys/../docs/x', '/./docs/x'],
    ...['/docs/;', '/docs/x;y', '/docs/x%3By', '/health;', '/docs/#', '/docs/x#y', '/docs/x%23y', '/docs/x%3Fy', 'http://host/docs/x', '/a b/ü/x', '/a+b/%C3%BC/x'],
  ]) {
    assert.ok(!exempt.covers(path), path);
  }
});

test('nothing is exempt unless it is listed', () => {
  assert.ok(!new Exempt([]).covers('/'));
  assert.ok(!new Exempt(['/x']).covers('/'));
});

test('a rule that means nothing certain is refused', () => {
  const door = Doorward.openSync();
  const doubtful = ['', 'health', '/*', '*', '/docs/**', '/*/x', '/docs*', '/a//b', '/a/../b', '/a/./*', '/%41', '/a\\b', '/a;b', '//*'];
  for (const path of [...doubtful, '/a?b', '/a#b', '/\ud800', 5, null]) {
    assert.throws(() => ofExpress(door, { exempt: [path] }), { name: 'TypeError', message: /^exempt: / }, String(path));
  }
  for (const exempt of ['/health', new Set(['/health']), {}]) {
    assert.throws(() => ofHttp(door, () => {}, { exempt }), TypeError);
  }
});

test('what is misspelt is refused before any request comes', () => {
  const door = Doorward.openSync();
  assert.throws(() => ofExpress(door, { exmept: ['/health'] }), { name: 'TypeError', message: /exmept/ });
  for (const other of [undefined, {}, Doorward]) assert.throws(() => ofExpress(other), { name: 'TypeError', message: /door/ });
  for (const role of [undefined, 'Admin', 'read-only', 'toString']) assert.throws(() => requireRole(role), { message: /role/ });
});

const TOLD = { kind: 'RateLimited', reason: 'rate_limited', status: 429, message: 'too many requests', retryable: true };

test('who asks too often is told when to come back, in whole seconds', () => {
  for (const [retryAfterMs, wait] of [[2001, '3'], [2000, '2'], [1, '1'], [0, '1'], [undefined, '1']]) {
    const { status, headers, body } = problem({ ...TOLD, retryAfterMs });
    assert.deepEqual([status, headers['retry-after']], [429, wait]);
    assert.deepEqual(JSON.parse(body), {
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      detail: 'too many requests',
      reason: 'rate_limited',
    });
  }
});

test('a fault of this side is told without a word on it', () => {
  for (const [kind, status] of [['Database', 500], ['Closed', 500], ['Unavailable', 503]]) {
    const { body } = problem({ ...TOLD, kind, reason: 'damaged_record', status, message: 'secret', field: 'secret' });
    assert.deepEqual(Object.keys(JSON.parse(body)), ['type', 'title', 'status']);
  }
});
