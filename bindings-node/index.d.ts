/**
 * doorward: may this caller do this, for this institution, in this region? API keys and policies, checked inside your own
 * process; records in memory, in a SQLite file, or in PostgreSQL.
 *
 * ```js
 * import { Doorward } from 'doorward';
 *
 * const door = await Doorward.open({ store: 'sqlite', databaseUrl: 'sqlite:keys.db' });
 * const acme = await door.createInstitution({ name: 'Acme Bank', regions: ['US', 'SG'] });
 * const { token } = await door.createKey(acme.id, { label: 'backend', role: 'admin' });
 *
 * const verdict = await door.verify(token);
 * if (verdict.granted) console.log(verdict.context.institutionId);
 * ```
 *
 * What is answered is plain, frozen data: `JSON.stringify` of it is what an HTTP API sends. Times are RFC 3339 in UTC with
 * milliseconds (`2026-01-02T03:04:05.678Z`).
 *
 * Promise methods never block the event loop, and fail by rejecting with a {@link DoorwardError}. Each has a twin whose name
 * ends in `Sync`: it answers at once from memory, within microseconds from SQLite, and blocks the thread for as long as the
 * network takes with PostgreSQL.
 *
 * @module
 */

// --- words ---------------------------------------------------------------------------------------------------------

/** A region: one of the built-in ones, or one that was configured. */
export type Region = 'US' | 'EU_UK' | 'SG' | 'UAE' | (string & {});

/** What a key lets its holder do, within the key's institution. */
export type KeyRole = 'admin' | 'read_only';

/** What a caller may do. `root` is nobody's key: it comes from the configured root token. */
export type Role = 'root' | KeyRole;

/** Whether a key is good: the first that holds of `revoked`, `disabled`, `expired`, else `active`. */
export type KeyStatus = 'active' | 'disabled' | 'expired' | 'revoked';

/** Which end of a list comes first. */
export type Order = 'newest_first' | 'oldest_first';

/**
 * An amount as it is given back: exact, in major units; a number while it has at most 15 significant digits, which a double
 * carries, else a string. {@link amountText} gives the exact text of either.
 */
export type Amount = number | string;

/**
 * An amount as it is taken: decimal text of at most 28 significant digits and 8 decimal places, a bigint, or a finite number of
 * at most 15 significant digits. Nothing is ever rounded: what does not fit is refused.
 */
export type AmountInput = number | bigint | string;

/** Any JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [member: string]: JsonValue | undefined;
}

/** Why a call did not succeed, in one of a few words that say what to do about it. */
export type ErrorKind =
  /** The arguments are wrong; `field` names the one. HTTP 400. */
  | 'Validation'
  /** No credentials, or ones that are not good. HTTP 401. */
  | 'Unauthenticated'
  /** The caller is known and may not do this. HTTP 403. */
  | 'Forbidden'
  /** It does not exist. HTTP 404. */
  | 'NotFound'
  /** A duplicate, or another version than expected. HTTP 409. */
  | 'Conflict'
  /** Too often; `retryAfterMs` says when to try again. HTTP 429. */
  | 'RateLimited'
  /** The database refused or answered nonsense; trying again will not help. HTTP 500. */
  | 'Database'
  /** The store did not answer in time; trying again may help. HTTP 503. */
  | 'Unavailable'
  /** The configuration is wrong; `field` names the option or variable. HTTP 500. */
  | 'Config'
  /** The handle was closed. HTTP 500. */
  | 'Closed'
  /** A bug, or a panic that was caught; the handle stays usable. HTTP 500. */
  | 'Internal';

/** The stable word for a cause. Each belongs to one {@link ErrorKind}; docs/errors.md explains them. */
export type Reason =
  // Validation
  | 'empty'
  | 'too_long'
  | 'control_character'
  | 'invalid_format'
  | 'not_utf8'
  | 'out_of_range'
  | 'unknown_role'
  | 'unknown_region'
  | 'unknown_currency'
  | 'region_mismatch'
  | 'min_above_max'
  | 'negative_amount'
  | 'too_precise'
  | 'not_a_decimal'
  | 'duplicate'
  | 'invalid_json'
  | 'duplicate_key'
  | 'nul_character'
  | 'too_deep'
  | 'too_large'
  | 'unsafe_number'
  | 'invalid_cursor'
  | 'in_the_past'
  | 'required'
  // Unauthenticated
  | 'missing'
  | 'malformed'
  | 'unknown'
  | 'revoked'
  | 'disabled'
  | 'expired'
  | 'address_not_allowed'
  // Forbidden
  | 'other_institution'
  | 'role_not_allowed'
  | 'actor_not_active'
  // NotFound
  | 'institution_not_found'
  | 'key_not_found'
  | 'policy_not_found'
  // Conflict
  | 'institution_exists'
  | 'key_exists'
  | 'version_mismatch'
  | 'key_revoked'
  | 'key_expired'
  | 'key_disabled'
  | 'key_rotated'
  // RateLimited
  | 'rate_limited'
  // Database
  | 'database_error'
  | 'damaged_record'
  | 'not_a_database'
  | 'read_only_database'
  | 'disk_full'
  | 'permission_denied'
  | 'newer_schema'
  // Unavailable
  | 'unavailable'
  | 'busy'
  | 'outcome_unknown'
  // Config
  | 'invalid_variable'
  | 'missing_variable'
  | 'unsupported'
  | 'cannot_open'
  | 'not_adopted'
  | 'cannot_adopt'
  | 'log_taken'
  // Closed
  | 'closed'
  // Internal
  | 'abandoned'
  | 'would_deadlock'
  | 'panicked'
  | 'no_randomness'
  | 'bug';

