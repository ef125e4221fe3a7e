// The form of the scenario files. What is not described in their README is refused here.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fillKnown } from './values.mjs';

export const FOLDER = fileURLToPath(new URL('../../../tests/conformance', import.meta.url));

const FILE = ['about', 'scenarios'];
const SCENARIO = ['name', 'config', 'backends', 'with', 'steps'];
const STEP = ['op', 'as', 'args', 'save', 'expect', 'error', 'why'];
const FAILURE = ['kind', 'reason', 'field'];

/** Every file: its topic and its scenarios, one for each set of values. */
export function load() {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json') && name !== 'coverage.json').sort();
  if (names.length === 0) throw new Error(`no scenarios in ${FOLDER}`);
  return names.map((name) => {
    const file = JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
    only(FILE, file, name);
    if (!file.about || !file.scenarios?.length) throw new Error(`${name} says not what it is about, or has no scenarios`);
    const scenarios = file.scenarios.flatMap((scenario) => unfolded(scenario, name));
    const twice = scenarios.find((one, at) => scenarios.findIndex((other) => other.name === one.name) !== at);
    if (twice) throw new Error(`${name}: two runs have one name: ${twice.name}`);
    return { topic: basename(name, '.json'), scenarios };
  });
}

/** One scenario for each set of values in `with`. */
function unfolded(scenario, file) {
  only(SCENARIO, scenario, file);
  for (const step of scenario.steps) {
    only(STEP, step, `${file}: ${scenario.name}`);
    if (step.error) only(FAILURE, step.error, `${file}: ${scenario.name}`);
    if (step.error && (step.expect !== undefined || step.save)) {
      throw new Error(`${file}: a step that fails has no answer to expect or to save: ${JSON.stringify(step)}`);
    }
  }
  const { name, config = {}, backends, with: sets = [{}], steps } = scenario;
  return sets.map((values) => fillKnown({ name, config, backends, steps }, values));
}

function only(known, object, place) {
  const stranger = Object.keys(object).find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`${place} has a member that is not described: ${stranger}`);
}
