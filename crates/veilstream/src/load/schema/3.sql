-- Version 3: events known by their value, and the upkeep of the ledger.

-- An event that was loaded, where a pipeline's identity is by value: 128 bits of an HMAC.
CREATE TABLE veilstream.identity (
    key        uuid PRIMARY KEY,
    keep_until date NOT NULL           -- by the database's clock, UTC
);

CREATE INDEX identity_by_time ON veilstream.identity (keep_until);

-- For how long the queues that are served keep their messages, in seconds. A retention that is lowered
-- does not replace the longer one: older messages may still be on their way.
CREATE TABLE veilstream.queue_retention (
    queue_arn text NOT NULL CHECK (length(queue_arn) BETWEEN 1 AND 512),
    retention integer NOT NULL CHECK (retention BETWEEN 60 AND 1209600),
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue_arn, retention)
);

-- Where the ledger begins, in days since 1970-01-01: what was known of the days before is dropped. A
-- message that was sent before that can have been loaded, so that it is not loaded again. An owner may
-- set this back who knows better.
CREATE TABLE veilstream.ledger_start (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    day      bigint NOT NULL
);

INSERT INTO veilstream.ledger_start (day) VALUES (0);

-- A worker serves a queue that keeps messages for so long.
CREATE FUNCTION veilstream.record_queue_retention(queue_arn text, retention integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
BEGIN
    -- Amazon SQS API reference, SetQueueAttributes, MessageRetentionPeriod.
    IF coalesce(length(record_queue_retention.queue_arn), 0) NOT BETWEEN 1 AND 512
            OR coalesce(record_queue_retention.retention, 0) NOT BETWEEN 60 AND 1209600 THEN
        RAISE 'a queue has an ARN and keeps messages for 60 s to 14 days' USING ERRCODE = '22023';
    END IF;
    DELETE FROM veilstream.queue_retention q WHERE q.ctid IN (
        SELECT old.ctid FROM veilstream.queue_retention old
        WHERE old.seen_at < now() - interval '15 days' FOR UPDATE SKIP LOCKED);
    INSERT INTO veilstream.queue_retention AS q (queue_arn, retention)
        VALUES (record_queue_retention.queue_arn, record_queue_retention.retention)
        ON CONFLICT ON CONSTRAINT queue_retention_pkey DO UPDATE SET seen_at = now();
    -- Far more than the queues of a database. A worker's role must not fill the disk.
    IF (SELECT count(*) FROM veilstream.queue_retention) > 1000 THEN
        RAISE 'veilstream.queue_retention holds 1,000 queues; its owner deletes those that are none'
            USING ERRCODE = '54000';
    END IF;
END
$$;

-- Makes the ledger's partition of a day, unless it is there: true. The table is made first and then
-- attached: that does not lock out the workers that are loading. Not for a day that is dropped, one that
-- is more than 7 days ahead, or one more than 30 days back once there are 400 such: false, and its messages
-- stay in the queue. SQS keeps nothing for longer than 14 days, so only wrong clocks and tests have such
-- days, and a worker's role must not fill the catalogue.
DROP FUNCTION veilstream.add_ledger_partition(bigint);
CREATE FUNCTION veilstream.add_ledger_partition(day bigint) RETURNS boolean
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    origin    timestamp := timestamp 'epoch';
    partition text := 'ledger_' || to_char(origin + day * interval '1 day', 'YYYYMMDD');
    today     bigint := floor(extract(epoch FROM now()) / 86400)::bigint;
BEGIN
    -- What 47 bits of milliseconds hold: veilstream leaves messages of other times in the queue.
    IF add_ledger_partition.day NOT BETWEEN 0 AND 1628906 THEN
        RAISE 'day % is out of range', add_ledger_partition.day USING ERRCODE = '22003';
    END IF;
    IF to_regclass('veilstream.' || partition) IS NOT NULL THEN
        RETURN true;
    END IF;
    IF add_ledger_partition.day > today + 7 THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('veilstream.ledger', 0));
    IF add_ledger_partition.day < (SELECT s.day FROM veilstream.ledger_start s) THEN
        RETURN false;
    END IF;
    IF add_ledger_partition.day < today - 30 AND 400 <= (
            SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'veilstream.ledger'::regclass
            AND c.relname < 'ledger_' || to_char(origin + (today - 30) * interval '1 day', 'YYYYMMDD')) THEN
        RETURN false;
    END IF;
    IF to_regclass('veilstream.' || partition) IS NULL THEN
        EXECUTE format('CREATE TABLE veilstream.%I (LIKE veilstream.ledger INCLUDING ALL)', partition);
        EXECUTE format('ALTER TABLE veilstream.ledger ATTACH PARTITION veilstream.%I '
                       'FOR VALUES FROM (%L) TO (%L)', partition,
                       veilstream.ledger_bound(day), veilstream.ledger_bound(day + 1));
    END IF;
    RETURN true;
END
$$;

-- Makes today's partition and those of the next two days.
CREATE FUNCTION veilstream.add_ledger_partitions_ahead() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
    SELECT veilstream.add_ledger_partition(floor(extract(epoch FROM now()) / 86400)::bigint + ahead)
        FROM generate_series(0, 2) AS ahead
$$;

-- Drops the oldest partition of the ledger, if no queue can deliver a message of its day any more: the
-- day, or NULL where there is none to drop or another worker is at it. By this server's clock: the whole
-- day is older, by two days, than the longest retention that was recorded in the last 15 days (without
-- any: than SQS's longest, 14 days).
CREATE FUNCTION veilstream.drop_ledger_partition() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '1s'
AS $$
DECLARE
    longest   integer := (SELECT coalesce(max(q.retention), 1209600) FROM veilstream.queue_retention q
                          WHERE q.seen_at > now() - interval '15 days');
    needed    bigint := floor((extract(epoch FROM now()) - longest) / 86400)::bigint - 2;
    partition text;
    oldest    bigint;
BEGIN
    SELECT c.relname, date_part('epoch', to_date(substr(c.relname, 8), 'YYYYMMDD'))::bigint / 86400
        INTO partition, oldest
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'veilstream.ledger'::regclass AND c.relname ~ '^ledger_[0-9]{8}$'
        ORDER BY c.relname LIMIT 1;
    IF partition IS NULL OR oldest >= needed
            OR NOT pg_try_advisory_xact_lock(hashtextextended('veilstream.ledger', 0)) THEN
        RETURN NULL;
    END IF;
    -- Somebody else may have dropped it just now.
    IF to_regclass('veilstream.' || partition) IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE veilstream.ledger_start s SET day = oldest + 1 WHERE s.day <= oldest;
    -- Takes ACCESS EXCLUSIVE on the ledger for an instant, and waits for that no longer than lock_timeout.
    EXECUTE format('DROP TABLE veilstream.%I', partition);
    RETURN oldest;
END
$$;

-- Forgets up to 1,000 events whose time is over: how many.
CREATE FUNCTION veilstream.prune_identity() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '1s'
AS $$
    WITH gone AS (
        DELETE FROM veilstream.identity WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM veilstream.identity
            WHERE keep_until < (now() AT TIME ZONE 'UTC')::date
            LIMIT 1000 FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM gone
$$;

-- PostgreSQL lets everybody call a new function; deploy/roles.sql says who may.
REVOKE EXECUTE ON FUNCTION veilstream.record_queue_retention, veilstream.add_ledger_partition,
    veilstream.add_ledger_partitions_ahead, veilstream.drop_ledger_partition,
    veilstream.prune_identity FROM PUBLIC;
