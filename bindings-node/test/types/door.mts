// How programs in TypeScript use the package by `import`. It is compiled and never run.

import {
  Doorward,
  DoorwardError,
  Session,
  amountText,
  version,
  type Amount,
  type ApiKey,
  type AuthContext,
  type AuditEvent,
  type CreatedKey,
  type Decision,
  type ErrorKind,
  type Institution,
  type KeyRole,
  type Operations,
  type Page,
  type Policy,
  type RateLimit,
  type RateLimitStatus,
  type Reason,
  type Verdict,
} from 'doorward';

/** Holds if both are one type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function opening() {
  await using memory = await Doorward.open();
  using file = Doorward.openSync({ store: 'sqlite', databaseUrl: 'sqlite:keys.db', defaultDecision: 'deny' });
  await Doorward.open({ store: 'postgres', databaseUrl: 'postgres://localhost/app', poolMax: 5, regions: ['BR'] });
  await Doorward.openFromEnv();
  Doorward.openFromEnvSync({ STORE_BACKEND: 'memory', HOME: undefined });
  // @ts-expect-error PostgreSQL has an address.
  await Doorward.open({ store: 'postgres' });
  // @ts-expect-error A memory store has none.
  await Doorward.open({ store: 'memory', databaseUrl: 'sqlite:keys.db' });
  // @ts-expect-error There is no such store.
  await Doorward.open({ store: 'redis' });
  // @ts-expect-error A misspelt option.
  await Doorward.open({ rootApikey: 'x' });
  // @ts-expect-error A door is opened.
  new Doorward();
  // @ts-expect-error A session is made by a door.
  new Session();
  // @ts-expect-error Errors are doorward's.
  new DoorwardError('x');
  await memory.close({ deadlineMs: 100 });
  file.closeSync();
}

export async function limits(door: Doorward) {
  await Doorward.open({ rateLimit: { maxRequests: 100, windowMs: 60_000 }, failuresPerMinute: 10, keysPerHour: 5 });
  const { record } = await door.createKey('acme', { label: 'ci', role: 'admin', rateLimit: { maxRequests: 1, windowMs: 1 } });
  same<typeof record.rateLimit, RateLimit | null>(true);
  await door.updateKey('acme', record.id, { rateLimit: null });
  // @ts-expect-error A limit has a window.
  await door.updateKey('acme', record.id, { rateLimit: { maxRequests: 1 } });
  const left = door.rateLimit(await door.authenticate('x'));
  same<typeof left, RateLimitStatus | null>(true);
  if (left !== null) same<(typeof left.httpFields)['RateLimit-Policy'], string>(true);
  const verdict = door.verifySync('x');
  if (!verdict.granted && verdict.retryAfterMs !== undefined) same<typeof verdict.retryAfterMs, number>(true);
  // @ts-expect-error Only authentication makes a context.
  door.rateLimit({ role: 'root', institutionId: null, apiKeyId: null });
}

export async function asking(door: Doorward) {
  const verdict: Verdict = await door.verify({ rawHeaders: ['x-api-key', 'x'] }, { method: 'GET', path: '/', peer: '192.0.2.7' });
  if (verdict.granted) {
    same<typeof verdict.context, AuthContext>(true);
    // @ts-expect-error A grant has no reason.
    verdict.reason;
    if (verdict.context.role === 'root') same<typeof verdict.context.institutionId, null>(true);
    else same<typeof verdict.context.institutionId, string>(true);
    const session = door.session(verdict.context, { requestId: 'r' });
    same<typeof session, Session>(true);
    // @ts-expect-error What is answered is frozen.
    verdict.context.role = 'root';
  } else {
    same<typeof verdict.reason, Reason>(true);
    // @ts-expect-error A refusal has no context.
    verdict.context;
  }
  // @ts-expect-error Only authentication makes a context.
  door.session({ role: 'root', institutionId: null, apiKeyId: null });
  // @ts-expect-error So does nobody who copies what can be read of one.
  const forged: AuthContext = { role: 'admin', institutionId: 'a', apiKeyId: 'b' };
  void forged;

  for (const credentials of ['token', Buffer.from('token'), null, undefined] as const) await door.authenticate(credentials);
  await door.authenticate(new Request('http://localhost'));
  await door.authenticate({ headers: new Headers() });
  await door.authenticate({ headers: { authorization: undefined, 'x-api-key': ['a'] } });
  await door.authenticate({ headers: new Map([['x-api-key', 'x']]) });
  // @ts-expect-error A number is no token.
  await door.authenticate(5);
  // @ts-expect-error A misspelt member.
  door.verifySync('x', { ip: '192.0.2.7' });

  const { context, decision } = await door.admit('token', { region: 'US', position: { amount: '1', currency: 'USD' } });
  same<typeof context, AuthContext>(true);
  same<typeof decision, Decision>(true);
  // @ts-expect-error Some region is meant.
  await door.admit('token', { position: { amount: '1', currency: 'USD' } });
  same<Awaited<ReturnType<Doorward['findByToken']>>, ApiKey | null>(true);
  same<ReturnType<Doorward['metricsText']>, string>(true);
}

export async function records(operations: Operations, session: Session, door: Doorward) {
  for (const both of [session, door]) same<Awaited<ReturnType<typeof both.getInstitution>>, Institution>(true);
  const { id, regions } = await operations.createInstitution({ name: 'Acme', regions: ['US', 'BR'] });
  // @ts-expect-error What is answered is frozen.
  regions.push('SG');
  const created: CreatedKey = operations.createKeySync(id, { label: 'x', role: 'admin', expiresAt: new Date(), metadata: { a: [1] } });
  same<typeof created.record.role, KeyRole>(true);
  same<typeof created.record.revokedAt, string | null>(true);
  // @ts-expect-error Root is no key's role.
  await operations.createKey(id, { label: 'x', role: 'root' });
  // @ts-expect-error A key has a role.
  await operations.createKey(id, { label: 'x' });
  // @ts-expect-error Metadata is JSON.
  await operations.createKey(id, { label: 'x', role: 'admin', metadata: { a: new Date() } });
  // @ts-expect-error The token of a list is shown to nobody.
  (await operations.listKeys(id)).items[0]?.token;
  same<Awaited<ReturnType<Operations['listKeys']>>, Page<ApiKey>>(true);
  // @ts-expect-error There is no such status.
  await operations.listKeys(id, { status: 'gone' });
  await operations.rotateKey(id, created.record.id, { graceMs: 60_000 });
  same<Awaited<ReturnType<Operations['revokeAllKeys']>>, number>(true);
  const event: AuditEvent | undefined = (await operations.listAuditEvents({ since: new Date(), actor: 'root' })).items[0];
  if (event?.outcome === 'forbidden') same<typeof event.statusCode, number | null>(true);
}

export async function policies(session: Session, id: string) {
  const policy: Policy = await session.upsertPolicy(id, 'US', {
    position: { minAmount: 1n, maxAmount: '5000.00', allowedCurrencies: ['USD'] },
    note: { any: 'thing' },
  });
  same<typeof policy.config.position.maxAmount, Amount | undefined>(true);
  await session.upsertPolicy(id, 'US', '{"position":{}}', { expectedVersion: 0 });
  await session.mergePolicy(id, 'US', { position: { maxAmount: null } }, { expectedVersion: policy.version });
  // @ts-expect-error An amount is no date.
  await session.upsertPolicy(id, 'US', { position: { maxAmount: new Date() } });
  // @ts-expect-error A version is a number.
  await session.deletePolicy(id, 'US', { expectedVersion: '1' });
  const decision = await session.checkPosition(id, 'US', { amount: 10.5, currency: 'USD' });
  if (decision.allowed) same<typeof decision.violations, readonly []>(true);
  else for (const { code } of decision.violations) same<typeof code, 'below_min' | 'above_max' | 'currency_not_allowed'>(true);
  // @ts-expect-error A position has a currency.
  session.checkPositionSync(id, 'US', { amount: 1 });
  // @ts-expect-error Whether the caller is good is the door's to say.
  session.verify('x');
  same<ReturnType<typeof amountText>, string>(true);
  same<typeof version, string>(true);
}

export function errors(error: unknown): number {
  if (!(error instanceof DoorwardError)) throw error;
  same<typeof error.kind, ErrorKind>(true);
  same<typeof error.retryAfterMs, number | undefined>(true);
  same<typeof error.rateLimit, RateLimitStatus | undefined>(true);
  // @ts-expect-error There is no such kind.
  if (error.kind === 'NotAllowed') return 1;
  switch (error.reason) {
    case 'version_mismatch':
      return 2;
    // @ts-expect-error There is no such reason.
    case 'version_mismatched':
      return 3;
    default:
      return error.status;
  }
}
