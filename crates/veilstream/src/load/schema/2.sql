-- Version 2: which key set's tokens a table holds, and the trail of what was unmasked.

-- ------------------------------------------------------------------------------------- key sets

-- The newest generation of each key set that this database has seen.
CREATE TABLE veilstream.key_set (
    id         text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    generation bigint NOT NULL CHECK (generation > 0),
    mac        bytea NOT NULL CHECK (octet_length(mac) = 32),
    seen_at    timestamptz NOT NULL DEFAULT now()
);

-- Its keys. Who can write the file, but not open it, can make one of the same id with keys of his own: a
-- value that only a key's root gives tells them apart.
CREATE TABLE veilstream.key_set_key (
    key_set     text NOT NULL REFERENCES veilstream.key_set ON DELETE CASCADE,
    key         bigint NOT NULL,
    check_value bytea NOT NULL CHECK (octet_length(check_value) = 16),
    destroyed   boolean NOT NULL,
    PRIMARY KEY (key_set, key)
);

-- Whose tokens a table holds. Under two key sets equal values would have different tokens.
CREATE TABLE veilstream.masked_table (
    table_name text PRIMARY KEY,       -- schema.table, each quoted where SQL asks for it
    key_set    text NOT NULL REFERENCES veilstream.key_set,
    since      timestamptz NOT NULL DEFAULT now()
);

