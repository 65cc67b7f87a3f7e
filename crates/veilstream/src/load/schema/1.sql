-- veilstream's own tables. One message has one key in the ledger once its row, or its quarantine
-- entry, is committed.

CREATE SCHEMA veilstream;

CREATE TABLE veilstream.schema_version (
    version      integer PRIMARY KEY,
    installed_at timestamptz NOT NULL DEFAULT now()
);

-- A key is 48 bits of milliseconds, then 80 bits of a digest: it grows with time, and a partition
-- is one day (UTC) of send times.
CREATE TABLE veilstream.ledger (
    key uuid PRIMARY KEY
) PARTITION BY RANGE (key);

CREATE TABLE veilstream.quarantine (
    id             uuid PRIMARY KEY,   -- the message's key in the ledger
    message_id     text NOT NULL,
    queue_arn      text NOT NULL,
    pipeline       text NOT NULL,
    sent_at        timestamptz NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    reason         text NOT NULL,      -- a code such as missing_field
    column_name    text,
    sqlstate       text,
    key_id         bigint NOT NULL,    -- which key sealed the original
    nonce          bytea NOT NULL,
    sealed         bytea NOT NULL,     -- the original message, AES-256-SIV
    replayed_at    timestamptz
);

CREATE INDEX quarantine_by_time ON veilstream.quarantine (quarantined_at);

-- The first key of a day, given in days since 1970-01-01.
CREATE FUNCTION veilstream.ledger_bound(day bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT (lpad(to_hex(day * 86400000), 12, '0') || repeat('0', 20))::uuid $$;

-- Makes the ledger's partition of a day, unless it is there. The table is made first and then
-- attached: that does not lock out the workers that are loading.
CREATE FUNCTION veilstream.add_ledger_partition(day bigint) RETURNS void
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    partition text := 'ledger_' || to_char(timestamp 'epoch' + day * interval '1 day', 'YYYYMMDD');
BEGIN
    -- What 47 bits of milliseconds hold: veilstream leaves messages of other times in the queue.
    IF day NOT BETWEEN 0 AND 1628906 THEN
        RAISE 'day % is out of range', day USING ERRCODE = '22003';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('veilstream.ledger', 0));
    IF to_regclass('veilstream.' || partition) IS NULL THEN
        EXECUTE format('CREATE TABLE veilstream.%I (LIKE veilstream.ledger INCLUDING ALL)', partition);
        EXECUTE format('ALTER TABLE veilstream.ledger ATTACH PARTITION veilstream.%I '
                       'FOR VALUES FROM (%L) TO (%L)', partition,
                       veilstream.ledger_bound(day), veilstream.ledger_bound(day + 1));
    END IF;
END
$$;
