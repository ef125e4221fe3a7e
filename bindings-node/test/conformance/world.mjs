// What a scenario has while it runs: the door, what was saved, the sessions; and how its steps are taken.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { Doorward, DoorwardError } from '../../index.mjs';
import { faultyDoor } from '../stage/faulty.mjs';
import { room } from '../stage/stores.mjs';
import { meets } from './expectation.mjs';
import { Arguments, OF_THE_DOOR, OPERATIONS, method } from './operations.mjs';
import { fillAll, generate } from './values.mjs';

/** The two ways to call each operation. */
export const FACES = {
  promises: (target, name, given) => target[name](...given),
  sync: async (target, name, given) => target[`${name}Sync`](...given),
};

/** Plays a scenario to its end; fails at the first step that goes otherwise. */
export async function play(scenario, store, face, base) {
  const world = await World.open(scenario, store, face, base);
  try {
    for (const [at, written] of scenario.steps.entries()) {
      try {
        await world.take(written);
      } catch (error) {
        const step = JSON.stringify(written).slice(0, 300);
        throw new Error(`step ${at + 1} ${step}: ${error.message}`, { cause: error });
      }
    }
  } finally {
    await world.leave();
  }
}

class World {
  #saved;
  #contexts = new Map();
  #sessions = new Map();
  #doors = [];

  static async open(scenario, store, face, base) {
    const world = new World();
    world.room = await room(store, base);
    world.variables = { ...world.room.variables, ...scenario.config };
    world.call = FACES[face];
    world.face = face;
    world.#saved = { backend: store, folder: world.room.folder };
    // Only a scenario with faults meets them; every other one has the door as a host opens it.
    if (scenario.steps.some((step) => step.op === 'fault')) {
      const { door, fault } = faultyDoor(world.variables);
      world.fault = fault;
      world.#use(door);
    } else {
      world.#use(await world.#opened(world.variables));
    }
    return world;
  }

  #use(door) {
    this.door = door;
    this.#doors.push(door);
  }

  #opened(variables) {
    return this.call(Doorward, 'openFromEnv', [variables]);
  }

  async leave() {
    this.fault?.('none');
    await Promise.allSettled(this.#doors.map((door) => door.close()));
    await this.room.leave();
  }

  async take(written) {
    const step = fillAll(written, this.#saved);
    let answer;
    try {
      answer = await this.#make(step.op, step.as ?? 'system', generate(step.args ?? {}), step.save);
    } catch (error) {
      if (!(error instanceof DoorwardError)) throw error;
      if (!step.error) throw new Error(`failed with ${error.kind} / ${error.reason}: ${error.message}`, { cause: error });
      failsAs(error, step.error);
      return;
    }
    if (step.error) throw new Error(`succeeded: ${JSON.stringify(answer)}`);
    if (step.expect !== undefined) meets(answer, step.expect);
    if (step.save) this.#saved[step.save] = answer;
  }

  async #make(op, as, members, save) {
    if (op in OPERATIONS) {
      const given = Arguments.read(members, OPERATIONS[op]);
      return this.call(await this.#caller(as), method(op), given);
    }
    if (as !== 'system') throw new Error(`${op} is called by the system alone`);
    if (op in OF_THE_DOOR) {
      const answer = await this.call(this.door, method(op), Arguments.read(members, OF_THE_DOOR[op]));
      const context = op === 'authenticate' ? answer : answer?.context;
      if (save && context) this.#contexts.set(save, context);
      return answer ?? null;
    }
    if (!(op in STAGE)) throw new Error(`no such operation: ${op}`);
    return STAGE[op].call(this, new Arguments(members), save);
  }

  async #caller(name) {
    if (name === 'system') return this.door;
    if (this.#sessions.has(name)) return this.#sessions.get(name);
    if (this.#contexts.has(name)) return this.door.session(this.#contexts.get(name));
    if (name === 'root') return this.door.session(await this.call(this.door, 'authenticate', [this.variables.ROOT_API_KEY]));
    throw new Error(`no caller was saved as ${name}`);
  }

  contextOf(name) {
    const context = this.#contexts.get(name);
    if (!context) throw new Error(`no context was saved as ${name}`);
    return context;
  }

  /** Binds a saved context to a request. The session is known by the name under which the step saves it. */
  bind(name, request, save) {
    const context = this.contextOf(name);
    if (!save) throw new Error('a session must be saved under a name');
    this.#sessions.set(save, this.door.session(context, request));
    return context;
  }

  /** Opens a door. With `stay` it takes the place of the scenario's door, on the same records where the store outlives it. */
  async openAnother(variables, stay) {
    if (stay) {
      this.#use(await this.#opened({ ...this.room.variables, ...variables }));
    } else {
      const door = await this.#opened({ STORE_BACKEND: 'memory', ...variables });
      await this.call(door, 'close', []);
    }
    return null;
  }
}

/** What is called otherwise than by arguments alone, and what sets the stage. */
const STAGE = {
  session(a, save) {
    const [name, request] = [a.take('context'), a.take('request')];
    a.finish();
    return this.bind(name, request, save);
  },
  rate_limit(a) {
    const context = this.contextOf(a.take('context'));
    a.finish();
    return this.door.rateLimit(context);
  },
  metrics(a) {
    a.finish();
    return this.door.metrics();
  },
  open(a) {
    const [variables, stay] = [a.take('variables') ?? {}, a.take('stay') ?? false];
    a.finish();
    return this.openAnother(variables, stay);
  },
  fault(a) {
    const kind = a.take('kind');
    a.finish();
    this.fault(kind);
    return { fault: kind };
  },
  async wait(a) {
    const ms = a.take('ms');
    a.finish();
    await wait(ms);
    return null;
  },
  async write_file(a) {
    const [name, text] = [a.take('name'), a.take('text')];
    a.finish();
    await writeFile(join(this.room.folder, name), text);
    return null;
  },
  async make_folder(a) {
    const name = a.take('name');
    a.finish();
    await mkdir(join(this.room.folder, name), { recursive: true });
    return null;
  },
};

export const STAGE_ALONE = ['fault', 'wait', 'write_file', 'make_folder'];

function failsAs(error, expected) {
  // Which field is to blame is compared only where the step names one.
  const field = expected.field === undefined ? error.field : inJavaScript(expected.field);
  if (error.kind === expected.kind && error.reason === expected.reason && error.field === field) return;
  const [wanted, seen] = [`${expected.kind} / ${expected.reason} ${field}`, `${error.kind} / ${error.reason} ${error.field}`];
  throw new Error(`expected ${wanted}, failed with ${seen}: ${error.message}`, { cause: error });
}

/** A field in the spelling of JavaScript: arguments are camelCase, variables and members of documents as they are. */
function inJavaScript(field) {
  if (/^(config|patch|metadata)[.[]/.test(field) || /[A-Z]/.test(field)) return field;
  return field.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}