// --- errors --------------------------------------------------------------------------------------------------------

/**
 * Why a call did not succeed. `kind` and `reason` are for programs, `message` is for people and may change. Its stack points at
 * the call. It never holds a token, a password or another secret.
 */
export class DoorwardError extends Error {
  private constructor();
  override readonly name: 'DoorwardError';
  /** What to do about it. */
  readonly kind: ErrorKind;
  /** Why. */
  readonly reason: Reason;
  /** The operation that failed (`createKey`), if it happened in one. */
  readonly operation: string | undefined;
  /** The argument, member, option or variable that is to blame (`keys[3].label`), if one is. */
  readonly field: string | undefined;
  /** The status that an HTTP API answers with. */
  readonly status: number;
  /** Whether the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;
  /** How many milliseconds to wait before trying again, where that is known. */
  readonly retryAfterMs: number | undefined;
  /** What the caller has left of the rate limit of its key, if it is that which it met. */
  readonly rateLimit: RateLimitStatus | undefined;
  /** The lower-level error that caused this one, if there is one. */
  override readonly cause: Error | undefined;
}

// --- opening -------------------------------------------------------------------------------------------------------

/** What every store takes. The environment variables of `Doorward.openFromEnv` mean the same. */
export interface CommonOptions {
  /** The root token: everything, for every institution. 32 to 512 characters; only its hash is kept. Default: none. */
  readonly rootApiKey?: string;
  /** The addresses and CIDR ranges from which the root token counts. Default: anywhere. */
  readonly rootApiKeyAllowedIps?: readonly string[];
  /** The addresses and CIDR ranges whose forwarded headers are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** The word with which tokens begin, `[a-z][a-z0-9]{1,9}`. Default: `dw`. */
  readonly tokenBrand?: string;
  /** The word that follows it, `[a-z][a-z0-9]{0,4}`. Default: `live`. */
  readonly tokenEnv?: string;
  /** Regions that are known besides the built-in ones. */
  readonly regions?: readonly string[];
  /** Currencies that are known besides those of ISO 4217. */
  readonly currencies?: readonly string[];
  /** What is decided where an institution has no policy. Default: `allow`. */
  readonly defaultDecision?: 'allow' | 'deny';
  /** How often each key is accepted that has no limit of its own. Default: as often as it likes. */
  readonly rateLimit?: RateLimit;
  /** How many authentications may fail from an address (IPv4) or network (IPv6, /64). Default: any number. */
  readonly failuresPerMinute?: number;
  /** How many keys the callers of one institution may create. Default: any number. */
  readonly keysPerHour?: number;
  /** Whether the audit trail holds successful authentications as well. Default: false. */
  readonly auditAuthentications?: boolean;
  /** Whether the audit trail holds reads as well. Default: false. */
  readonly auditReads?: boolean;
  /** Whether calls are counted and timed. Default: true. */
  readonly metrics?: boolean;
}

/** Records in memory, until the process ends. */
export interface MemoryOptions extends CommonOptions {
  readonly store?: 'memory';
  /** How many audit events are kept; the oldest give way. Default: 10,000; at most 16,777,216. */
  readonly memoryAuditCapacity?: number;
}

/** Records in a SQLite file, which is made if it is not there. */
export interface SqliteOptions extends CommonOptions {
  readonly store: 'sqlite';
  /** `sqlite:PATH`. Default: `sqlite:doorward.db`. */
  readonly databaseUrl?: string;
}

/** Records in a PostgreSQL database, which a fleet may share. */
export interface PostgresOptions extends CommonOptions {
  readonly store: 'postgres';
  /** `postgres://user:password@host:port/database`. */
  readonly databaseUrl: string;
  /** The schema of the tables. Default: `doorward`; another one for tables that were adopted. */
  readonly schema?: string;
  /** How many connections there are at most. Default: 10. */
  readonly poolMax?: number;
  /** How many milliseconds an operation waits for a connection. Default: 5000. */
  readonly poolAcquireTimeoutMs?: number;
  /** How many milliseconds a statement may take. Default: 5000. */
  readonly statementTimeoutMs?: number;
}

