//! The `mask` table of a column: what goes together, and what is refused.

use masking::{Alphabet, Canonical, Format};

use super::{mistakes, only_mistake, read, with_column};
use crate::config::{Column, DomainMask, Mask, StatedMethod};

/// A column of this type that is masked so.
fn masked(column_type: &str, mask: &str) -> String {
    with_column(&format!(
        "name = 'c'\ntype = '{column_type}'\npath = '/a'\nmask = {{ {mask} }}"
    ))
}

fn column(column_type: &str, mask: &str) -> Column {
    let text = masked(column_type, mask);
    let configuration = read(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    configuration.pipeline.columns[0].clone()
}

/// Each mask has just the mistake whose path and words stand beside it.
fn assert_refused(cases: &[(&str, &str, &str, &str)]) {
    for (column_type, mask, path, words) in cases {
        let mistake = only_mistake(&masked(column_type, mask));
        let expected = format!("columns[0].mask{path}: ");
        assert!(
            mistake.starts_with(&expected),
            "{column_type} {mask}\n{mistake}"
        );
        assert!(mistake.contains(words), "{column_type} {mask}\n{mistake}");
    }
}

#[test]
fn what_is_stated_is_read() {
    let digits = Format::new(Alphabet::Digits, Some(9)).unwrap();
    let least = Format::new(Alphabet::Hex, None).unwrap();
    for (column_type, mask, method, canonical) in [
        ("text", "domain = 'd'", None, None),
        (
            "text",
            "domain = 'd', canonical = 'email'",
            None,
            Some(Canonical::Email),
        ),
        (
            "bytea",
            "domain = 'd', method = 'siv'",
            Some(StatedMethod::Siv { padded: None }),
            None,
        ),
        (
            "text",
            "domain = 'd', method = 'siv', padded = true, canonical = 'text'",
            Some(StatedMethod::Siv { padded: Some(true) }),
            Some(Canonical::Text),
        ),
        (
            "uuid",
            "domain = 'd', method = 'hmac'",
            Some(StatedMethod::Hmac),
            None,
        ),
        (
            "inet",
            "domain = 'd', method = 'ip', canonical = 'ip'",
            Some(StatedMethod::Ip),
            Some(Canonical::Ip),
        ),
        (
            "varchar(11)",
            "domain = 'd', method = 'format', alphabet = 'digits', length = 9",
            Some(StatedMethod::Format(Some(digits))),
            None,
        ),
        (
            "uuid",
            "domain = 'd', method = 'format', alphabet = 'hex', canonical = 'uuid'",
            Some(StatedMethod::Format(Some(least))),
            Some(Canonical::Uuid),
        ),
        (
            "text",
            "domain = 'd', method = 'format', canonical = 'phone'",
            Some(StatedMethod::Format(None)),
            Some(Canonical::Phone),
        ),
    ] {
        let expected = Mask::Domain(DomainMask {
            domain: "d".parse().unwrap(),
            method,
            canonical,
        });
        assert_eq!(column(column_type, mask).mask, Some(expected), "{mask}");
    }
}

#[test]
fn drop_goes_into_every_type_and_redact_into_texts() {
    for column_type in ["text", "int4", "jsonb", "inet", "date"] {
        let column = column(column_type, "method = 'drop'");
        assert_eq!(column.mask, Some(Mask::Drop));
    }
    for column_type in ["text", "varchar", "varchar(3)"] {
        let column = column(column_type, "method = 'redact', text = 'äöü'");
        assert_eq!(column.mask, Some(Mask::Redact("äöü".to_owned())));
    }
    assert_refused(&[
        (
            "varchar(2)",
            "method = 'redact', text = 'äöü'",
            "",
            "has 3 characters",
        ),
        (
            "int4",
            "method = 'redact', text = '0'",
            "",
            "into text or varchar, not into int4",
        ),
        ("text", "method = 'redact'", ".text", "missing"),
        ("text", "method = 'redact', text = ''", ".text", "empty"),
        (
            "text",
            "method = 'redact', text = \"a\\u0000\"",
            ".text",
            "NUL",
        ),
    ]);
}

#[test]
fn a_value_that_is_dropped_cannot_be_required() {
    let column = |mask: &str, required: bool| {
        with_column(&format!(
            "name = 'c'\ntype = 'text'\npath = '/a'\nrequired = {required}\nmask = {{ {mask} }}"
        ))
    };
    let mistake = only_mistake(&column("method = 'drop'", true));
    assert!(
        mistake.starts_with("columns[0].required: the mask drops every value"),
        "{mistake}"
    );
    assert!(read(&column("method = 'drop'", false)).is_ok());
    assert!(read(&column("method = 'redact', text = 'x'", true)).is_ok());
}

#[test]
fn names_and_numbers_are_those_that_there_are() {
    assert_refused(&[
        ("text", "", ".domain", "missing"),
        ("text", "domain = 'IP'", ".domain", "lower-case"),
        (
            "text",
            "domain = 'd', method = 'sha'",
            ".method",
            "`sha` is no method; write \"siv\"",
        ),
        (
            "text",
            "domain = 'd', method = 'hmca'",
            ".method",
            "did you mean `hmac`?",
        ),
        (
            "text",
            "domain = 'd', method = 1",
            ".method",
            "an integer where a string is due",
        ),
        (
            "text",
            "domain = 'd', canonical = 'ipv4'",
            ".canonical",
            "exact, ip, email",
        ),
        ("text", "domain = 'd', key = 'x'", ".key", "unknown key"),
        (
            "text",
            "domain = 'd', method = 'siv', padded = 1",
            ".padded",
            "an integer where a boolean is due",
        ),
        (
            "text",
            "domain = 'd', method = 'format', alphabet = 'digit'",
            ".alphabet",
            "did you mean `digits`?",
        ),
        (
            "text",
            "domain = 'd', method = 'format', alphabet = 'digits', length = '9'",
            ".length",
            "a string where an integer is due",
        ),
        (
            "text",
            "domain = 'd', method = 'format', alphabet = 'digits', length = -9",
            ".length",
            "from 0 to 65535",
        ),
        (
            "text",
            "domain = 'd', method = 'format', length = 9",
            ".length",
            "add alphabet",
        ),
    ]);
    let mistake = only_mistake(&with_column(
        "name = 'c'\ntype = 'text'\npath = '/a'\nmask = 'ip'",
    ));
    assert!(
        mistake.starts_with("columns[0].mask: a string where a table is due"),
        "{mistake}"
    );
}

#[test]
fn settings_stand_beside_the_method_that_they_are_for() {
    assert_refused(&[
        (
            "text",
            "method = 'drop', domain = 'd'",
            ".domain",
            "goes with a method that makes tokens",
        ),
        (
            "text",
            "method = 'redact', text = 'x', canonical = 'ip'",
            ".canonical",
            "goes with a method that makes tokens",
        ),
        (
            "text",
            "domain = 'd', method = 'hmac', padded = true",
            ".padded",
            "goes with method = \"siv\"",
        ),
        (
            "text",
            "domain = 'd', padded = true",
            ".padded",
            "goes with method = \"siv\"",
        ),
        (
            "text",
            "domain = 'd', alphabet = 'hex'",
            ".alphabet",
            "goes with method = \"format\"",
        ),
        (
            "text",
            "domain = 'd', text = 'x'",
            ".text",
            "goes with method = \"redact\"",
        ),
        (
            "text",
            "domain = 'd', method = 'ip', canonical = 'exact'",
            ".canonical",
            "masks addresses",
        ),
        (
            "text",
            "domain = 'd', method = 'format', alphabet = 'lower', canonical = 'phone'",
            ".canonical",
            "with `phone` goes `digits`",
        ),
    ]);
}

/// NIST SP 800-38G revision 1: a million values at least.
#[test]
fn a_format_with_too_few_values_is_refused() {
    for (alphabet, least) in [
        ("digits", 6),
        ("hex", 5),
        ("lower", 5),
        ("upper", 5),
        ("letters", 4),
        ("alphanumeric", 4),
    ] {
        let mask = |length: u16| {
            format!("domain = 'd', method = 'format', alphabet = '{alphabet}', length = {length}")
        };
        let words = format!("ask for {least} symbols");
        assert_refused(&[("text", &mask(least - 1), ".length", &words)]);
        assert!(read(&masked("text", &mask(least))).is_ok(), "{alphabet}");
    }
    let mask = "domain = 'd', method = 'format', alphabet = 'hex', length = 257";
    assert_refused(&[("text", mask, ".length", "at most 256 symbols")]);
}

#[test]
fn a_token_has_a_form_that_the_type_holds() {
    assert_refused(&[
        (
            "int8",
            "domain = 'd'",
            "",
            "not into int8; change the type, or mask with drop",
        ),
        (
            "uuid",
            "domain = 'd', method = 'siv'",
            "",
            "text, varchar, bytea, not for uuid",
        ),
        (
            "inet",
            "domain = 'd', method = 'hmac'",
            "",
            "text, varchar, bytea, uuid, not for inet",
        ),
        (
            "bytea",
            "domain = 'd', method = 'ip'",
            "",
            "text, varchar, inet, not for bytea",
        ),
        (
            "uuid",
            "domain = 'd', method = 'format', canonical = 'text'",
            "",
            "text, varchar, not for uuid",
        ),
        (
            "bytea",
            "domain = 'd', method = 'format'",
            "",
            "text, varchar, uuid, not for bytea",
        ),
    ]);
    // What the configuration does not state is for the key set to say.
    for column_type in ["bytea", "uuid", "inet", "varchar(5)"] {
        assert!(column(column_type, "domain = 'd'").mask.is_some());
    }
}

#[test]
fn a_column_that_no_token_fits_is_refused() {
    for (mask, length, which) in [
        ("method = 'siv'", 33, "even the shortest"),
        ("method = 'siv', canonical = 'ip'", 55, "the longest"),
        ("method = 'siv', padded = true", 55, "even the shortest"),
        ("method = 'hmac'", 33, "the longest"),
        ("method = 'ip'", 39, "the longest"),
        (
            "method = 'format', alphabet = 'digits', length = 9",
            9,
            "even the shortest",
        ),
        (
            "method = 'format', alphabet = 'hex', canonical = 'uuid'",
            36,
            "the longest",
        ),
        ("method = 'format', canonical = 'phone'", 15, "the longest"),
    ] {
        let mask = format!("domain = 'd', {mask}");
        let fitting = masked(&format!("varchar({length})"), &mask);
        assert!(
            read(&fitting).is_ok(),
            "{fitting}\n{}",
            read(&fitting).unwrap_err()
        );
        let narrow = format!("varchar({})", length - 1);
        let words = format!("{which} token of this domain has {length} characters");
        assert_refused(&[(&narrow, &mask, "", &words)]);
    }
}

#[test]
fn only_a_field_of_the_event_is_masked_and_not_converted() {
    let converted =
        "name = 'c'\ntype = 'bytea'\npath = '/a'\nmask = { domain = 'd' }\nconvert = 'hex'";
    let mistake = only_mistake(&with_column(converted));
    assert!(mistake.contains("is not converted"), "{mistake}");
    let of_message = "name = 'c'\ntype = 'text'\nfrom = 'message_id'\nmask = { method = 'drop' }";
    let mistake = only_mistake(&with_column(of_message));
    assert!(
        mistake.starts_with("columns[0].mask: only a field"),
        "{mistake}"
    );
}

#[test]
fn all_mistakes_of_a_mask_are_told_at_once() {
    let mask = "domain = 'D', method = 'format', alphabet = 'digits', length = 3, \
                canonical = 'ipv4', padded = true";
    let told: Vec<_> = mistakes(&masked("int4", mask))
        .into_iter()
        .map(|mistake| mistake.path)
        .collect();
    let expected = ["domain", "length", "canonical", "padded"];
    assert_eq!(told, expected.map(|key| format!("columns[0].mask.{key}")));
}
