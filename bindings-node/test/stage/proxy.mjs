// A proxy before the PostgreSQL server that can delay what the server says, or hold it back.

import net from 'node:net';

/** A proxy to the database of this URL: `url` leads through it. */
export async function proxy(to) {
  const target = new URL(to);
  const clients = new Set();
  const held = [];
  let [delay, holds, notice] = [0, false, () => {}];

  function answer(client, chunk) {
    if (holds) {
      held.push(() => client.write(chunk));
      notice();
    } else if (delay > 0) setTimeout(() => client.write(chunk), delay);
    else client.write(chunk);
  }

  const listener = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    clients.add(client);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => answer(client, chunk));
    for (const socket of [client, upstream]) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        clients.delete(client);
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const url = new URL(to);
  url.hostname = '127.0.0.1';
  url.port = String(listener.address().port);
  return {
    url: url.href,
    /** From now on each answer comes so many milliseconds later. */
    delay(ms) {
      delay = ms;
    },
    /** From now on no answer comes. The promise is for the first that is held back. */
    hold() {
      holds = true;
      return new Promise((resolve) => (notice = resolve));
    },
    /** What was held back comes, and further answers as usual. */
    pass() {
      holds = false;
      for (const go of held.splice(0)) go();
    },
    close() {
      for (const client of clients) client.destroy();
      return new Promise((resolve) => listener.close(resolve));
    },
  };
}
