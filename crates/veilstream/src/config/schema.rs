//! The configuration file as a JSON Schema, for editors: made from the keys and names that are read.

use serde_json::{Map, Value, json};

use super::{admin, column, connection, file, key, key::Key, target};

/// The schema (JSON Schema, draft 2020-12), as it is kept in docs/veilstream.schema.json.
pub fn schema() -> Value {
    let mut schema = object(file::FILE_KEYS, &[], section);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("veilstream.toml");
    schema["description"] =
        json!("A pipeline of veilstream: where messages come from, where rows go, what is masked.");
    schema
}

fn section(name: &str) -> Value {
    let keys = |keys, required: &[&str], of: fn(&str) -> Key| {
        object(keys, required, |name| described(name, of(name)))
    };
    match name {
        "queue" => keys(connection::QUEUE_KEYS, &[], key::queue),
        "database" => keys(connection::DATABASE_KEYS, &[], key::database),
        "keyset" => keys(connection::KEYSET_KEYS, &[], key::keyset),
        "admin" => keys(admin::ADMIN_KEYS, &[], key::admin),
        "pipeline" => keys(target::PIPELINE_KEYS, &["table"], key::pipeline),
        "columns" => json!({
            "type": "array", "minItems": 1, "description": "The columns to load, in order.",
            "items": keys(column::KEYS, &["name", "type"], key::column),
        }),
        other => unreachable!("[{other}] is not described"),
    }
}

/// An object of these keys; others are mistakes.
fn object(keys: &[&str], required: &[&str], of: impl Fn(&str) -> Value) -> Value {
    let properties: Map<_, _> = keys
        .iter()
        .map(|key| ((*key).to_owned(), of(key)))
        .collect();
    json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
    })
}

fn described(name: &str, key: Key) -> Value {
    let mut schema = if name == "mask" {
        object(column::mask::KEYS, &[], |name| {
            described(name, key::mask(name))
        })
    } else {
        key.schema
    };
    let (what, without) = (without_links(&key.what), without_links(&key.without));
    schema["description"] = json!(format!("{what}\n\nWithout it: {without}"));
    schema
}

/// Markdown without its links, which lead nowhere in an editor.
fn without_links(markdown: &str) -> String {
    let mut parts = markdown.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(opened) = text.rfind('[') {
            text.remove(opened);
        }
        text += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference::assert_kept;

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_program() {
        let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert_kept("docs/veilstream.schema.json", |_| text.clone());
    }

    #[test]
    fn a_link_becomes_its_text() {
        let text = without_links("one ([a](b)) of `[\"/x\"]`, see [c d](#e) and f");
        assert_eq!(text, "one (a) of `[\"/x\"]`, see c d and f");
    }
}
