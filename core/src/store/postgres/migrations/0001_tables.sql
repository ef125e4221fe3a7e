-- The first tables, and what makes an application's own tables of these names fit: nothing is dropped or rewritten.
-- The schema's name, quoted, is put for {schema}. Ids compare by their bytes, so that pages are cut alike under every collation.

CREATE TABLE IF NOT EXISTS institutions (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    regions text[] NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS doorward_institutions_created ON institutions (created_at, id);

CREATE TABLE IF NOT EXISTS api_keys (
    id text COLLATE "C" PRIMARY KEY,
    institution_id text COLLATE "C" NOT NULL REFERENCES institutions (id),
    key_hash text COLLATE "C" NOT NULL UNIQUE,
    label text NOT NULL,
    role text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
ALTER TABLE api_keys
    ADD COLUMN IF NOT EXISTS hint text,
    ADD COLUMN IF NOT EXISTS disabled_at timestamptz,
    ADD COLUMN IF NOT EXISTS expires_at timestamptz,
    ADD COLUMN IF NOT EXISTS allowed_addresses jsonb,
    ADD COLUMN IF NOT EXISTS rate_limit_requests bigint,
    ADD COLUMN IF NOT EXISTS rate_limit_window_ms bigint,
    ADD COLUMN IF NOT EXISTS metadata jsonb,
    ADD COLUMN IF NOT EXISTS rotated_from text,
    ADD COLUMN IF NOT EXISTS rotated_to text,
    ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 1;
CREATE INDEX IF NOT EXISTS doorward_api_keys_listed ON api_keys (institution_id, created_at, id);

CREATE TABLE IF NOT EXISTS institution_policies (
    id text COLLATE "C" PRIMARY KEY,
    institution_id text COLLATE "C" NOT NULL REFERENCES institutions (id),
    region text NOT NULL,
    config jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (institution_id, region)
);
ALTER TABLE institution_policies ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 1;

CREATE TABLE IF NOT EXISTS audit_events (
    id text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL,
    method text NOT NULL,
    path text NOT NULL
);
-- An application's rows have a number and a date from now on; those from before have none, and stay out of doorward's lists.
-- The default is evaluated with the rights of whoever stores a row, and an application's role has none on what is doorward's:
-- so everybody may draw a number. (An identity column would need none, but must be NOT NULL, which old rows cannot be.)
CREATE SEQUENCE doorward_audit_sequence;
GRANT USAGE ON SEQUENCE doorward_audit_sequence TO PUBLIC;
ALTER TABLE audit_events
    ADD COLUMN IF NOT EXISTS occurred_at timestamptz,
    ADD COLUMN IF NOT EXISTS api_key_id text,
    ADD COLUMN IF NOT EXISTS institution_id text,
    ADD COLUMN IF NOT EXISTS action text,
    ADD COLUMN IF NOT EXISTS outcome text,
    ADD COLUMN IF NOT EXISTS resource_type text,
    ADD COLUMN IF NOT EXISTS resource_id text,
    ADD COLUMN IF NOT EXISTS payload jsonb,
    ADD COLUMN IF NOT EXISTS actor text,
    ADD COLUMN IF NOT EXISTS request_id text,
    ADD COLUMN IF NOT EXISTS status_code integer,
    ADD COLUMN IF NOT EXISTS client_address text,
    ADD COLUMN IF NOT EXISTS error text,
    ADD COLUMN IF NOT EXISTS sequence bigint;
ALTER TABLE audit_events ALTER COLUMN sequence SET DEFAULT pg_catalog.nextval('{schema}.doorward_audit_sequence'::pg_catalog.regclass);
DO $$
BEGIN
    IF NOT (SELECT atthasdef FROM pg_catalog.pg_attribute
        WHERE attrelid = '{schema}.audit_events'::pg_catalog.regclass::pg_catalog.oid AND attname = 'occurred_at') THEN
        ALTER TABLE {schema}.audit_events ALTER COLUMN occurred_at SET DEFAULT pg_catalog.clock_timestamp();
    END IF;
END $$;
-- Not unique: an index of a partitioned table could not be. Not owned by the column: the table's owner may be another.
CREATE INDEX IF NOT EXISTS doorward_audit_events_sequence ON audit_events (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX IF NOT EXISTS doorward_audit_events_institution ON audit_events (institution_id, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX IF NOT EXISTS doorward_audit_events_actor ON audit_events (actor, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX IF NOT EXISTS doorward_audit_events_action ON audit_events (action, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX IF NOT EXISTS doorward_audit_events_time ON audit_events (occurred_at) WHERE sequence IS NOT NULL;

-- Without foreign keys to the tables that an application may share: a reference would have its changes wait for ours.

-- Apart from api_keys, so that noting a use is no change to a key.
CREATE TABLE doorward_key_usage (
    api_key_id text COLLATE "C" PRIMARY KEY,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- Deleted policies too, so that no version number ever means two configs.
CREATE TABLE doorward_policy_history (
    institution_id text COLLATE "C" NOT NULL,
    region text NOT NULL,
    version bigint NOT NULL,
    policy_id text NOT NULL,
    action text NOT NULL,
    config jsonb,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (institution_id, region, version)
);

CREATE TABLE doorward_generation (
    one integer PRIMARY KEY CHECK (one = 1),
    epoch text NOT NULL,
    number bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO doorward_generation (one, epoch, number) VALUES (1, pg_catalog.gen_random_uuid()::text, 0);

-- A row without a generation is a change by other SQL that no process has numbered yet. A row without an institution
-- stands for all of its kind.
CREATE TABLE doorward_change_feed (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint,
    entity text NOT NULL,
    entity_id text,
    institution_id text,
    region text,
    old_hash text,
    new_hash text,
    changed_at timestamptz NOT NULL
);
CREATE INDEX doorward_change_feed_generation ON doorward_change_feed (generation);
CREATE INDEX doorward_change_feed_unnumbered ON doorward_change_feed (sequence) WHERE generation IS NULL;

CREATE TABLE doorward_cache_leases (
    node text PRIMARY KEY,
    renewal bigint NOT NULL,
    acked_generation bigint NOT NULL
);

-- Changes by other SQL. doorward's own transactions set doorward.writer and say by themselves what they touch. These
-- functions run with the rights of their owner, since other roles have none on the feed, and with a search path that
-- nobody else can fill. They only insert, so they make no other transaction wait and fail none. Only their owner may make
-- triggers of them; to fire one takes no right.

CREATE FUNCTION doorward_note_institution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, changed_at)
        VALUES ('institution', OLD.id, OLD.id, clock_timestamp());
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.id IS DISTINCT FROM OLD.id) THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, changed_at)
        VALUES ('institution', NEW.id, NEW.id, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION doorward_note_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A key that moved to another institution is a change of both.
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, old_hash, new_hash, changed_at)
        VALUES ('api_key', OLD.id, OLD.institution_id, OLD.key_hash,
            CASE WHEN TG_OP = 'UPDATE' THEN NEW.key_hash END, clock_timestamp());
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND (NEW.id, NEW.institution_id) IS DISTINCT FROM (OLD.id, OLD.institution_id)) THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, old_hash, new_hash, changed_at)
        VALUES ('api_key', NEW.id, NEW.institution_id,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.key_hash END, NEW.key_hash, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION doorward_note_policy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, region, changed_at)
        VALUES ('policy', OLD.id, OLD.institution_id, OLD.region, clock_timestamp());
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE'
        AND (NEW.id, NEW.institution_id, NEW.region) IS DISTINCT FROM (OLD.id, OLD.institution_id, OLD.region)) THEN
        INSERT INTO {schema}.doorward_change_feed (entity, entity_id, institution_id, region, changed_at)
        VALUES ('policy', NEW.id, NEW.institution_id, NEW.region, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

-- A policy that other SQL deletes leaves its last number behind, as one that doorward deletes does. The row is locked by
-- whoever deletes it, so only a transaction with an old view can meet a number that it does not see: it is left alone. So is
-- a policy of nobody, which an application's table may allow.
CREATE FUNCTION doorward_keep_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO {schema}.doorward_policy_history
        (institution_id, region, version, policy_id, action, config, changed_by, changed_at)
    SELECT OLD.institution_id, OLD.region, least(OLD.version::bigint, 2147483646) + 1, OLD.id, 'deleted', NULL, 'system', clock_timestamp()
    WHERE OLD.institution_id IS NOT NULL AND OLD.region IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
EXCEPTION WHEN serialization_failure THEN
    RETURN NULL;
END $$;

CREATE FUNCTION doorward_note_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO {schema}.doorward_change_feed (entity, changed_at) VALUES (TG_ARGV[0], clock_timestamp());
    RETURN NULL;
END $$;

CREATE FUNCTION doorward_raise_version() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- At the greatest integer it stays, rather than fail the application's change.
    NEW.version := OLD.version + (OLD.version < 2147483647)::integer;
    RETURN NEW;
END $$;

-- A policy that comes back goes on with the numbers that its place had.
CREATE FUNCTION doorward_continue_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.version := least(1 + coalesce((
        SELECT max(version) FROM {schema}.doorward_policy_history
        WHERE institution_id = NEW.institution_id AND region = NEW.region), 0), 2147483647);
    RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION doorward_note_institution(), doorward_note_key(), doorward_note_policy(), doorward_note_truncate(),
    doorward_raise_version(), doorward_continue_version(), doorward_keep_version() FROM PUBLIC;

CREATE TRIGGER doorward_note AFTER INSERT OR UPDATE OR DELETE ON institutions FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_note_institution();
CREATE TRIGGER doorward_truncate AFTER TRUNCATE ON institutions FOR EACH STATEMENT
    EXECUTE FUNCTION doorward_note_truncate('institution');

CREATE TRIGGER doorward_note AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_note_key();
CREATE TRIGGER doorward_version BEFORE UPDATE ON api_keys FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_raise_version();
CREATE TRIGGER doorward_truncate AFTER TRUNCATE ON api_keys FOR EACH STATEMENT
    EXECUTE FUNCTION doorward_note_truncate('api_key');

CREATE TRIGGER doorward_note AFTER INSERT OR UPDATE OR DELETE ON institution_policies FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_note_policy();
CREATE TRIGGER doorward_version BEFORE UPDATE ON institution_policies FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_raise_version();
CREATE TRIGGER doorward_continue BEFORE INSERT ON institution_policies FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_continue_version();
CREATE TRIGGER doorward_keep AFTER DELETE ON institution_policies FOR EACH ROW
    WHEN (pg_catalog.current_setting('doorward.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION doorward_keep_version();
CREATE TRIGGER doorward_truncate AFTER TRUNCATE ON institution_policies FOR EACH STATEMENT
    EXECUTE FUNCTION doorward_note_truncate('policy');
