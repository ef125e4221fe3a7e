-- The first tables. Dates are milliseconds since 1970, documents JSON text. The primary key of a table WITHOUT ROWID is
-- the way of its hottest lookup: one search in one tree.

CREATE TABLE institutions (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    regions TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX institutions_created ON institutions (created_at, id);

CREATE TABLE api_keys (
    key_hash TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    institution_id TEXT NOT NULL REFERENCES institutions (id),
    role TEXT NOT NULL,
    revoked_at INTEGER,
    disabled_at INTEGER,
    expires_at INTEGER,
    allowed_addresses TEXT,
    rate_limit_requests INTEGER,
    rate_limit_window_ms INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    hint TEXT,
    label TEXT NOT NULL,
    rotated_from TEXT,
    rotated_to TEXT,
    metadata TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_listed ON api_keys (institution_id, created_at, id);

-- Apart from api_keys, so that noting a use is no change to a key.
CREATE TABLE doorward_key_usage (
    api_key_id TEXT NOT NULL PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE institution_policies (
    id TEXT NOT NULL UNIQUE,
    institution_id TEXT NOT NULL REFERENCES institutions (id),
    region TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    config TEXT NOT NULL,
    PRIMARY KEY (institution_id, region)
) STRICT, WITHOUT ROWID;

-- Deleted policies too, so that no version number ever means two configs.
CREATE TABLE doorward_policy_history (
    institution_id TEXT NOT NULL,
    region TEXT NOT NULL,
    version INTEGER NOT NULL,
    policy_id TEXT NOT NULL,
    action TEXT NOT NULL,
    config TEXT,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (institution_id, region, version)
) STRICT, WITHOUT ROWID;

-- Ids are made by doorward and nothing is looked up by them: an index would only cost every change one more insertion.
CREATE TABLE audit_events (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    api_key_id TEXT,
    institution_id TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    resource_type TEXT,
    resource_id TEXT,
    payload TEXT,
    actor TEXT,
    request_id TEXT,
    status_code INTEGER,
    client_address TEXT,
    error TEXT
) STRICT;
CREATE INDEX audit_events_institution ON audit_events (institution_id, sequence);
CREATE INDEX audit_events_actor ON audit_events (actor, sequence);
CREATE INDEX audit_events_action ON audit_events (action, sequence);
CREATE INDEX audit_events_time ON audit_events (occurred_at);
-- The last event stays when events are deleted, so that no number is ever given twice. AUTOINCREMENT would see to that
-- with a search and a write in a table of its own for every event.
CREATE TRIGGER audit_events_last BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_events WHERE sequence > old.sequence)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TABLE doorward_generation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    number INTEGER NOT NULL
) STRICT;
INSERT INTO doorward_generation (one, epoch, number) VALUES (1, lower(hex(randomblob(16))), 0);

-- Read by generation. What other SQL changes is not in it: that is noticed by the file's data_version.
CREATE TABLE doorward_change_feed (
    generation INTEGER NOT NULL,
    entity TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    institution_id TEXT NOT NULL,
    region TEXT,
    old_hash TEXT,
    new_hash TEXT,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (generation, entity, entity_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE doorward_cache_leases (
    node TEXT NOT NULL PRIMARY KEY,
    renewal INTEGER NOT NULL,
    acked_generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
