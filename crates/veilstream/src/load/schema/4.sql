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

-- An original that is shown leaves a trail as an opened token does: one fingerprint, the first 16
-- bytes of the SHA-256 of the entry's id, in domain `(quarantine)`, a name that no domain can have.
ALTER TABLE veilstream.audit DROP CONSTRAINT audit_action_check;
ALTER TABLE veilstream.audit ADD CONSTRAINT audit_action_check
    CHECK (action IN ('unmask', 'show'));

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
