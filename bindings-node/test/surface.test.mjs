// What the declarations say is what there is, no less and no more.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import * as imported from '../index.mjs';

const require = createRequire(import.meta.url);
const required = require('../index.js');
const native = require('../lib/native.js');
const declared = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');

/** The text of a declaration, from its name to the end of its block. */
function block(head) {
  const from = declared.indexOf(head);
  assert.ok(from >= 0, `${head} is not declared`);
  return declared.slice(from, declared.indexOf('\n}', from));
}

/** The names of methods in a block, each once. */
const methods = (text) => [...new Set([...text.matchAll(/^ {2}(?:static )?(\w+)\(/gm)].map(([, name]) => name))].sort();

const own = (object) =>
  Object.getOwnPropertyNames(object)
    .filter((name) => typeof object[name] === 'function' && name !== 'constructor')
    .sort();

test('import and require give the same things, those that are declared', () => {
  const names = [...declared.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name).sort();
  assert.deepEqual(Object.keys(required).sort(), names);
  assert.deepEqual(Object.keys(imported).sort(), names);
  for (const name of names) assert.equal(imported[name], required[name]);
});

test('what is for a framework is declared too, and the same by import and by require', async () => {
  const { exports } = require('../package.json');
  const names = Object.keys(exports).filter((name) => !['.', './package.json'].includes(name));
  assert.deepEqual(names, ['./express', './fastify', './http']);
  for (const name of names) {
    const text = readFileSync(new URL(`../${name}.d.ts`, import.meta.url), 'utf8');
    const declared = [...text.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, found]) => found).sort();
    const [byRequire, byImport] = [require(`doorward/${name.slice(2)}`), await import(`doorward/${name.slice(2)}`)];
    assert.deepEqual(Object.keys(byRequire).sort(), declared, name);
    assert.deepEqual(Object.keys(byImport).sort(), declared, name);
    for (const found of declared) assert.equal(byImport[found], byRequire[found], found);
    assert.equal(readFileSync(new URL(`../${name}.d.mts`, import.meta.url), 'utf8'), `export * from '${name}.js';\n`);
  }
});

test('every file that is exported is packed', () => {
  const { exports, files } = require('../package.json');
  const leaves = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(leaves));
  for (const path of leaves(exports)) {
    assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
    assert.ok(path === './package.json' || files.includes(path.slice(2)), path);
  }
});

test('doors and sessions have the methods that are declared', () => {
  const operations = methods(block('export interface Operations {'));
  const { Doorward, Session } = required;
  const shared = Object.getPrototypeOf(Session.prototype);
  assert.deepEqual(own(shared), operations);
  const host = Object.getPrototypeOf(Doorward.prototype);
  const door = new Set([...own(Doorward.prototype), ...own(host), ...own(Doorward)]);
  const named = methods(block('export class Doorward {')).filter((name) => name !== 'constructor');
  assert.deepEqual([...door].sort(), named);
  assert.deepEqual([own(host.constructor), own(shared.constructor)], [[], []]);
  for (const name of operations.filter((name) => !name.endsWith('Sync'))) assert.ok(operations.includes(`${name}Sync`), name);
});

test('kinds and reasons are those of the core', () => {
  const table = JSON.parse(native.reasons());
  const words = (text) => [...text.matchAll(/'(\w+)'/g)].map(([, word]) => word);
  const union = (head) => words(declared.slice(declared.indexOf(head), declared.indexOf(';\n\n', declared.indexOf(head))));
  assert.deepEqual(union('export type Reason ='), table.map(({ reason }) => reason));
  assert.deepEqual(union('export type ErrorKind ='), [...new Set(table.map(({ kind }) => kind))]);
});

test('the version is that of the addon and of the workspace', () => {
  assert.equal(required.version, native.version());
  const workspace = readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  assert.equal(required.version, /^version = "(.*)"/m.exec(workspace)[1]);
});