/** How a door is opened. A name that is not here is refused. */
export type Options = MemoryOptions | SqliteOptions | PostgresOptions;

// --- callers -------------------------------------------------------------------------------------------------------

/**
 * What a caller presents: a token; or whatever has the headers of its request, such as `http.IncomingMessage` or a `Request` of
 * fetch. In headers `x-api-key` counts, or else `Authorization: Bearer …`; the same of the two twice is `malformed`, which only
 * `rawHeaders`, pairs, and arrays as values can show. `null` and `undefined` are nothing: `missing`.
 */
export type Credentials =
  | string
  | Uint8Array
  | { readonly rawHeaders: readonly string[] }
  | { readonly headers: Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[] | undefined>> }
  | null
  | undefined;

/** What is known of a request, for the audit trail and for rules about addresses. Everything is optional. */
export interface RequestInfo {
  /** The HTTP method or its like. */
  readonly method?: string | undefined;
  /** The path; a query is cut off. */
  readonly path?: string | undefined;
  /** The host's id of the request. */
  readonly requestId?: string | undefined;
  /** The address at the other end of the socket, without a port. */
  readonly peer?: string | undefined;
  /** The value of `X-Forwarded-For`, several joined by commas. It counts only if the peer is a trusted proxy. */
  readonly forwardedFor?: string | undefined;
}

declare const authenticated: unique symbol;

/** The holder of the root token. */
export interface RootContext {
  readonly role: 'root';
  readonly institutionId: null;
  readonly apiKeyId: null;
  readonly [authenticated]: true;
}

/** The holder of a key. */
export interface KeyContext {
  readonly role: KeyRole;
  /** The institution to which the caller belongs. */
  readonly institutionId: string;
  /** The caller's key. */
  readonly apiKeyId: string;
  readonly [authenticated]: true;
}

/**
 * Who the caller is. Only authentication makes one: a copy, or what was read back from JSON, opens no session. Two contexts of
 * one key may be the same object.
 */
export type AuthContext = RootContext | KeyContext;

/** The caller is known and its key is good. */
export interface Granted<Context extends AuthContext = AuthContext> {
  readonly granted: true;
  readonly context: Context;
}

/**
 * The caller is not let in. The reason is for the host: tell a remote caller no more than "missing" or "invalid API key". If
 * the store could not answer, kind and reason are those of its error.
 */
export interface Refused {
  readonly granted: false;
  readonly kind: ErrorKind;
  readonly reason: Reason;
  /** After how many milliseconds the caller may come again: there where the reason is `rate_limited`, and only there. */
  readonly retryAfterMs?: number;
}

/** The answer of `verify`. */
export type Verdict = Granted | Refused;

/** The answer of `admit`. */
export interface Admission {
  readonly context: AuthContext;
  readonly decision: Decision;
}

// --- records -------------------------------------------------------------------------------------------------------

