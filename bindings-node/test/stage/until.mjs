// Waits for what comes about by itself.

import { setTimeout as pause } from 'node:timers/promises';

/** Waits until this holds. What has not come about after half a minute will not. */
export async function until(holds) {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > 30_000) throw new Error(`it did not come about: ${holds}`);
    await pause(5);
  }
}
