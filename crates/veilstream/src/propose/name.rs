//! Names of columns, tables and pipelines, made of the names of fields and queues.

use std::collections::HashSet;

/// The longest identifier of PostgreSQL, in bytes.
const LONGEST: usize = 63;
/// Names that PostgreSQL keeps for itself (its documentation, "System Columns").
const SYSTEM: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Snake case: small letters and digits of any script, with `_` between words.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut after_small = false;
    for character in text.chars() {
        if character.is_alphanumeric() {
            if character.is_uppercase() && after_small {
                name.push('_');
            }
            name.extend(character.to_lowercase());
            after_small = !character.is_uppercase();
        } else {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            after_small = false;
        }
    }
    let name = name.trim_end_matches('_');
    cut(if name.is_empty() { "field" } else { name }, LONGEST).to_owned()
}

/// A column's name that no other column has.
pub(super) fn column(path: &[String], taken: &mut HashSet<String>) -> String {
    let mut name = snake(&path.join("_"));
    if SYSTEM.contains(&name.as_str()) {
        name.push('_');
    }
    let mut unique = name.clone();
    for number in 2.. {
        if taken.insert(unique.clone()) {
            break;
        }
        let suffix = format!("_{number}");
        unique = format!("{}{suffix}", cut(&name, LONGEST - suffix.len()));
    }
    unique
}

/// A table's name for a queue, by its URL.
pub(super) fn table(queue_url: &str) -> String {
    let name = queue_url.rsplit('/').next().unwrap_or_default();
    snake(name.strip_suffix(".fifo").unwrap_or(name))
}

/// A pipeline's name for a table: a-z, 0-9 and `_`, a letter first.
pub(super) fn pipeline(table: &str) -> String {
    let ascii: String = table.chars().filter(char::is_ascii).collect();
    let name = snake(&ascii);
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name
    } else {
        cut(&format!("p_{name}"), LONGEST).to_owned()
    }
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_unique_and_short_enough() {
        let mut taken = HashSet::new();
        let mut name = |path: &[&str]| {
            let path: Vec<_> = path.iter().map(|&token| token.to_owned()).collect();
            column(&path, &mut taken)
        };
        assert_eq!(name(&["customer", "eMail"]), "customer_e_mail");
        assert_eq!(name(&["customer_e", "mail"]), "customer_e_mail_2");
        assert_eq!(name(&["userID"]), "user_id");
        assert_eq!(name(&["user-agent"]), "user_agent");
        assert_eq!(name(&["Größe (cm)"]), "größe_cm");
        assert_eq!(name(&["$"]), "field");
        assert_eq!(name(&[""]), "field_2");
        assert_eq!(name(&["select"]), "select");
        assert_eq!(name(&["ctid"]), "ctid_");
        let long = "ü".repeat(40);
        assert_eq!(name(&[&long]), "ü".repeat(31));
        assert_eq!(name(&[&long]), format!("{}_2", "ü".repeat(30)));
        assert_eq!(table("http://localhost/0/Web-Clicks.fifo"), "web_clicks");
        assert_eq!(pipeline("web_clicks"), "web_clicks");
        assert_eq!(pipeline("2024"), "p_2024");
        assert_eq!(pipeline("größe"), "gre");
    }
}
