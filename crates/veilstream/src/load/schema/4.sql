-- Version 4: what became of a quarantined message.

ALTER TABLE veilstream.quarantine RENAME COLUMN replayed_at TO settled_at;
-- open, replayed (its row is loaded), duplicate (a row of the same identity was there), discarded
ALTER TABLE veilstream.quarantine ADD COLUMN state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'replayed', 'duplicate', 'discarded'));
UPDATE veilstream.quarantine SET state = 'replayed' WHERE settled_at IS NOT NULL;
ALTER TABLE veilstream.quarantine ADD CHECK ((state = 'open') = (settled_at IS NULL));
