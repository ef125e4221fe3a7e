// Runs a program of `test/programs` as a process of its own, and tells how it ended.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a program. `ended` is a promise for its exit code or signal and for what it printed. */
export function start(name, ...given) {
  const path = fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', path, ...given], { stdio: ['ignore', 'pipe', 'pipe'] });
  const began = performance.now();
  let [output, errors] = ['', ''];
  const waiting = [];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    for (const { wanted, resolve } of waiting) if (output.includes(wanted)) resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const ended = new Promise((resolve, reject) => {
    // A program that hangs is ended, and has then not ended by itself.
    const patience = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(patience);
      resolve({ code, signal, output, errors, took: performance.now() - began });
    });
  });
  /** Waits until it has printed this. */
  const said = (wanted) => new Promise((resolve) => (output.includes(wanted) ? resolve() : waiting.push({ wanted, resolve })));
  return { child, ended, said };
}
