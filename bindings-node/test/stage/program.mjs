// Runs a program as a process of its own, and tells what it says and how it ends.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a program of `test/programs`. */
export function start(name, ...given) {
  const path = fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url));
  return run(['--expose-gc', path, ...given]);
}

/**
 * Runs Node with these arguments. `ended` is a promise for the exit code or signal and for what was printed; `said` gives one
 * for what a text or a pattern finds in that, which fails if the program ends without it.
 */
export function run(given, options = {}) {
  const child = spawn(process.execPath, given, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const began = performance.now();
  let [output, errors] = ['', ''];
  const waiting = new Set();
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const ended = new Promise((resolve, reject) => {
    // A program that hangs is ended, and has then not ended by itself. One that works may take minutes on a busy machine.
    const patience = setTimeout(() => child.kill('SIGKILL'), 300_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(patience);
      resolve({ code, signal, output, errors, took: performance.now() - began });
    });
  });
  const said = (wanted) =>
    new Promise((resolve, reject) => {
      const found = () => (typeof wanted === 'string' ? output.includes(wanted) : wanted.exec(output));
      const look = () => {
        const what = found();
        if (what) resolve(what);
      };
      waiting.add(look);
      look();
      ended.then(({ errors }) => reject(new Error(`it ended without saying ${wanted}: ${errors}`)), reject);
    });
  return { child, ended, said };
}
