-- Version 4: what became of a quarantined message, and the trail of those that were looked at.

ALTER TABLE veilstream.quarantine RENAME COLUMN replayed_at TO settled_at;
-- open, replayed (its row is loaded), duplicate (a row of the same identity was there), discarded
ALTER TABLE veilstream.quarantine ADD COLUMN state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'replayed', 'duplicate', 'discarded'));
UPDATE veilstream.quarantine SET state = 'replayed' WHERE settled_at IS NOT NULL;
ALTER TABLE veilstream.quarantine ADD CHECK ((state = 'open') = (settled_at IS NULL));
-- What is discarded is erased.
ALTER TABLE veilstream.quarantine ADD CHECK (state <> 'discarded' OR sealed = '');

-- What replaying goes through, and what purging looks for.
CREATE INDEX quarantine_open ON veilstream.quarantine (quarantined_at, id) WHERE state = 'open';
CREATE INDEX quarantine_settled ON veilstream.quarantine (settled_at) WHERE state <> 'open';

-- What is settled is final, so that no row is loaded twice, and what is open keeps its original until it
-- is discarded. Who owns the table can take this rail away.
CREATE FUNCTION veilstream.guard_entry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state <> 'open' THEN
        RAISE 'a settled entry of veilstream.quarantine is final' USING ERRCODE = '55000';
    END IF;
    IF (NEW.id, NEW.message_id, NEW.queue_arn, NEW.pipeline, NEW.sent_at, NEW.quarantined_at,
            NEW.key_id, NEW.nonce)
        IS DISTINCT FROM (OLD.id, OLD.message_id, OLD.queue_arn, OLD.pipeline, OLD.sent_at,
            OLD.quarantined_at, OLD.key_id, OLD.nonce)
            OR (NEW.sealed <> OLD.sealed AND NOT (NEW.state = 'discarded' AND NEW.sealed = '')) THEN
        RAISE 'only the reason and the state of an entry of veilstream.quarantine change'
            USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER guard_entry BEFORE UPDATE ON veilstream.quarantine
    FOR EACH ROW EXECUTE FUNCTION veilstream.guard_entry();

REVOKE EXECUTE ON FUNCTION veilstream.guard_entry FROM PUBLIC;

-- Originals that are opened leave a trail as a token does: one fingerprint, the first 16 bytes of the
-- SHA-256 of the entry's id (show) or of the target table's name (replay, one entry a call), in domain
-- `(quarantine)`, a name that no domain can have.
ALTER TABLE veilstream.audit DROP CONSTRAINT audit_action_check;
ALTER TABLE veilstream.audit ADD CONSTRAINT audit_action_check
    CHECK (action IN ('unmask', 'show', 'replay'));

-- Whether a table holds tokens of a key set, written down by a worker. Who may replay may not decide
-- that, and a row before it is decided would bind nobody.
CREATE FUNCTION veilstream.holds_tokens_of(target text, key_set_id text) RETURNS boolean
    LANGUAGE sql STABLE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM veilstream.masked_table m
        WHERE m.table_name = veilstream.target_name(target) AND m.key_set = key_set_id)
$$;

REVOKE EXECUTE ON FUNCTION veilstream.holds_tokens_of FROM PUBLIC;