-- The name by which masked_table knows a table; NULL for none.
CREATE FUNCTION veilstream.target_name(target text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (
        SELECT format('%I.%I', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = to_regclass(target));
BEGIN
    IF name IS NULL THEN
        RAISE 'there is no such table' USING ERRCODE = '42P01';
    END IF;
    RETURN name;
END
$$;

-- Whether a key set may be used here, for a table or (target NULL) for none. Outcomes:
--   ok
--   older   this database has seen a newer generation: newest_generation
--   forked  it has seen another key set of this id and generation
--   exchanged  a key that it has seen is another one, is missing, or is back after it was destroyed;
--              or none of them is left: whoever changed the key set did not have its keys
--   other   the table holds tokens of another key set: bound_to, bound_since
-- `keys` and `check_values` belong together by their place; a destroyed key has no value. Writes nothing.
CREATE FUNCTION veilstream.ask_key_set(
    key_set_id text, generation bigint, mac bytea, keys bigint[], check_values bytea[], target text,
    OUT outcome text, OUT newest_generation bigint, OUT bound_to text, OUT bound_since timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen  veilstream.key_set;
    bound veilstream.masked_table;
BEGIN
    IF key_set_id IS NULL OR ask_key_set.generation IS NULL OR ask_key_set.mac IS NULL THEN
        RAISE 'a key set has an id, a generation and a MAC' USING ERRCODE = '22004';
    END IF;
    outcome := 'ok';
    SELECT * INTO seen FROM veilstream.key_set k WHERE k.id = key_set_id;
    newest_generation := coalesce(seen.generation, ask_key_set.generation);
    IF ask_key_set.generation < seen.generation THEN
        outcome := 'older';
        RETURN;
    END IF;
    IF ask_key_set.generation = seen.generation AND ask_key_set.mac <> seen.mac THEN
        outcome := 'forked';
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM veilstream.key_set_key known
        LEFT JOIN unnest(keys, check_values) AS given (key, check_value) USING (key)
        WHERE known.key_set = key_set_id
        GROUP BY known.key_set
        HAVING bool_or(given.key IS NULL OR given.check_value <> known.check_value
                OR (known.destroyed AND given.check_value IS NOT NULL))
            OR NOT bool_or(given.check_value IS NOT DISTINCT FROM known.check_value)
    ) THEN
        outcome := 'exchanged';
        RETURN;
    END IF;
    SELECT * INTO bound FROM veilstream.masked_table m
        WHERE m.table_name = veilstream.target_name(target);
    IF bound.key_set <> key_set_id THEN
        outcome := 'other';
        bound_to := bound.key_set;
        bound_since := bound.since;
    END IF;
END
$$;

-- The same; ok also writes down what was seen and whose tokens the table gets. Only who may write
-- rows to a table decides that.
CREATE FUNCTION veilstream.use_key_set(
    key_set_id text, generation bigint, mac bytea, keys bigint[], check_values bytea[], target text,
    OUT outcome text, OUT newest_generation bigint, OUT bound_to text, OUT bound_since timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '10s'
AS $$
DECLARE
    target_name text := veilstream.target_name(target);
    -- Who calls: after SET ROLE that role, and not the owner whose rights this function has.
    caller      name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF target_name IS NOT NULL
            AND NOT has_any_column_privilege(caller, target_name, 'INSERT') THEN
        RAISE 'only who may write to a table can say whose tokens it holds'
            USING ERRCODE = '42501';
    END IF;
    -- One at a time; what follows sees what the one before has written.
    LOCK TABLE veilstream.key_set, veilstream.masked_table IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO outcome, newest_generation, bound_to, bound_since
        FROM veilstream.ask_key_set(key_set_id, use_key_set.generation, use_key_set.mac,
            keys, check_values, target);
    IF outcome <> 'ok' THEN
        RETURN;
    END IF;

    INSERT INTO veilstream.key_set AS k (id, generation, mac)
        VALUES (key_set_id, use_key_set.generation, use_key_set.mac)
        ON CONFLICT ON CONSTRAINT key_set_pkey
        DO UPDATE SET generation = excluded.generation, mac = excluded.mac, seen_at = now();
    newest_generation := use_key_set.generation;
    INSERT INTO veilstream.key_set_key AS k (key_set, key, check_value, destroyed)
        SELECT key_set_id, given.key, given.check_value, false
        FROM unnest(keys, check_values) AS given (key, check_value)
        WHERE given.check_value IS NOT NULL
        ON CONFLICT DO NOTHING;
    UPDATE veilstream.key_set_key k SET destroyed = true
        FROM unnest(keys, check_values) AS given (key, check_value)
        WHERE k.key_set = key_set_id AND k.key = given.key AND given.check_value IS NULL
        AND NOT k.destroyed;
    IF target_name IS NOT NULL THEN
        INSERT INTO veilstream.masked_table (table_name, key_set)
            VALUES (target_name, key_set_id) ON CONFLICT DO NOTHING;
    END IF;
END
$$;

-- ------------------------------------------------------------------------------------ the trail

-- Who unmasked what, when and why; docs/audit.md tells what this catches. Written only by
-- append_audit. Each entry carries the hash of the one before: an entry that is changed, removed
-- or put elsewhere breaks the chain.
CREATE TABLE veilstream.audit (
    seq           bigint PRIMARY KEY CHECK (seq > 0),    -- from 1, without gaps
    at            timestamptz NOT NULL,
    action        text NOT NULL CHECK (action = 'unmask'),
    database_role text NOT NULL,       -- who logged in at the database
    -- What the client says of itself
    os_user       text NOT NULL CHECK (length(os_user) <= 256),
    host          text NOT NULL CHECK (length(host) <= 256),
    reason        text NOT NULL CHECK (reason ~ '\S' AND length(reason) <= 2000),
    domain        text NOT NULL CHECK (length(domain) <= 256),
    tokens        integer NOT NULL CHECK (tokens > 0),
    -- The first 16 bytes of the SHA-256 of each token, ascending; equal tokens once.
    fingerprints  bytea NOT NULL,
    previous      bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),
    CHECK (octet_length(fingerprints) = 16 * tokens)
);

CREATE INDEX audit_by_role ON veilstream.audit (database_role, at);

-- How many tokens may be opened; an owner changes it with UPDATE.
CREATE TABLE veilstream.unmask_limit (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    per_call integer NOT NULL DEFAULT 1000 CHECK (per_call > 0),
    per_hour integer NOT NULL DEFAULT 10000 CHECK (per_hour > 0)    -- of one role
);

INSERT INTO veilstream.unmask_limit DEFAULT VALUES;

-- A text as the hash takes it: its length in bytes (4, big-endian), then itself in UTF-8.
CREATE FUNCTION veilstream.audit_text(value text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT int4send(octet_length(convert_to(value, 'UTF8'))) || convert_to(value, 'UTF8') $$;

-- The hash of an entry: SHA-256 over a label and all other columns in their order. Integers are
-- big-endian, the time is microseconds since 1970-01-01 UTC, and what varies in length has its
-- length before it, so that no two entries have the same input.
CREATE FUNCTION veilstream.audit_hash(entry veilstream.audit) RETURNS bytea
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(
        veilstream.audit_text('veilstream/v1/audit')
        || int8send(entry.seq)
        || int8send((extract(epoch FROM entry.at) * 1000000)::bigint)
        || veilstream.audit_text(entry.action)
        || veilstream.audit_text(entry.database_role)
        || veilstream.audit_text(entry.os_user)
        || veilstream.audit_text(entry.host)
        || veilstream.audit_text(entry.reason)
        || veilstream.audit_text(entry.domain)
        || int4send(entry.tokens)
        || int4send(octet_length(entry.fingerprints)) || entry.fingerprints
        || entry.previous)
$$;

-- Writes the trail of one call, an entry a domain, or (outcome `per_call`, `per_hour`) nothing.
-- `domains` and `fingerprints` belong together by their place. Of the limit that is reached it
-- tells: `allowed` tokens, `used` in the last hour, and when there is room for this call again
-- (NULL: never, the call is larger than the limit). Of what was written: the last entry.
CREATE FUNCTION veilstream.append_audit(
    action text, os_user text, host text, reason text, domains text[], fingerprints bytea[],
    OUT outcome text, OUT last_seq bigint, OUT last_hash bytea,
    OUT allowed integer, OUT used bigint, OUT room_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '10s'
AS $$
DECLARE
    entry  veilstream.audit;
    limits veilstream.unmask_limit;
    asked  bigint;
BEGIN
    IF coalesce(append_audit.reason, '') !~ '\S' THEN
        RAISE 'a reason has to be given' USING ERRCODE = '22023';
    END IF;
    IF coalesce(cardinality(domains), 0) = 0 OR cardinality(domains) IS DISTINCT FROM
            cardinality(append_audit.fingerprints) THEN
        RAISE 'each domain has its fingerprints' USING ERRCODE = '22023';
    END IF;
    -- One at a time, by the lock on this row; a lock on the trail itself would wait for VACUUM and
    -- CREATE INDEX CONCURRENTLY. In READ COMMITTED each statement after this one sees what the one
    -- before has written; in other isolation levels an entry of a number that is taken is refused.
    SELECT * INTO STRICT limits FROM veilstream.unmask_limit FOR UPDATE;

    asked := (SELECT sum(octet_length(f)) / 16 FROM unnest(append_audit.fingerprints) f);
    used := (SELECT coalesce(sum(a.tokens), 0) FROM veilstream.audit a
             WHERE a.database_role = session_user
             AND a.at > clock_timestamp() - interval '1 hour');
    IF asked > limits.per_call THEN
        outcome := 'per_call';
        allowed := limits.per_call;
        RETURN;
    END IF;
    IF used + asked > limits.per_hour THEN
        outcome := 'per_hour';
        allowed := limits.per_hour;
        -- When an entry is an hour old, only what came after it still counts.
        room_at := (
            SELECT min(at) + interval '1 hour' FROM (
                SELECT a.at, coalesce(sum(a.tokens) OVER (
                    ORDER BY a.at DESC, a.seq DESC
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
                FROM veilstream.audit a
                WHERE a.database_role = session_user
                AND a.at > clock_timestamp() - interval '1 hour') AS recent
            WHERE later + asked <= limits.per_hour);
        RETURN;
    END IF;

    outcome := 'ok';
    SELECT a.seq, a.hash INTO entry.seq, entry.hash
        FROM veilstream.audit a ORDER BY a.seq DESC LIMIT 1;
    last_seq := coalesce(entry.seq, 0);
    last_hash := coalesce(entry.hash, decode(repeat('00', 32), 'hex'));
    FOR place IN 1 .. cardinality(domains) LOOP
        entry := NULL;
        entry.seq := last_seq + 1;
        entry.at := clock_timestamp();
        entry.action := append_audit.action;
        entry.database_role := session_user;
        entry.os_user := append_audit.os_user;
        entry.host := append_audit.host;
        entry.reason := append_audit.reason;
        entry.domain := domains[place];
        entry.fingerprints := append_audit.fingerprints[place];
        entry.tokens := octet_length(entry.fingerprints) / 16;
        entry.previous := last_hash;
        entry.hash := veilstream.audit_hash(entry);
        INSERT INTO veilstream.audit SELECT entry.*;
        last_seq := entry.seq;
        last_hash := entry.hash;
    END LOOP;
END
$$;

-- A rail against mistakes. Who owns the table can take it away, and what then changes is found by
-- `veilstream audit verify`.
CREATE FUNCTION veilstream.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE 'veilstream.audit is only appended to' USING ERRCODE = '55000';
END
$$;

CREATE TRIGGER only_appended_to
    BEFORE UPDATE OR DELETE OR TRUNCATE ON veilstream.audit
    FOR EACH STATEMENT EXECUTE FUNCTION veilstream.refuse_change();

-- ----------------------------------------------------------------------------------- privileges

-- PostgreSQL lets everybody call a new function; deploy/roles.sql says who may.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA veilstream FROM PUBLIC;
