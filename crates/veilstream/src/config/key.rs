//! What the keys of the configuration file say: told once, for the JSON Schema that editors read and
//! for the reference that people do.

use serde_json::{Value, json};

use super::{DEFAULT_ADMIN_PORT, Fleets, column, connection, conversion, target, type_name};

/// A key, described. The texts are Markdown, in the middle of a sentence.
pub(super) struct Key {
    /// What its values are, as a JSON Schema.
    pub(super) schema: Value,
    /// What it says.
    pub(super) what: String,
    /// What holds without it.
    pub(super) without: String,
}

impl Key {
    fn new(schema: Value, what: impl Into<String>, without: impl Into<String>) -> Self {
        Self {
            schema,
            what: what.into(),
            without: without.into(),
        }
    }

    /// A key whose value is a text.
    fn text(what: impl Into<String>, without: impl Into<String>) -> Self {
        Self::new(json!({"type": "string", "minLength": 1}), what, without)
    }

    /// A key whose value is one of a few names.
    fn choice<'n>(
        names: impl IntoIterator<Item = &'n str>,
        what: impl Into<String>,
        without: impl Into<String>,
    ) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        Self::new(json!({"enum": names}), what, without)
    }

    /// A key whose value is a whole number, with what it is by default.
    fn number(least: u64, most: u64, default: u64, what: impl Into<String>) -> Self {
        let schema =
            json!({"type": "integer", "minimum": least, "maximum": most, "default": default});
        Self::new(schema, what, format!("`{default}`"))
    }
}

/// A key of section `[queue]`.
pub(super) fn queue(key: &str) -> Key {
    let fleets = Fleets::default();
    let most = u64::from(connection::MOST_OF_A_FLEET);
    match key {
        "url" => Key::text(
            "the queue's URL, http or https, ending in the queue's name; `VEILSTREAM_QUEUE_URL` beats it",
            "a flag or `VEILSTREAM_QUEUE_URL`; else `login-queue` is looked up by its name",
        ),
        "endpoint_url" => Key::text(
            "another address of the SQS service: LocalStack, moto, a VPC endpoint",
            "found from the queue's URL",
        ),
        "region" => Key::text(
            "the AWS region to sign for; it beats that of the queue's URL, and `AWS_REGION` and `AWS_DEFAULT_REGION` \
             beat it",
            "found from an AWS queue URL, else from the AWS settings",
        ),
        "longest_lease" => Key::text(
            "how long a message may be kept hidden from other consumers, counted from its receive: `\"90s\"`, \
             `\"15m\"`, at most `\"12h\"`, the limit of SQS. A message in flight is extended by the queue's \
             visibility time-out each time half of it is used up; one in flight for longer than this is left in \
             the queue",
            "`\"1h\"`, or the queue's visibility time-out if that is longer",
        ),
        "most_receivers" => Key::number(
            1,
            most,
            fleets.receivers.into(),
            format!(
                "how many receives may be under way at once, 1 to {most}. Nothing has to be tuned: there are as \
                 many as help, one on an empty queue. While each call takes 20 ms, 128 receive at most 64,000 \
                 messages per second; more than 400 do not help, since 4,000 messages may be in flight"
            ),
        ),
        "most_deleters" => Key::number(
            1,
            most,
            fleets.deleters.into(),
            format!("how many deletes may be under way at once, 1 to {most}"),
        ),
        "protocol" => Key::choice(
            connection::PROTOCOLS.iter().map(|(name, _)| *name),
            "what the service speaks: `\"json\"`, the AWS JSON 1.0 protocol; `\"query\"`, the older Query \
             protocol, which is all that LocalStack before 3 and some other services know; `\"auto\"`: JSON is \
             tried at start, then Query if what answers does not know JSON. What SQS itself refuses in JSON is no \
             reason to try Query, and AWS, which speaks both, is asked in JSON",
            "`\"auto\"`",
        ),
        other => unknown(other),
    }
}

