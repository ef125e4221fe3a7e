// From the arguments of a step to those of a method. A name that is not here makes the scenario fail.

/** The arguments of a step. What no operation asked for is left over, and makes the step fail. */
export class Arguments {
  #members;

  constructor(members) {
    this.#members = { ...members };
  }

  take(name) {
    const value = this.#members[name];
    delete this.#members[name];
    return value;
  }

  /** Those of these members that are there, as an object. */
  some(...names) {
    const there = names.filter((name) => name in this.#members);
    return Object.fromEntries(there.map((name) => [name, this.take(name)]));
  }

  /** A document: a value, or its JSON as a text. */
  document(name) {
    const [value, text] = [this.take(name), this.take(`${name}Text`)];
    if (value !== undefined && text !== undefined) throw new Error(`${name} is given twice`);
    return text ?? value;
  }

  finish() {
    const left = Object.keys(this.#members);
    if (left.length > 0) throw new Error(`an argument that this operation does not know: ${left[0]}`);
  }

  static read(members, read) {
    const reader = new Arguments(members);
    const given = read(reader);
    reader.finish();
    return given;
  }
}

const page = ['limit', 'cursor', 'order'];
const key = (a) => {
  const members = a.some('label', 'role', 'expiresAt', 'allowedAddresses', 'rateLimit', 'keyHash');
  const metadata = a.document('metadata');
  return metadata === undefined ? members : { ...members, metadata };
};
const keys = (a) => a.take('keys').map((members) => Arguments.read(members, key));
const patch = (a) => {
  const members = a.some('label', 'expiresAt', 'allowedAddresses', 'rateLimit', 'expectedVersion');
  const metadata = a.document('metadata');
  return metadata === undefined ? members : { ...members, metadata };
};
const institution = (a) => a.take('institutionId');
const region = (a) => a.take('region');
const one = (a) => [institution(a), a.take('keyId')];

/** The operations of doors and sessions. */
export const OPERATIONS = {
  create_institution: (a) => [a.some('id', 'name', 'regions')],
  get_institution: (a) => [institution(a)],
  list_institutions: (a) => [a.some(...page)],
  update_institution: (a) => [institution(a), a.some('name', 'regions')],
  create_key: (a) => [institution(a), key(a)],
  create_keys: (a) => [institution(a), keys(a)],
  import_keys: (a) => [institution(a), keys(a), a.some('dryRun')],
  get_key: one,
  list_keys: (a) => [institution(a), a.some('includeRevoked', 'role', 'status', ...page)],
  update_key: (a) => [...one(a), patch(a)],
  rotate_key: (a) => [...one(a), a.some('graceMs')],
  enable_key: one,
  disable_key: one,
  revoke_key: one,
  revoke_all_keys: (a) => [institution(a)],
  upsert_policy: (a) => [institution(a), region(a), a.document('config'), a.some('expectedVersion')],
  merge_policy: (a) => [institution(a), region(a), a.document('patch'), a.some('expectedVersion')],
  get_policy: (a) => [institution(a), region(a)],
  list_policies: (a) => [institution(a), a.some(...page)],
  delete_policy: (a) => [institution(a), region(a), a.some('expectedVersion')],
  policy_history: (a) => [institution(a), region(a), a.some(...page)],
  check_position: (a) => [institution(a), region(a), a.take('position')],
  check_positions: (a) => [institution(a), region(a), a.take('positions')],
  dry_run: (a) => [institution(a), region(a), a.document('config'), a.take('positions')],
  list_audit_events: (a) => [a.some('institutionId', 'actor', 'action', 'since', 'until', ...page)],
};

function credentials(a) {
  const [token, hex, headers] = [a.take('token'), a.take('tokenHex'), a.take('headers')];
  return token ?? (hex === undefined ? { headers } : Buffer.from(hex, 'hex'));
}

/** The operations of a door alone. */
export const OF_THE_DOOR = {
  verify: (a) => [credentials(a), a.take('request')],
  authenticate: (a) => [credentials(a), a.take('request')],
  admit: (a) => [credentials(a), a.some('institutionId', 'region', 'position'), a.take('request')],
  find_by_token: (a) => [a.take('token')],
  health: () => [],
  close: (a) => [a.some('deadlineMs')],
};

/** The name of an operation as that of a method. */
export function method(operation) {
  return operation.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}