/** A tenant: the owner of keys and policies. */
export interface Institution {
  /** `inst_…`, or what the host chose. */
  readonly id: string;
  readonly name: string;
  /** Where it is at work. It describes; a policy may be set for every known region. */
  readonly regions: readonly Region[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** An institution to be created. */
export interface NewInstitution {
  /** The host's own id for its tenant, 1 to 128 characters of `A-Za-z0-9_.:-`. Default: one is made. */
  readonly id?: string;
  /** 1 to 255 characters. */
  readonly name: string;
  /** Known regions, each once. Default: none. */
  readonly regions?: readonly Region[];
}

/** What is to change about an institution; what is absent stays. */
export interface InstitutionPatch {
  readonly name?: string;
  /** All of them. */
  readonly regions?: readonly Region[];
}

/** The record about a token. */
export interface ApiKey {
  /** `ak_…` */
  readonly id: string;
  readonly institutionId: string;
  /** The SHA-256 of the token, 64 hex digits. */
  readonly keyHash: string;
  /** What may be shown of the token (`dw_live_kFKg2w5F`). */
  readonly hint: string;
  readonly label: string;
  readonly role: KeyRole;
  /** As of the moment of the answer. */
  readonly status: KeyStatus;
  readonly createdAt: string;
  readonly revokedAt: string | null;
  readonly disabledAt: string | null;
  readonly expiresAt: string | null;
  /** When it was last accepted; may be some seconds behind. */
  readonly lastUsedAt: string | null;
  /** From where it may be used; an empty list means from anywhere. */
  readonly allowedAddresses: readonly string[];
  /** How often it is accepted, if it has a limit of its own; else as often as the door was told. */
  readonly rateLimit: RateLimit | null;
  readonly metadata: JsonObject;
  /** The key of which this one is the successor. */
  readonly rotatedFrom: string | null;
  /** 1 when created; raised by every change. */
  readonly version: number;
}

/** So many requests in so much time: all of them may come at once, and room comes back evenly. */
export interface RateLimit {
  /** 1 to 1,000,000. */
  readonly maxRequests: number;
  /** 1 to 86,400,000 milliseconds, which is a day. */
  readonly windowMs: number;
}

/** What is left of a rate limit at a moment. */
export interface RateLimitStatus extends RateLimit {
  /** How many requests may come at once now. */
  readonly remaining: number;
  /** After how many milliseconds without a request all of them may. */
  readonly resetAfterMs: number;
  /** The same as HTTP fields for an answer to the caller (draft-ietf-httpapi-ratelimit-headers-10). */
  readonly httpFields: { readonly 'RateLimit-Policy': string; readonly RateLimit: string };
}

/** A key to be created. */
export interface NewKey {
  /** 1 to 255 characters for people. */
  readonly label: string;
  readonly role: KeyRole;
  /** From when on it is no longer good: RFC 3339 text, or a date. Default: never. */
  readonly expiresAt?: string | Date | null;
  /** Addresses and CIDR ranges, at most 100. Default: from anywhere. */
  readonly allowedAddresses?: readonly string[];
  /** How often it is accepted. Default: as often as the door was told. Only root and the host itself give one. */
  readonly rateLimit?: RateLimit | null;
  /** The host's own data, at most 64 KiB: an object, or JSON text of one. */
  readonly metadata?: JsonObject | string;
}

/** A key that exists elsewhere. */
export interface ImportedKey extends NewKey {
  /** The SHA-256 of its token in 64 hex digits. */
  readonly keyHash: string;
}

/** What is to change about a key; what is absent stays. */
export interface KeyPatch {
  readonly label?: string;
  /** `null` removes it. */
  readonly expiresAt?: string | Date | null;
  /** All of them. */
  readonly allowedAddresses?: readonly string[];
  /** `null` removes it. */
  readonly rateLimit?: RateLimit | null;
  /** All of it: an object, or JSON text of one. */
  readonly metadata?: JsonObject | string;
  /** Change only if the record still has this version. */
  readonly expectedVersion?: number;
}

/**
 * A key that was just made, and its token, which cannot be had again.
 *
 * The token is in `token` alone: `JSON.stringify` and `console.log` of this object show the hint in its place, and a copy by
 * spreading has none.
 */
export interface CreatedKey {
  /** The secret. */
  readonly token: string;
  readonly record: ApiKey;
}

/** What an import did, or in a dry run would do. */
export interface ImportReport {
  readonly dryRun: boolean;
  readonly imported: readonly ApiKey[];
  /** What stands in the way. Filled by a dry run only: an import with a conflict stores nothing and fails. */
  readonly conflicts: readonly ImportConflict[];
}

/** A key of an import that cannot be stored. */
export interface ImportConflict {
  /** Its place in the import, from 0. */
  readonly index: number;
  readonly keyHash: string;
  /** Stored already, or earlier in the same import. */
  readonly reason: 'key_exists' | 'duplicate';
}

/** The rules of one institution in one region. */
export interface Policy {
  /** `pol_…` */
  readonly id: string;
  readonly institutionId: string;
  readonly region: Region;
  readonly config: PolicyConfig;
  /** Raised by every change; no version number ever means two configs. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What a policy holds. Members that doorward does not know are kept. */
export interface PolicyConfig {
  readonly region?: Region;
  readonly position: PositionRule;
  readonly [member: string]: unknown;
}

/** The rules about positions. What is absent is not limited. */
export interface PositionRule {
  /** The least amount that is allowed, itself included. */
  readonly minAmount?: Amount;
  /** The greatest amount that is allowed, itself included. */
  readonly maxAmount?: Amount;
  /** ISO 4217 codes, and configured ones. An empty list allows none. */
  readonly allowedCurrencies?: readonly string[];
  readonly [member: string]: unknown;
}

/** A config as it is given. */
export interface PolicyConfigInput {
  /** If given, the policy's region. */
  readonly region?: Region | null;
  readonly position: {
    readonly minAmount?: AmountInput | null;
    readonly maxAmount?: AmountInput | null;
    readonly allowedCurrencies?: readonly string[] | null;
    readonly [member: string]: unknown;
  };
  readonly [member: string]: unknown;
}

/** A merge patch (RFC 7396) for a config: members replace, `null` removes, objects are merged. */
export interface PolicyPatch {
  readonly region?: Region | null;
  readonly position?: Partial<PolicyConfigInput['position']>;
  readonly [member: string]: unknown;
}

/** One version of a policy. */
export interface PolicyVersion {
  readonly policyId: string;
  readonly institutionId: string;
  readonly region: Region;
  /** The version that this change made. */
  readonly version: number;
  readonly action: 'upserted' | 'merged' | 'deleted';
  /** The config from then on; `null` after a deletion. */
  readonly config: PolicyConfig | null;
  /** `system`, `root`, or the id of a key. */
  readonly changedBy: string;
  readonly changedAt: string;
}

/** What a policy is asked about. */
export interface Position {
  /** In major units. */
  readonly amount: AmountInput;
  /** ISO 4217, or a configured one; in any case. */
  readonly currency: string;
}

/** Where the rules of a decision came from. */
export type PolicySource =
  /** The stored policy. */
  | 'found'
  /** There is none: the configured default decided. */
  | 'none'
  /** There is one that cannot be read: denied. */
  | 'unreadable'
  /** A config that was given with the question. */
  | 'given';

interface DecisionOrigin {
  /** The policy that it was decided on. */
  readonly policyId: string | null;
  readonly policyVersion: number | null;
  readonly policy: PolicySource;
}

/** The position is allowed. */
export interface Allowed extends DecisionOrigin {
  readonly allowed: true;
  readonly violations: readonly [];
}

/** The position is not allowed. Without violations it is the default, or an unreadable policy, that denies. */
export interface Denied extends DecisionOrigin {
  readonly allowed: false;
  /** Everything that it violates, in the order `below_min`, `above_max`, `currency_not_allowed`. */
  readonly violations: readonly Violation[];
}

/** The answer of a policy. */
export type Decision = Allowed | Denied;

/** A rule that a position violates. */
export interface Violation {
  readonly code: 'below_min' | 'above_max' | 'currency_not_allowed';
  /** What the rule allows: an amount as exact text, or the allowed currencies separated by commas. */
  readonly limit: string;
  /** What the position has. */
  readonly value: string;
}

/** An entry of the audit trail. */
export interface AuditEvent {
  /** Rises with every event, in the order of writing. */
  readonly sequence: number;
  /** `evt_…` */
  readonly id: string;
  readonly occurredAt: string;
  /** `system` (the host's own code), `root`, `anonymous`, or the id of a key. */
  readonly actor: string;
  /** The key whose holder did it. */
  readonly apiKeyId: string | null;
  /** The operation, by its name in all languages (`create_key`). */
  readonly action: string;
  readonly outcome: 'succeeded' | 'forbidden' | 'refused' | 'unstated';
  readonly institutionId: string | null;
  /** What it was done to: `institution`, `api_key` or `policy`. */
  readonly resourceType: string | null;
  /** Its id; the region for a policy. */
  readonly resourceId: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly requestId: string | null;
  readonly clientAddress: string | null;
  /** The HTTP status of a refusal. */
  readonly statusCode: number | null;
  /** The reason of a refusal. */
  readonly error: Reason | (string & {}) | null;
  readonly payload: JsonObject;
}

// --- lists ---------------------------------------------------------------------------------------------------------

/** Which part of a list is wanted. */
export interface PageQuery {
  /** How many items at most, 1 to 1000. Default: 50. */
  readonly limit?: number;
  /** Where the previous page ended (`next`). Default: the beginning. */
  readonly cursor?: string | null;
  /** Default: `newest_first`. */
  readonly order?: Order;
}

/** A part of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** The cursor of the next page; `null` on the last one. */
  readonly next: string | null;
}

/** Which keys of an institution to list. */
export interface KeyQuery extends PageQuery {
  /** Whether revoked keys are listed as well. Default: false. */
  readonly includeRevoked?: boolean;
  readonly role?: KeyRole;
  readonly status?: KeyStatus;
}

/** Which audit events to list. */
export interface AuditQuery extends PageQuery {
  readonly institutionId?: string;
  /** `system`, `root`, `anonymous`, or the id of a key. */
  readonly actor?: string;
  /** The operation, by its name in all languages (`create_key`). */
  readonly action?: string;
  /** Only those that happened then or later. */
  readonly since?: string | Date;
  /** Only those that happened before. */
  readonly until?: string | Date;
}

// --- operations ----------------------------------------------------------------------------------------------------

/** Change only if the stored version is this one; 0 means: only if there is none. */
export interface VersionCheck {
  readonly expectedVersion?: number;
}

/**
 * The operations on institutions, keys, policies and the audit trail. On a {@link Doorward} they are the host's own (no
 * permission is asked, and the audit trail names the actor `system`); on a {@link Session} they are the caller's, and each may
 * fail with `Forbidden`. All of them may fail with what a store can answer: `Database`, `Unavailable`, `Closed`, `Internal`.
 */
export interface Operations {
  /**
   * Creates an institution. Only root may.
   * @throws `Validation`; `Conflict` / `institution_exists`.
   */
  createInstitution(institution: NewInstitution): Promise<Institution>;
  createInstitutionSync(institution: NewInstitution): Institution;

  /**
   * Gets an institution.
   * @throws `NotFound` / `institution_not_found`.
   */
  getInstitution(institutionId: string): Promise<Institution>;
  getInstitutionSync(institutionId: string): Institution;

  /**
   * Lists institutions by creation. Only root may.
   * @throws `Validation` (limit, cursor).
   */
  listInstitutions(query?: PageQuery): Promise<Page<Institution>>;
  listInstitutionsSync(query?: PageQuery): Page<Institution>;

  /**
   * Changes an institution. Only root may.
   * @throws `Validation`; `NotFound` / `institution_not_found`.
   */
  updateInstitution(institutionId: string, patch: InstitutionPatch): Promise<Institution>;
  updateInstitutionSync(institutionId: string, patch: InstitutionPatch): Institution;

  /**
   * Creates a key. The answer holds its token, which cannot be had again.
   * @throws `Validation`; `NotFound` / `institution_not_found`.
   */
  createKey(institutionId: string, key: NewKey): Promise<CreatedKey>;
  createKeySync(institutionId: string, key: NewKey): CreatedKey;

  /**
   * Creates up to 10,000 keys, all or none.
   * @throws As `createKey`; fields are named `keys[3].label`.
   */
  createKeys(institutionId: string, keys: readonly NewKey[]): Promise<readonly CreatedKey[]>;
  createKeysSync(institutionId: string, keys: readonly NewKey[]): readonly CreatedKey[];

  /**
   * Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. A dry run stores nothing and
   * reports every conflict.
   * @throws As `createKeys`, and `Conflict` / `key_exists` naming the first that is stored already (`keys[3].keyHash`).
   */
  importKeys(institutionId: string, keys: readonly ImportedKey[], options?: { readonly dryRun?: boolean }): Promise<ImportReport>;
  importKeysSync(institutionId: string, keys: readonly ImportedKey[], options?: { readonly dryRun?: boolean }): ImportReport;

  /**
   * Gets a key of an institution.
   * @throws `NotFound`: `institution_not_found`, `key_not_found`.
   */
  getKey(institutionId: string, keyId: string): Promise<ApiKey>;
  getKeySync(institutionId: string, keyId: string): ApiKey;

  /**
   * Lists an institution's keys by creation; revoked ones on request.
   * @throws `Validation` (limit, cursor); `NotFound` / `institution_not_found`.
   */
  listKeys(institutionId: string, query?: KeyQuery): Promise<Page<ApiKey>>;
  listKeysSync(institutionId: string, query?: KeyQuery): Page<ApiKey>;

  /**
   * Changes a key's label, expiry, addresses or metadata. The token stays.
   * @throws `Validation`; `NotFound`; `Conflict`: `version_mismatch`, `key_revoked`, `key_expired`, `key_rotated`.
   */
  updateKey(institutionId: string, keyId: string, patch: KeyPatch): Promise<ApiKey>;
  updateKeySync(institutionId: string, keyId: string, patch: KeyPatch): ApiKey;

  /**
   * Gives a key a successor with a token of its own. The old token stays good for `graceMs` milliseconds (default 0, at most 90
   * days), then dies by itself.
   * @throws `Validation`; `NotFound`; `Conflict`: `key_revoked`, `key_expired`, `key_disabled`, `key_rotated`.
   */
  rotateKey(institutionId: string, keyId: string, options?: { readonly graceMs?: number }): Promise<CreatedKey>;
  rotateKeySync(institutionId: string, keyId: string, options?: { readonly graceMs?: number }): CreatedKey;

  /**
   * Switches a key on again. Enabling an enabled key changes nothing.
   * @throws `NotFound`; `Conflict`: `key_revoked`, `key_expired`.
   */
  enableKey(institutionId: string, keyId: string): Promise<ApiKey>;
  enableKeySync(institutionId: string, keyId: string): ApiKey;

  /**
   * Switches a key off until it is enabled. Disabling a disabled key changes nothing.
   * @throws `NotFound`; `Conflict`: `key_revoked`, `key_expired`.
   */
  disableKey(institutionId: string, keyId: string): Promise<ApiKey>;
  disableKeySync(institutionId: string, keyId: string): ApiKey;

  /**
   * Revokes a key for good. Revoking it again gives the same record and date back.
   * @throws `NotFound`.
   */
  revokeKey(institutionId: string, keyId: string): Promise<ApiKey>;
  revokeKeySync(institutionId: string, keyId: string): ApiKey;

  /**
   * Revokes all keys of an institution, the caller's own too, and says how many were not revoked before.
   * @throws `NotFound` / `institution_not_found`.
   */
  revokeAllKeys(institutionId: string): Promise<number>;
  revokeAllKeysSync(institutionId: string): number;

  /**
   * Creates an institution's policy in a region, or replaces its config. The config is an object, or JSON text, from which
   * amounts of any length are read exactly and in which the same member twice is refused.
   * @throws `Validation`; `NotFound` / `institution_not_found`; `Conflict` / `version_mismatch`.
   */
  upsertPolicy(institutionId: string, region: Region, config: PolicyConfigInput | string, check?: VersionCheck): Promise<Policy>;
  upsertPolicySync(institutionId: string, region: Region, config: PolicyConfigInput | string, check?: VersionCheck): Policy;

  /**
   * Merges a patch (RFC 7396), an object or JSON text, into a policy's config.
   * @throws As `upsertPolicy`, and `NotFound` / `policy_not_found`.
   */
  mergePolicy(institutionId: string, region: Region, patch: PolicyPatch | string, check?: VersionCheck): Promise<Policy>;
  mergePolicySync(institutionId: string, region: Region, patch: PolicyPatch | string, check?: VersionCheck): Policy;

  /**
   * Gets an institution's policy in a region.
   * @throws `Validation` / `unknown_region`; `NotFound`: `institution_not_found`, `policy_not_found`.
   */
  getPolicy(institutionId: string, region: Region): Promise<Policy>;
  getPolicySync(institutionId: string, region: Region): Policy;

  /**
   * Lists an institution's policies by creation.
   * @throws `Validation` (limit, cursor); `NotFound` / `institution_not_found`.
   */
  listPolicies(institutionId: string, query?: PageQuery): Promise<Page<Policy>>;
  listPoliciesSync(institutionId: string, query?: PageQuery): Page<Policy>;

  /**
   * Deletes a policy, and gives it back as it was. From then on the configured default decides.
   * @throws As `mergePolicy`.
   */
  deletePolicy(institutionId: string, region: Region, check?: VersionCheck): Promise<Policy>;
  deletePolicySync(institutionId: string, region: Region, check?: VersionCheck): Policy;

  /**
   * Lists the versions of a policy: what it was, who changed it and when.
   * @throws `Validation` (region, limit, cursor); `NotFound` / `institution_not_found`.
   */
  policyHistory(institutionId: string, region: Region, query?: PageQuery): Promise<Page<PolicyVersion>>;
  policyHistorySync(institutionId: string, region: Region, query?: PageQuery): Page<PolicyVersion>;

  /**
   * Asks an institution's policy in a region about a position.
   * @throws `Validation` (region, amount, currency); `NotFound` / `institution_not_found`.
   */
  checkPosition(institutionId: string, region: Region, position: Position): Promise<Decision>;
  checkPositionSync(institutionId: string, region: Region, position: Position): Decision;

  /**
   * Asks about up to 1000 positions, all on one view of the policy.
   * @throws As `checkPosition`; fields are named `positions[3].currency`.
   */
  checkPositions(institutionId: string, region: Region, positions: readonly Position[]): Promise<readonly Decision[]>;
  checkPositionsSync(institutionId: string, region: Region, positions: readonly Position[]): readonly Decision[];

  /**
   * Asks a config that is not stored about up to 1000 positions.
   * @throws As `checkPositions`, and those of the config as in `upsertPolicy`.
   */
  dryRun(
    institutionId: string,
    region: Region,
    config: PolicyConfigInput | string,
    positions: readonly Position[],
  ): Promise<readonly Decision[]>;
  dryRunSync(
    institutionId: string,
    region: Region,
    config: PolicyConfigInput | string,
    positions: readonly Position[],
  ): readonly Decision[];

  /**
   * Lists audit events in the order of writing. A key's holder sees those of its institution; only root may leave the
   * institution open.
   * @throws `Validation` (limit, cursor); `NotFound` / `institution_not_found`.
   */
  listAuditEvents(query?: AuditQuery): Promise<Page<AuditEvent>>;
  listAuditEventsSync(query?: AuditQuery): Page<AuditEvent>;
}

/** Whether the store can be reached, how quickly, and how far it has come. */
export interface Health {
  /** `unknown` if the handle was closed. */
  readonly backend: 'memory' | 'sqlite' | 'postgres' | 'unknown' | (string & {});
  readonly reachable: boolean;
  /** Why it cannot be reached. */
  readonly error: Reason | null;
  /** The version of its tables, if it has some and answered. */
  readonly schemaVersion: number | null;
  /** How many changes the store has had, if it answered. */
  readonly generation: number | null;
  readonly latencySeconds: number;
}

/** A span of time. */
export interface Duration {
  readonly secs: number;
  readonly nanos: number;
}

/** What was counted and timed since the handle was opened, in this process. */
export interface Metrics {
  /** Calls by operation (`create_key`) and outcome (`ok`, or a reason); exact. */
  readonly counts: readonly { readonly operation: string; readonly outcome: 'ok' | Reason; readonly total: number }[];
  /** Latencies by operation; what memory answers is sampled, one call in 64. */
  readonly latencies: readonly {
    readonly operation: string;
    /** How many calls were timed. */
    readonly count: number;
    /** How long they took together. */
    readonly sum: Duration;
    /** For each upper bound, how many took no longer than it and longer than the one before. */
    readonly buckets: readonly (readonly [bound: Duration, count: number])[];
  }[];
  /** Audit events that found no row in the bounded trail. */
  readonly auditDropped: number;
}

/** How long `close` may take. */
export interface CloseOptions {
  /** Milliseconds; default 10,000. */
  readonly deadlineMs?: number;
}

/** What `admit` is asked. */
export interface AdmissionQuestion {
  /** Whose policy is meant. Default: the caller's own; root has to name one. */
  readonly institutionId?: string | undefined;
  readonly region: Region;
  readonly position: Position;
}

/**
 * The handle to keys and policies. Open one for a store and share it; it keeps the process alive only while a promise of it is
 * pending.
 */
export class Doorward {
  private constructor();

  /**
   * Opens a door. Without options its records are in memory.
   * @throws `Config`, `Database` or `Unavailable`, naming the option that is to blame.
   */
  static open(options?: Options): Promise<Doorward>;
  static openSync(options?: Options): Doorward;

  /**
   * Opens a door as the environment says; the README lists the variables. A variable that is set but wrong is an error.
   * @throws `Config`, `Database` or `Unavailable`, naming the variable that is to blame.
   */
  static openFromEnv(env?: Readonly<Record<string, string | undefined>>): Promise<Doorward>;
  static openFromEnvSync(env?: Readonly<Record<string, string | undefined>>): Doorward;

  /**
   * Who the caller is, or why it is not let in. A refusal is no error, and costs no more than a grant: the way for every
   * request. `verifySync(token)` is the fastest form of all where the records are in memory; its answers are made once for each
   * key and shared.
   */
  verify(credentials: Credentials, request?: RequestInfo): Promise<Verdict>;
  verifySync(credentials: Credentials, request?: RequestInfo): Verdict;

  /**
   * Who the caller is.
   * @throws `Unauthenticated`: `missing`, `malformed`, `unknown`, `revoked`, `disabled`, `expired`, `address_not_allowed`;
   * `RateLimited`, which says when to come again; and what a store can answer.
   */
  authenticate(credentials: Credentials, request?: RequestInfo): Promise<AuthContext>;
  authenticateSync(credentials: Credentials, request?: RequestInfo): AuthContext;

  /**
   * Authenticates the caller and asks a policy about a position: one call, on one view of key and policy.
   * @throws `Validation`; those of `authenticate`; `Forbidden` / `other_institution`; `NotFound` / `institution_not_found` (root).
   */
  admit(credentials: Credentials, question: AdmissionQuestion, request?: RequestInfo): Promise<Admission>;
  admitSync(credentials: Credentials, question: AdmissionQuestion, request?: RequestInfo): Admission;

  /** The record of the live key that has this token, or `null`. */
  findByToken(token: string): Promise<ApiKey | null>;
  findByTokenSync(token: string): ApiKey | null;

  /**
   * What an authenticated caller has left of its rate limit, in this process; `null` if it has no limit. Asking takes nothing,
   * and never waits.
   * @throws `Validation` if the context is not one that authentication made.
   */
  rateLimit(context: AuthContext): RateLimitStatus | null;

  /**
   * Binds the door to an authenticated caller for one request: the session's methods check what the caller may do, act, and
   * write the audit trail. Each of its changes checks again that the caller's key is still good. Never waits.
   * @throws `Validation` if the context is not one that authentication made.
   */
  session(context: AuthContext, request?: RequestInfo): Session;

  /** Whether the store can be reached. Never fails: that it cannot is part of the answer. */
  health(): Promise<Health>;
  healthSync(): Health;

  /** What was counted and timed. Never waits. */
  metrics(): Metrics;
  /** The same in Prometheus' text format. Never waits. */
  metricsText(): string;

  /**
   * Writes what was gathered (audit rows, last uses), finishes what was begun, and lets go of threads and files. Every later
   * call fails with `Closed`; closing again is no error, and goes on with what an earlier close had no time for.
   * @throws What a store can answer; `Unavailable` if the deadline passes first. Calls are refused all the same.
   */
  close(options?: CloseOptions): Promise<void>;
  closeSync(options?: CloseOptions): void;

  /** `closeSync`, for `using`. */
  [Symbol.dispose](): void;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
export interface Doorward extends Operations {}

/** The door bound to an authenticated caller, for one request. */
export class Session {
  private constructor();
  /** Who the caller is. */
  readonly context: AuthContext;
}
export interface Session extends Operations {}

// --- beside the door -----------------------------------------------------------------------------------------------

/**
 * The exact decimal text of an amount: `1e-8` is `0.00000001`.
 * @throws `Validation` if it is none.
 */
export function amountText(amount: AmountInput): string;

/** The version of this package. */
export const version: string;
