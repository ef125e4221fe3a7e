// First steps with doorward: read it from above to below, and run it as it is.
//
//   npm --prefix bindings-node ci && npm --prefix bindings-node run build     # once; needs Rust and a C compiler
//   npm --prefix examples/node ci
//   node examples/node/first-steps.mjs
//
// Everything here lives in memory and is gone afterwards.

import { Doorward, DoorwardError } from 'doorward';

// A door. `{ store: 'sqlite' }` or `{ store: 'postgres', databaseUrl }` keeps what you put in.
const door = await Doorward.open();

// A tenant, and a key for it. Your own code sets things up: no caller is there yet, and nobody's permission is asked.
const acme = await door.createInstitution({ name: 'Acme Bank', regions: ['US', 'SG'] });
const created = await door.createKey(acme.id, { label: 'back office', role: 'admin' });

const { token } = created; // The secret. Hand it over now: it is not stored, and nobody can read it again.
console.log('made     ', created.record.hint, 'for', acme.name); // What may be shown of it is the hint.

// The rules that the tenant must follow in a region. Amounts are exact decimals: a text, a bigint, or a number of at most 15
// digits.
const rules = { position: { minAmount: 100, maxAmount: '5000.00', allowedCurrencies: ['USD', 'EUR'] } };
const policy = await door.upsertPolicy(acme.id, 'US', rules);
console.log('rules    ', JSON.stringify(policy.config), 'version', policy.version);

// A request comes in with its headers. Who is it? (For Express, Fastify and node:http there is middleware that asks.)
const headers = { Host: 'api.acme.example', Authorization: `Bearer ${token}` };
const request = { method: 'POST', path: '/v1/orders', requestId: 'req-1', peer: '192.0.2.7' };

const caller = await door.authenticate({ headers }, request);
console.log('caller   ', caller.role, 'of', caller.institutionId);

// Where refusals are nothing special, `verify` answers without throwing.
for (const presented of [token, 'dw_live_mistyped', 'ak_nobodys']) {
  const verdict = await door.verify(presented);
  if (verdict.granted) console.log('granted  ', verdict.context.role);
  else console.log('refused  ', verdict.reason);
}

// What the caller does goes through a session: it checks what the role may do, acts, and writes the audit trail.
const session = door.session(caller, request);
for (const position of [{ amount: '1250.50', currency: 'USD' }, { amount: '5000.01', currency: 'JPY' }]) {
  const decision = await session.checkPosition(acme.id, 'US', position);
  const answer = decision.allowed ? 'allowed' : JSON.stringify(decision.violations);
  console.log('decision ', position.amount, position.currency, '->', answer);
}

// A key that may only read changes nothing. An error says what kind it is, and why.
const reader = await door.createKey(acme.id, { label: 'dashboard', role: 'read_only' });
const withReader = door.session(await door.authenticate(reader.token));
try {
  await withReader.deletePolicy(acme.id, 'US');
} catch (error) {
  if (!(error instanceof DoorwardError)) throw error;
  console.log('refused  ', error.kind, error.reason);
}

// Two people change the same policy: the second one is told, and nothing is lost.
const seen = { expectedVersion: policy.version };
await door.mergePolicy(acme.id, 'US', { position: { maxAmount: 8000 } }, seen);
await door.mergePolicy(acme.id, 'US', { position: { maxAmount: 6000 } }, seen).catch((error) => {
  console.log('refused  ', error.kind, error.reason);
});

// A key's life: a successor takes over while the old token stays good for an hour; revoking is the end. Methods ending in
// `Sync` answer at once: right from memory, where the others would be right with PostgreSQL.
const isGood = (presented) => door.verifySync(presented).granted;
const successor = await door.rotateKey(acme.id, created.record.id, { graceMs: 3_600_000 });
console.log('both good', isGood(token), isGood(successor.token));
await door.revokeKey(acme.id, created.record.id);
console.log('one good ', isGood(token), isGood(successor.token));

// Everything that was changed or refused is in the audit trail.
const trail = await door.listAuditEvents({ institutionId: acme.id, limit: 100, order: 'oldest_first' });
for (const { sequence, actor, action, outcome, error } of trail.items) {
  console.log('audit    ', sequence, actor.slice(0, 12), action, outcome, error ?? '');
}

// The end. `await using door = await Doorward.open()` closes by itself, where the language has it.
await door.close();
