// Looks a token up while the database answers nothing: by a promise (`promise`), by a promise with a handler for SIGINT
// (`handler`), or waiting (`sync`).

import { setTimeout as wait } from 'node:timers/promises';

import { Doorward } from '../../index.mjs';

const [how, databaseUrl, go] = process.argv.slice(2);
const patience = { poolAcquireTimeoutMs: 30_000, statementTimeoutMs: 30_000 };
const door = await Doorward.open({ store: 'postgres', databaseUrl, ...patience });
if (how === 'handler') {
  process.on('SIGINT', () => {
    console.log('interrupted');
    process.exit(7);
  });
}
await door.verify('somebody');
console.log('ready');
// The database falls silent meanwhile.
await wait(Number(go));
console.log('asking');
if (how === 'sync') door.verifySync('nobody');
else await door.verify('nobody');
console.log('answered');
