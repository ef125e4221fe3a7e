// Where tests have their records: each time a store of its own, gone afterwards.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

export const STORES = ['memory', 'sqlite', 'postgres'];

/** The server that tests make their databases on. */
export function server() {
  const url = process.env.DOORWARD_TEST_DATABASE_URL;
  if (!url) throw new Error('there is no PostgreSQL server to test with: run the tests under tests/with-postgres');
  return url;
}

/** Runs statements on a database. */
export async function sql(url, ...statements) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let last;
    for (const statement of statements) last = await client.query(statement);
    return last.rows;
  } finally {
    await client.end();
  }
}

/** A database of its own, with `drop` to drop it. */
export async function database() {
  const name = `doorward_node_${randomBytes(8).toString('hex')}`;
  await sql(server(), `CREATE DATABASE ${name}`);
  const url = new URL(server());
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => sql(server(), `DROP DATABASE ${name} WITH (FORCE)`) };
}

/**
 * A folder, and the variables that ask for a new store of this kind: in `base`, a database, each has a schema of its own.
 */
export async function room(store, base) {
  const folder = await mkdtemp(join(tmpdir(), 'doorward-node-'));
  const variables = { STORE_BACKEND: store };
  if (store === 'sqlite') variables.DATABASE_URL = `sqlite:${join(folder, 'doorward.db')}`;
  if (store === 'postgres') {
    variables.DATABASE_URL = base.url;
    variables.DOORWARD_SCHEMA = `s_${randomBytes(8).toString('hex')}`;
  }
  return { folder, variables, leave: () => rm(folder, { recursive: true, force: true }) };
}
