// Uses a door and leaves it as told: `closed`, `forgotten`, or `pending` (with a promise that nobody awaits).

import { Doorward } from '../../index.mjs';

const [how, variables] = [process.argv[2], JSON.parse(process.argv[3])];
const door = await Doorward.openFromEnv(variables);
const { id } = await door.createInstitution({ name: 'Acme' });
const { token } = await door.createKey(id, { label: 'x', role: 'admin' });
if (!(await door.verify(token)).granted) throw new Error('not let in');
if (how === 'closed') await door.close();
if (how === 'pending') door.createInstitution({ name: 'Later' }).then(({ name }) => console.log(name));
console.log('done');