/// A key of section `[database]`.
pub(super) fn database(key: &str) -> Key {
    match key {
        "url" => Key::text(
            "a `postgresql://` URI or `key=value` pairs. It is never printed; a password is better kept in \
             `PGPASSWORD` or `.pgpass`. `DATABASE_URL` beats it; the `PG*` variables fill in what it leaves out, as \
             with libpq",
            "`DATABASE_URL` or the `PG*` variables",
        ),
        other => unknown(other),
    }
}

/// A key of section `[keyset]`.
pub(super) fn keyset(key: &str) -> Key {
    match key {
        "file" => Key::text(
            "the key set's file; a relative path is resolved against the folder of the configuration file",
            "a flag or `VEILSTREAM_KEYSET` has to name it",
        ),
        "passphrase_file" => Key::text(
            "the file that holds the passphrase of a key set wrapped by one ([keys.md](keys.md)), never the \
             passphrase itself; a relative path is resolved as above",
            "`--passphrase-file`, `VEILSTREAM_PASSPHRASE_FILE` or `VEILSTREAM_PASSPHRASE`, which beat this key",
        ),
        other => unknown(other),
    }
}

/// A key of section `[admin]`.
pub(super) fn admin(key: &str) -> Key {
    match key {
        "listen" => Key::text(
            "where the dashboard, metrics and health are served ([operations.md](operations.md)): an address and a \
             port, as in `\"127.0.0.1:8484\"`, or `\"off\"`; an address that other machines can reach takes \
             `token_file` as well. `--admin-listen` and `VEILSTREAM_ADMIN_LISTEN` beat it",
            format!("`\"127.0.0.1:{DEFAULT_ADMIN_PORT}\"` if that is free; with `--once`, off"),
        ),
        "token_file" => Key::text(
            "the file that holds the bearer token: one line of 16 or more letters, digits and marks. The token is \
             asked for replay and discard, and for looking too when the server listens beyond this machine; a \
             relative path is resolved as above",
            "nobody can replay or discard from the page",
        ),
        "database_url" => Key::text(
            "a connection of the role `veilstream_operator`, with which the page lists, replays and discards \
             quarantined entries. The `PG*` variables fill in what it leaves out, but for `PGUSER`, `PGPASSWORD`, \
             `PGSSLCERT` and `PGSSLKEY`, which are the worker's. It is never printed; with a password in it, it is \
             better kept in `VEILSTREAM_ADMIN_DATABASE_URL`, which beats this key",
            "the page shows counts only",
        ),
        other => unknown(other),
    }
}

