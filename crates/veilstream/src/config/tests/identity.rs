//! What makes two messages the same, and what becomes of rejected ones.

use std::time::Duration;

use super::{mistakes, only_mistake, read};
use crate::config::{Identity, IdentityOf, OnReject, Pipeline, ValueIdentity};

/// A file with these settings in its `[pipeline]`.
fn with_settings(settings: &str) -> String {
    format!(
        "[pipeline]\ntable = \"t\"\n{settings}\n[[columns]]\nname = 'c'\ntype = 'text'\npath = '/c'\n"
    )
}

fn pipeline(settings: &str) -> Pipeline {
    read(&with_settings(settings)).unwrap().pipeline
}

fn by_value(of: IdentityOf, retention_days: u16) -> Identity {
    Identity::Value(ValueIdentity { of, retention_days })
}

#[test]
fn without_a_word_the_queue_s_ids_count_and_rejected_messages_are_quarantined() {
    for settings in [
        "",
        "identity = 'message_id'\non_reject = 'quarantine'\nreject_limit = 50",
    ] {
        let pipeline = pipeline(settings);
        assert_eq!(pipeline.identity, Identity::MessageId);
        assert_eq!(pipeline.on_reject, OnReject::Quarantine);
        assert_eq!(pipeline.reject_limit, 50);
    }
}

#[test]
fn an_identity_by_value_is_taken_with_its_retention() {
    let body = pipeline("identity = 'body_digest'\nidentity_retention = '1d'");
    assert_eq!(body.identity, by_value(IdentityOf::Body, 1));
    let path = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let fields = IdentityOf::Fields(vec![path(&["a", "b/c"]), path(&["source"])]);
    for list in ["['/source', '/a/b~1c']", "['/a/b~1c', '/source']"] {
        let pipeline = pipeline(&format!("identity = {list}\nidentity_retention = '87600h'"));
        assert_eq!(pipeline.identity, by_value(fields.clone(), 3650), "{list}");
    }
    let other = pipeline("on_reject = 'leave'\nreject_limit = 99");
    assert_eq!((other.on_reject, other.reject_limit), (OnReject::Leave, 99));
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    let retention = "identity_retention = '30d'";
    for (settings, path, words) in [
        (
            format!("identity = 'uuid'\n{retention}"),
            "identity",
            "\"body_digest\"",
        ),
        (
            format!("identity = '/id'\n{retention}"),
            "identity",
            "identity = [\"/id\"]",
        ),
        (
            format!("identity = 7\n{retention}"),
            "identity",
            "a string is due",
        ),
        (format!("identity = ''\n{retention}"), "identity", "empty"),
        (format!("identity = []\n{retention}"), "identity", "empty"),
        (
            format!("identity = ['id']\n{retention}"),
            "identity[0]",
            "\"/id\"",
        ),
        (
            format!("identity = ['/a', '']\n{retention}"),
            "identity[1]",
            "slash",
        ),
        (
            format!("identity = ['/a', 1]\n{retention}"),
            "identity[1]",
            "a string is due",
        ),
        (
            format!("identity = ['/a~1', '/a~1']\n{retention}"),
            "identity[1]",
            "twice",
        ),
        (retention.to_owned(), "identity_retention", "remove this"),
        (
            format!("identity = 'message_id'\n{retention}"),
            "identity_retention",
            "remove this",
        ),
        (
            "identity = ['/a']".to_owned(),
            "identity_retention",
            "missing; write for how long",
        ),
        ("on_reject = 'keep'".to_owned(), "on_reject", "\"leave\""),
        (
            "on_reject = true".to_owned(),
            "on_reject",
            "a string is due",
        ),
        (
            "reject_limit = 0".to_owned(),
            "reject_limit",
            "from 1 to 99",
        ),
        (
            "reject_limit = 100".to_owned(),
            "reject_limit",
            "from 1 to 99",
        ),
        (
            "reject_limit = '50'".to_owned(),
            "reject_limit",
            "an integer is due",
        ),
    ] {
        let mistake = only_mistake(&with_settings(&settings));
        let place = format!("pipeline.{path}: ");
        assert!(mistake.starts_with(&place), "{settings}\n{mistake}");
        assert!(mistake.contains(words), "{settings}\n{mistake}");
    }
    for retention in ["30", "12h", "36h", "0d", "3651d", "-1d", "a week"] {
        let settings = format!("identity = 'body_digest'\nidentity_retention = '{retention}'");
        let mistake = only_mistake(&with_settings(&settings));
        assert!(
            mistake.starts_with("pipeline.identity_retention: "),
            "{mistake}"
        );
    }
}

#[test]
fn mistakes_of_the_section_are_told_all_at_once() {
    let settings =
        "identity = ['a', 7]\nidentity_retention = 'x'\non_reject = 1\nreject_limit = -1";
    let paths: Vec<_> = mistakes(&with_settings(settings))
        .into_iter()
        .map(|mistake| mistake.path)
        .collect();
    let expected = [
        "identity[0]",
        "identity[1]",
        "identity_retention",
        "on_reject",
        "reject_limit",
    ];
    assert_eq!(paths, expected.map(|path| format!("pipeline.{path}")));
}

#[test]
fn what_a_choice_of_identity_costs_is_warned_of() {
    let day = Duration::from_hours(24);
    let body = by_value(IdentityOf::Body, 4);
    assert!(body.warning().unwrap().contains("body_digest"));
    assert!(body.warning_beside(5 * day).unwrap().contains("for 5.0 d"));
    assert_eq!(body.warning_beside(4 * day), None);
    let fields = by_value(IdentityOf::Fields(vec![vec!["id".to_owned()]]), 4);
    assert_eq!(fields.warning(), None);
    assert_eq!(Identity::MessageId.warning(), None);
    assert_eq!(Identity::MessageId.warning_beside(14 * day), None);
}
