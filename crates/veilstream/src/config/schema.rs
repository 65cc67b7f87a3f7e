//! The configuration file as a JSON Schema, for editors: made from the keys and names that are read.

use serde_json::{Map, Value, json};

use super::{
    DEFAULT_ADMIN_PORT, Fleets, admin, column, connection, conversion, duration, file, target,
    type_name,
};

/// The schema (JSON Schema, draft 2020-12), as it is kept in docs/veilstream.schema.json.
pub fn schema() -> Value {
    let mut schema = object(file::FILE_KEYS, &[], section);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "veilstream.toml",
        "description": "A pipeline of veilstream: where messages come from, where rows go, what is masked.",
    });
    schema
        .as_object_mut()
        .expect("it is one")
        .extend(head.as_object().expect("it is one").clone());
    schema
}

/// An object of these keys, each described by `of`; others are mistakes.
fn object(keys: &[&str], required: &[&str], of: fn(&str) -> Value) -> Value {
    let properties: Map<_, _> = keys
        .iter()
        .map(|key| ((*key).to_owned(), of(key)))
        .collect();
    json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
    })
}

fn section(key: &str) -> Value {
    match key {
        "queue" => object(connection::QUEUE_KEYS, &[], queue),
        "database" => object(connection::DATABASE_KEYS, &[], |_| {
            text(
                "A postgresql:// URI or key=value pairs; DATABASE_URL beats it, PG* variables complete it.",
            )
        }),
        "keyset" => object(connection::KEYSET_KEYS, &[], keyset),
        "admin" => object(admin::ADMIN_KEYS, &[], admin_key),
        "pipeline" => object(target::PIPELINE_KEYS, &["table"], pipeline),
        "columns" => json!({
            "type": "array", "minItems": 1, "description": "The columns to load, in order.",
            "items": object(column::KEYS, &["name", "type"], column_key),
        }),
        other => unknown(other),
    }
}

fn queue(key: &str) -> Value {
    let fleet = |what, default| {
        json!({
            "type": "integer", "minimum": 1, "maximum": connection::MOST_OF_A_FLEET, "default": default,
            "description": what,
        })
    };
    let fleets = Fleets::default();
    match key {
        "url" => text("The queue's URL; VEILSTREAM_QUEUE_URL beats it."),
        "endpoint_url" => {
            text("Another address of the SQS service: LocalStack, moto, a VPC endpoint.")
        }
        "region" => text("The AWS region to sign for, where the URL does not say it."),
        "longest_lease" => described(
            text("How long a message may be kept hidden from other consumers, at most 12h."),
            "default",
            json!("1h"),
        ),
        "protocol" => choice(
            connection::PROTOCOLS.iter().map(|(name, _)| *name),
            "What the service speaks; auto finds out.",
        ),
        "most_receivers" => fleet("Receives under way at once, at most.", fleets.receivers),
        "most_deleters" => fleet("Deletes under way at once, at most.", fleets.deleters),
        other => unknown(other),
    }
}

fn keyset(key: &str) -> Value {
    match key {
        "file" => text("The key set's file; VEILSTREAM_KEYSET beats it."),
        "passphrase_file" => text("The file of the passphrase that opens the key set."),
        other => unknown(other),
    }
}

fn admin_key(key: &str) -> Value {
    match key {
        "listen" => text(&format!(
            "{}; 127.0.0.1:{DEFAULT_ADMIN_PORT} by default.",
            admin::LISTEN_FORM
        )),
        "token_file" => {
            text("The file of the token that acting takes, and off this machine looking.")
        }
        "database_url" => text("A connection of the role veilstream_operator."),
        other => unknown(other),
    }
}