/// A key of section `[pipeline]`.
pub(super) fn pipeline(key: &str) -> Key {
    match key {
        "name" => Key::text(
            "a name for logs and metrics: a letter, then `a-z`, `0-9`, `_`, `-`; at most 63",
            "the table's name, where it is such a name",
        ),
        "table" => Key::text(
            "`table` or `schema.table`, as the catalogue spells it: no quotes, capitals are kept. `migrate` creates \
             the table, not the schema",
            "a mistake",
        ),
        "identity" => Key::new(
            json!({"oneOf": [
                {"enum": ["message_id", "body_digest"]},
                {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^/"}},
            ]}),
            "what makes two messages the same, see [Identity](#identity): `\"message_id\"`, `\"body_digest\"`, or a \
             list of fields such as `[\"/event_id\", \"/source\"]`",
            "`\"message_id\"`",
        ),
        "identity_retention" => Key::text(
            "for how long an event is known again, in whole days, `\"1d\"` to `\"3650d\"`: required beside \
             `\"body_digest\"` or fields, not allowed beside `\"message_id\"`",
            "a mistake beside `\"body_digest\"` or fields",
        ),
        "on_reject" => Key::choice(
            target::ON_REJECT.iter().map(|(name, _)| *name),
            "`\"quarantine\"`: a rejected message is sealed, kept in the database and deleted from the queue; \
             `\"leave\"`: it stays in the queue, whose redrive policy decides (on a FIFO queue with the rest of its \
             receive, so that the order holds)",
            "`\"quarantine\"`",
        ),
        "reject_limit" => Key::number(
            1,
            99,
            target::REJECT_LIMIT.into(),
            "the percentage of rejected messages, 1 to 99, above which nothing more is taken: then the producer has \
             changed, not a message gone bad",
        ),
        other => unknown(other),
    }
}

/// A key of a section `[[columns]]`.
pub(super) fn column(key: &str) -> Key {
    match key {
        "name" => Key::text(
            "the column's name, as the catalogue spells it; at most 63 bytes, once",
            "a mistake",
        ),
        "type" => {
            let names = type_name::NAMES.iter().map(|(name, _)| *name);
            Key::new(
                json!({"anyOf": [
                    {"enum": names.collect::<Vec<_>>()},
                    {"type": "string", "pattern": "^(varchar|character varying|numeric|decimal)\\s*\\(.*\\)$"},
                ]}),
                "one of [the types](#the-types)",
                "a mistake",
            )
        }
        "path" => Key::new(
            json!({"type": "string", "minLength": 1, "pattern": "^(/|$)"}),
            "the field of the event, a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)): \
             `/user/email`. In a name, `~1` is `/` and `~0` is `~`. Members of objects are reached, elements of \
             arrays are not",
            "`from` says it",
        ),
        "from" => Key::choice(
            column::ORIGINS.iter().map(|(name, _)| *name),
            "a part of the message in place of a field: `sent_at`, when it was sent; `message_id`, the id that SQS \
             gave it",
            "`path` says it",
        ),
        "required" => Key::new(
            json!({"type": "boolean", "default": false}),
            "`true`: a message where the field is absent or null goes to quarantine",
            "`false`: the column is NULL",
        ),
        "convert" => Key::choice(
            conversion::NAMES.iter().map(|(name, _)| *name),
            "one of [the conversions](#the-conversions)",
            "the type decides",
        ),
        "mask" => Key::new(
            json!({}),
            "a table such as `{ domain = \"ip\" }`: the value is personal and is masked, see [Masks](#masks)",
            "it is loaded as it is",
        ),
        other => unknown(other),
    }
}

/// A key of a column's `mask`.
pub(super) fn mask(key: &str) -> Key {
    const BY_KEY_SET: &str = "as the key set says";
    match key {
        "domain" => Key::text(
            "the domain that the key set lists: equal values in one domain get equal tokens, in every table",
            "a mistake, but for `drop` and `redact`",
        ),
        "method" => Key::choice(
            column::mask::NAMES.iter().map(|(name, _)| *name),
            "`siv`, `hmac`, `ip`, `format`, `drop` or `redact`",
            BY_KEY_SET,
        ),
        "canonical" => Key::choice(
            masking::Canonical::ALL.iter().map(|form| form.as_str()),
            "the spelling to which values are brought first: `exact`, `ip`, `email`, `uuid`, `phone` or `text`",
            BY_KEY_SET,
        ),
        "padded" => Key::new(
            json!({"type": "boolean"}),
            "with `siv`: whether values are padded, so that a token's length tells less",
            BY_KEY_SET,
        ),
        "alphabet" => Key::choice(
            column::mask::ALPHABETS,
            "with `format`: `digits`, `hex`, `lower`, `upper`, `letters` or `alphanumeric`",
            BY_KEY_SET,
        ),
        "length" => Key::new(
            json!({"type": "integer", "minimum": 1}),
            "beside an alphabet: the fewest symbols that a value has. Fewer than a million values (5 digits) are a \
             mistake",
            "the fewest that the alphabet allows",
        ),
        "text" => Key::text(
            "with `redact`: the text that stands for every value",
            "a mistake",
        ),
        other => unknown(other),
    }
}

/// A key that is read and not described here: a test finds it.
fn unknown(key: &str) -> ! {
    unreachable!("{key} is not described")
}
