// Makes so many calls of a kind, and prints how much memory the process has gained since a part as large that went before, in
// which V8 and the allocator have found their size.

import { Doorward, DoorwardError } from '../../index.mjs';

const [kind, count] = process.argv.slice(2);
const door = await Doorward.open();
const { id } = await door.createInstitution({ name: 'Bank' });
const tokens = (await door.createKeys(id, Array.from({ length: 256 }, () => ({ label: 'x', role: 'admin' })))).map(({ token }) => token);
const context = await door.authenticate(tokens[0]);

const KINDS = {
  granted: (at) => door.verifySync(tokens[at % 256]),
  refused: (at) => door.verifySync(`somebody ${at}`),
  promise: (at) => door.verify(tokens[at % 256], { path: '/' }),
  request: (at) => door.verifySync({ rawHeaders: ['x-api-key', tokens[at % 256]] }, { path: `/${at}`, peer: '192.0.2.7' }),
  session: (at) => door.session(context, { path: `/${at}` }).getInstitutionSync(id),
  error: (at) => {
    try {
      door.getInstitutionSync(`nobody-${at}`);
    } catch (error) {
      if (!(error instanceof DoorwardError)) throw error;
    }
  },
};

async function calls(from, to) {
  const call = KINDS[kind];
  for (let at = from; at < to; at += 1) {
    const answer = call(at);
    if (answer instanceof Promise) await answer;
    // Finalizers of what was collected run between turns of the event loop.
    if (at % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return settled();
}

/** The size of the process when collecting makes it no smaller, however often finalizers have had their turn. */
async function settled() {
  let [least, calm] = [Infinity, 0];
  while (calm < 10) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
    // Without what V8 has reserved for the young and not yet given back.
    const { rss, heapTotal, heapUsed } = process.memoryUsage();
    const size = rss - heapTotal + heapUsed;
    calm = size < least ? 0 : calm + 1;
    least = Math.min(least, size);
  }
  return least;
}

const early = await calls(0, Number(count));
console.log((await calls(Number(count), 2 * Number(count))) - early);