fn pipeline(key: &str) -> Value {
    match key {
        "name" => text("A name for logs; the table's by default."),
        "table" => text("table or schema.table, as the catalogue spells it."),
        "identity" => json!({
            "description": "What makes two messages the same.",
            "oneOf": [
                {"enum": ["message_id", "body_digest"]},
                {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^/"}},
            ],
        }),
        "identity_retention" => text(&format!(
            "For how long an event is known again beside body_digest or fields: {}",
            duration::FORM
        )),
        "on_reject" => choice(
            target::ON_REJECT.iter().map(|(name, _)| *name),
            "What becomes of a rejected message.",
        ),
        "reject_limit" => json!({
            "type": "integer", "minimum": 1, "maximum": 99, "default": target::REJECT_LIMIT,
            "description": "The percentage of rejected messages above which nothing more is taken.",
        }),
        other => unknown(other),
    }
}

fn column_key(key: &str) -> Value {
    match key {
        "name" => text("The column's name, as the catalogue spells it."),
        "type" => {
            let names = type_name::NAMES.iter().map(|(name, _)| *name);
            json!({
                "description": "The column's type; varchar(n) and numeric(precision,scale) as well.",
                "anyOf": [
                    {"enum": names.collect::<Vec<_>>()},
                    {"type": "string", "pattern": "^(varchar|character varying|numeric|decimal)\\s*\\(.*\\)$"},
                ],
            })
        }
        "path" => described(
            text("The field of the event, a JSON Pointer."),
            "pattern",
            json!("^(/|$)"),
        ),
        "from" => choice(
            column::ORIGINS.iter().map(|(name, _)| *name),
            "A part of the message instead of a field.",
        ),
        "convert" => choice(
            conversion::NAMES.iter().map(|(name, _)| *name),
            "How the value becomes one of the type.",
        ),
        "mask" => described(
            object(column::mask::KEYS, &[], mask),
            "description",
            json!("How the personal value is masked."),
        ),
        "required" => json!({
            "type": "boolean", "default": false,
            "description": "Whether a message without the field goes to quarantine.",
        }),
        other => unknown(other),
    }
}

fn mask(key: &str) -> Value {
    let methods = column::mask::NAMES.iter().map(|(name, _)| *name);
    match key {
        "domain" => text("The domain of the key set: equal values within one give equal tokens."),
        "method" => choice(methods, "How; by default as the domain says."),
        "canonical" => choice(
            masking::Canonical::ALL.iter().map(|form| form.as_str()),
            "The form that equal values have.",
        ),
        "padded" => {
            json!({"type": "boolean", "description": "Hides the length of what siv masks."})
        }
        "alphabet" => choice(
            column::mask::ALPHABETS.into_iter(),
            "The symbols of what method format masks.",
        ),
        "length" => json!({
            "type": "integer", "minimum": 1,
            "description": "The least number of symbols of what method format masks.",
        }),
        "text" => text("What method redact puts in the place of every value."),
        other => unknown(other),
    }
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}

fn choice<'n>(names: impl Iterator<Item = &'n str>, description: &str) -> Value {
    json!({"enum": names.collect::<Vec<_>>(), "description": description})
}

fn described(mut schema: Value, key: &str, value: Value) -> Value {
    schema[key] = value;
    schema
}

/// A key that is read and not described here: a test finds it.
fn unknown(key: &str) -> Value {
    unreachable!("{key} has no schema")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_program() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/veilstream.schema.json");
        let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("VEILSTREAM_WRITE_SCHEMA").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == text,
            "docs/veilstream.schema.json is stale: run this test with VEILSTREAM_WRITE_SCHEMA=1"
        );
    }

    #[test]
    fn the_reference_names_every_key() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let reference = fs::read_to_string(path).unwrap();
        let schema = schema();
        let sections = schema["properties"].as_object().unwrap();
        for (section, of) in sections.iter().filter(|(section, _)| *section != "columns") {
            for key in of["properties"].as_object().unwrap().keys() {
                assert!(
                    reference.contains(&format!("| `{section}.{key}` |")),
                    "{section}.{key}"
                );
            }
        }
        for key in column::KEYS {
            assert!(reference.contains(&format!("| `{key}` |")), "{key}");
        }
    }
}
