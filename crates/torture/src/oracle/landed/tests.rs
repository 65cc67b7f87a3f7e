//! That the oracle sees what it is there for.

use super::*;

fn sent(number: usize) -> Sent {
    let login = Login {
        user_id: format!("user-{number}"),
        device_type: Some("android"),
        ip: "11.0.0.1".to_owned(),
        device_id: "device".to_owned(),
        locale: None,
        app_version: Some(230),
    };
    Sent {
        message_id: format!("id-{number}"),
        group: Some(0),
        expected: Expected::Row(login),
    }
}

fn stray() -> Sent {
    Sent {
        message_id: "id-stray".to_owned(),
        group: Some(0),
        expected: Expected::Quarantine {
            reason: "not_json",
            column: None,
        },
    }
}

fn row(number: usize) -> Row {
    Row {
        user_id: format!("user-{number}"),
        device_type: Some("android".to_owned()),
        masked_ip: String::new(),
        masked_device_id: String::new(),
        locale: None,
        app_version: Some(230),
        is_of_today: true,
    }
}

/// What is found wrong when the messages 1, 2 and a stray were sent.
fn found(rows: Vec<Row>, quarantined: &[(&str, &str)], ledger: usize) -> (Counts, Vec<String>) {
    let sent = [sent(1), sent(2), stray()];
    let quarantine = quarantined
        .iter()
        .map(|(id, reason)| ((*id).to_owned(), (*reason).to_owned(), None));
    let landed = Landed {
        rows,
        quarantine: quarantine.collect(),
        ledger,
    };
    let mut violations = Violations::default();
    let counts = landed.hold_against(&sent, 0, &mut violations);
    landed.hold_order(&sent, &mut violations);
    (counts, violations.into_lines())
}

const STRAY: &[(&str, &str)] = &[("id-stray", "not_json")];

#[test]
fn nothing_is_wrong_when_each_is_in_its_place() {
    let (counts, violations) = found(vec![row(1), row(2)], STRAY, 3);
    assert_eq!((counts.lost, counts.doubled), (0, 0));
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn what_is_lost_or_there_twice_is_found_though_the_number_is_right() {
    let (counts, violations) = found(vec![row(1), row(1)], STRAY, 3);
    assert_eq!((counts.lost, counts.doubled), (1, 1));
    assert!(!violations.is_empty());
    let (counts, violations) = found(vec![row(1)], STRAY, 2);
    assert_eq!((counts.lost, counts.doubled), (1, 0));
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert!(violations[0].contains("id-2"), "{violations:?}");
}

#[test]
fn a_wrong_value_a_wrong_place_and_a_wrong_reason_are_found() {
    let changed = Row {
        locale: Some("RU".to_owned()),
        ..row(2)
    };
    let cases = [
        found(vec![row(1), changed], STRAY, 3),
        found(vec![row(1), row(2)], &[("id-stray", "too_long")], 3),
        found(vec![row(1)], &[STRAY[0], ("id-2", "not_json")], 3),
        found(vec![row(1), row(2), row(3)], STRAY, 3),
        found(vec![row(1), row(2)], STRAY, 2),
    ];
    for (_, violations) in cases {
        assert!(!violations.is_empty());
    }
}

#[test]
fn rows_of_a_group_in_another_order_are_found() {
    let (_, violations) = found(vec![row(2), row(1)], STRAY, 3);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].contains("user-1"), "{violations:?}");
}
