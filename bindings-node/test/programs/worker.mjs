// A worker: uses doors of its own, as its data says, and tells its parent.

import { parentPort, workerData } from 'node:worker_threads';

import { Doorward } from '../../index.mjs';

const { variables, forever } = workerData;
const door = await Doorward.openFromEnv(variables);
const { id } = await door.createInstitution({ name: 'Acme' });
const { token } = await door.createKey(id, { label: 'x', role: 'admin' });
const context = await door.authenticate(token);
parentPort.postMessage({ token, context });
// Calls of both kinds, until somebody ends this worker in the midst of them.
while (forever) {
  await Promise.all(Array.from({ length: 50 }, () => door.getInstitution(id)));
  door.verifySync(token);
}
await door.close();
