-- Roles with the least privileges that veilstream's commands need. Run it as the owner of schema
-- veilstream and of the target table who may create roles (or as a superuser), after
-- `veilstream migrate`:
--
--     psql "$DATABASE_URL" -v target=public.user_logins -f deploy/roles.sql
--
-- It can be run again, after a migration or for another target table. These are group roles that
-- nobody logs in as; make members of them:
--
--     CREATE ROLE worker_1 LOGIN PASSWORD '…' IN ROLE veilstream_loader;
--
-- Their names have a prefix since roles belong to the whole server, where another application may
-- have a `loader` or an `auditor` of its own: this file would hand it our privileges.

\set ON_ERROR_STOP on
\if :{?target}
\else
    \warn 'name the target table: -v target=public.user_logins'
    DO $$ BEGIN RAISE 'no target table is named'; END $$;
\endif

BEGIN;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['veilstream_loader', 'veilstream_operator', 'veilstream_auditor'] LOOP
        BEGIN
            IF to_regrole(name) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;    -- somebody else was quicker
        END;
    END LOOP;
END
$$;

-- What an earlier version of this file granted and this one does not, goes.
REVOKE ALL ON ALL TABLES IN SCHEMA veilstream
    FROM veilstream_loader, veilstream_operator, veilstream_auditor;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA veilstream
    FROM PUBLIC, veilstream_loader, veilstream_operator, veilstream_auditor;

-- Without USAGE nothing in the schema can be named; the version is the first thing that is read.
GRANT USAGE ON SCHEMA veilstream TO veilstream_loader, veilstream_operator, veilstream_auditor;
GRANT SELECT ON veilstream.schema_version
    TO veilstream_loader, veilstream_operator, veilstream_auditor;

-- ---------------------------------------------------------------------- veilstream_loader: run, check

-- To write rows. Not to read them back: who takes over a worker does not get the table's past. A
-- column with a default from a sequence also takes USAGE on that sequence; triggers on the table run
-- as this role, unless their function is SECURITY DEFINER.
SELECT format('GRANT USAGE ON SCHEMA %I TO veilstream_loader', nspname)
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
    WHERE pg_class.oid = :'target'::regclass
\gexec
GRANT INSERT ON :target TO veilstream_loader;
-- To put rejected messages away. Not to see who else's were rejected.
GRANT INSERT ON veilstream.quarantine TO veilstream_loader;
-- To claim a message, and to be told which of its keys were claimed before (INSERT … RETURNING). Not
-- to take a claim back: the message would load twice.
GRANT INSERT, SELECT ON veilstream.ledger TO veilstream_loader;
-- The same for events that are known by their value.
GRANT INSERT, SELECT ON veilstream.identity TO veilstream_loader;
-- To tell, in `check`, from which day on the ledger knows messages. Not to set it back.
GRANT SELECT ON veilstream.ledger_start TO veilstream_loader;
-- Upkeep that takes an owner's rights, in functions that do this and no more: to say for how long a
-- queue keeps messages, to make new days' partitions, to drop those that no queue needs any more and to
-- forget events whose time is over. What is over they decide by themselves, and by the server's clock.
-- (A worker that was taken over can name a queue that does not exist: nothing is dropped too early then.)
GRANT EXECUTE ON FUNCTION veilstream.record_queue_retention, veilstream.add_ledger_partition,
    veilstream.add_ledger_partitions_ahead, veilstream.drop_ledger_partition,
    veilstream.prune_identity TO veilstream_loader;
-- To ask whether the key set is the newest and the table's own, and to write down that it is, of
-- tables that this role may write to. (A worker that was taken over can name a generation that does
-- not exist: nothing starts then, until an owner corrects veilstream.key_set.)
GRANT EXECUTE ON FUNCTION veilstream.ask_key_set, veilstream.use_key_set TO veilstream_loader;

-- ------------------------------------------------------ veilstream_operator: quarantine, unmask

-- To look after what was rejected; the originals in it are sealed.
GRANT SELECT ON veilstream.quarantine TO veilstream_operator;
-- To write down what became of an entry, why it is still rejected, and to erase a discarded original.
-- Not to change where it comes from or which key sealed it. (A trigger, guard_entry, refuses to open again
-- what is settled.)
GRANT UPDATE (state, settled_at, sealed, reason, column_name, sqlstate)
    ON veilstream.quarantine TO veilstream_operator;
-- To purge.
GRANT DELETE ON veilstream.quarantine TO veilstream_operator;
-- To load what is replayed. Not to read the target table: who holds the key set should get the
-- tokens of a case from somebody who may read it, so that it takes two to look through all of it.
SELECT format('GRANT USAGE ON SCHEMA %I TO veilstream_operator', nspname)
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
    WHERE pg_class.oid = :'target'::regclass
\gexec
GRANT INSERT ON :target TO veilstream_operator;
-- To claim a replayed event that is known by its value.
GRANT INSERT, SELECT ON veilstream.identity TO veilstream_operator;
-- To leave a trail when tokens or originals are opened (shown or replayed), within the limits. Neither to read the trail
-- nor to write it in any other way.
GRANT EXECUTE ON FUNCTION veilstream.append_audit TO veilstream_operator;
-- To ask whether the key set is the newest and the table's own; not to say so.
GRANT EXECUTE ON FUNCTION veilstream.ask_key_set, veilstream.holds_tokens_of TO veilstream_operator;

-- ------------------------------------------------ veilstream_auditor: audit list, audit verify

-- To read the trail, and nothing else.
GRANT SELECT ON veilstream.audit TO veilstream_auditor;

COMMIT;

-- PostgreSQL lets every role make temporary tables and, before version 15, tables in schema public.
-- Where nobody else relies on that:
--
--     REVOKE CREATE ON SCHEMA public FROM PUBLIC;
--     REVOKE TEMPORARY ON DATABASE app FROM PUBLIC;
