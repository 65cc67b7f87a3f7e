-- Version 3: events known by their value, and the upkeep of the ledger.

-- An event that was loaded, where a pipeline's identity is by value: 128 bits of an HMAC.
CREATE TABLE veilstream.identity (
    key        uuid PRIMARY KEY,
    keep_until date NOT NULL           -- by the database's clock, UTC
);

CREATE INDEX identity_by_time ON veilstream.identity (keep_until);
