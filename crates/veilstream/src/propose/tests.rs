//! What is proposed for which events.

use std::path::PathBuf;

use masking::Zeroizing;
use serde_json::json;

use super::{Proposal, Surroundings, Written, text::quoted};

fn written(events: impl IntoIterator<Item = serde_json::Value>) -> Written {
    written_of_bodies(events.into_iter().map(|event| event.to_string()))
}

fn written_of_bodies(bodies: impl IntoIterator<Item = String>) -> Written {
    let bodies: Vec<_> = bodies.into_iter().map(Zeroizing::new).collect();
    let proposal = Proposal::new(&bodies).unwrap();
    let around = Surroundings {
        queue_url: "http://localhost:4566/000000000000/web-clicks.fifo".to_owned(),
        endpoint_url: None,
        table: None,
        file: PathBuf::from("conf/click's.toml"),
    };
    proposal.to_toml(&around).unwrap()
}

fn written_of(event: &serde_json::Value, times: usize) -> Written {
    written(std::iter::repeat_n(event.clone(), times))
}

/// A column as the file has it.
fn column(written: &Written, path: &str) -> String {
    let columns = written.toml.split("[[columns]]\n").skip(1);
    let line = format!("path = {}\n", quoted(path));
    let mut columns = columns.filter(|column| column.contains(&line));
    let column = columns
        .next()
        .unwrap_or_else(|| panic!("no {path}: {}", written.toml));
    let lines = column
        .lines()
        .take_while(|line| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.filter(|line| !line.starts_with("path") && !line.starts_with("name"));
    lines
        .map(|line| line.split("   #").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn types_and_masks_are_what_takes_the_whole_sample() {
    let event = |n: usize| {
        json!({
            "count": n, "big": if n == 7 { json!(1e20) } else { json!(n) }, "on": n.is_multiple_of(2),
            "mixed": if n.is_multiple_of(2) { json!(n) } else { json!("x") }, "created_at": 1_767_225_600 + n,
            "at": format!("2026-01-{:02}T10:00:00Z", n % 28 + 1), "day": format!("2026-01-{:02}", n % 28 + 1),
            "local": format!("2026-01-{:02}T10:00:00", n % 28 + 1), "app_version": format!("1.2.3.{n}"),
            "ref": format!("424cdd21-063a-43a7-b91b-7ca1a833af{n:02}"), "nothing": null, "blank": "",
            "tags": ["a", "b"], "ip": format!("192.0.2.{n}"), "email": format!("canary{n}@example.com"),
            "contact": if n == 3 { "none".to_owned() } else { format!("canary{n}@example.org") },
            "rare": if n < 10 { json!(1) } else { json!(null) },
            "note": "Canary said so", "password": format!("canary{n}"), "device_id": format!("canary-{}", n % 2),
            "people": [{"name": "x", "email": format!("canary{n}@example.net")}],
            "by_login": {format!("canary{}", ["a", "b", "c"][n % 3].repeat(1 + n / 3)): 1},
        })
    };
    let written = written((0..50).map(event));
    for (path, expected) in [
        ("/count", r#"type = "int8"; required = true"#),
        ("/big", r#"type = "numeric"; required = true"#),
        ("/on", r#"type = "bool"; required = true"#),
        ("/mixed", r#"type = "text"; required = true"#),
        (
            "/created_at",
            r#"type = "timestamptz"; convert = "unix_seconds"; required = true"#,
        ),
        ("/at", r#"type = "timestamptz"; required = true"#),
        ("/local", r#"type = "timestamp"; required = true"#),
        ("/day", r#"type = "date"; required = true"#),
        ("/app_version", r#"type = "text"; required = true"#),
        ("/ref", r#"type = "uuid"; required = true"#),
        ("/tags", r#"type = "jsonb"; required = true"#),
        (
            "/ip",
            r#"type = "text"; mask = { domain = "ip", canonical = "ip" }; required = true"#,
        ),
        (
            "/email",
            r#"type = "text"; mask = { domain = "email", canonical = "email" }; required = true"#,
        ),
        (
            "/contact",
            r#"type = "text"; mask = { domain = "email_exact", canonical = "exact" }; required = true"#,
        ),
        (
            "/device_id",
            r#"type = "text"; mask = { domain = "device_id", canonical = "exact" }; required = true"#,
        ),
        ("/rare", r#"type = "int8""#),
        (
            "/note",
            r#"type = "text"; mask = { domain = "free_text", canonical = "text" }; required = true"#,
        ),
        ("/password", r#"type = "text"; mask = { method = "drop" }"#),
        ("/people", r#"type = "jsonb"; mask = { method = "drop" }"#),
        ("/by_login", r#"type = "jsonb"; mask = { method = "drop" }"#),
    ] {
        assert_eq!(column(&written, path), expected, "{}", written.toml);
    }
    assert!(!written.toml.contains("canary"), "{}", written.toml);
    assert!(
        written
            .toml
            .contains("Always null or empty, and without a column: \"/blank\", \"/nothing\".")
    );
    assert_eq!(written.columns, (20, 8));
    assert!(written.toml.contains("can be counted"), "{}", written.toml);
    let create = "veilstream keys create conf/web_clicks-keyset.json --domain device_id \
                  --domain email:email --domain email_exact --domain free_text:text --domain ip:ip";
    assert_eq!(written.next[0], create);
    assert_eq!(
        written.next[1],
        r"veilstream migrate --config 'conf/click'\''s.toml'"
    );
}

#[test]
fn odd_names_that_come_often_are_fields_and_others_are_data() {
    let odd = [
        "Größe \"in\" cm",
        "user agent",
        "a/b~c",
        "\u{202e}x",
        &"long".repeat(30),
    ];
    let event = |n: usize| {
        let mut event = json!({format!("Zoë Canary{n}"): 1, "x": 1});
        for key in odd {
            event[key] = json!(n);
        }
        event
    };
    let written = written((0..12).map(event));
    assert_eq!(written.columns, (6, 0), "{}", written.toml);
    assert!(!written.toml.contains("Canary"), "{}", written.toml);
    assert!(
        written.toml.contains(r#"path = "/Größe \"in\" cm""#),
        "{}",
        written.toml
    );
    assert!(!written.toml.contains('\u{202e}') && written.toml.contains(r#""/\U0000202Ex""#));
    // A wide event is one of fields.
    for events in [1, 4] {
        let wide: serde_json::Map<_, _> = (0..60).map(|n| (format!("f{n}"), json!(n))).collect();
        let wide = serde_json::Value::from(wide);
        assert_eq!(written_of(&wide, events).columns, (60, 0), "{events}");
    }
    // In objects within, a name has to be in most of them.
    let people = ["Zoë Canary", "Jörg Canary", "Ömer Canary"];
    let event = |n: usize| json!({"x": 1, "points": {people[n % 3]: 1, "total": 1}});
    let written = self::written((0..12).map(event));
    assert!(!written.toml.contains("Canary"), "{}", written.toml);
    assert!(
        written.toml.contains("may be data themselves"),
        "{}",
        written.toml
    );
}

#[test]
fn a_single_token_in_the_sample_does_not_drop_its_column() {
    let token = "vs1s.AQAAAAEAAAAAAAAAAAAAAAAAAAAA";
    let event = |n: usize| {
        let email = format!("canary{n}@example.com");
        json!({"email": if n == 5 { token.to_owned() } else { email }})
    };
    let written = written((0..30).map(event));
    let expected = r#"type = "text"; mask = { domain = "email"#;
    let column = column(&written, "/email");
    assert!(column.starts_with(expected), "{}", written.toml);
}

#[test]
fn what_cannot_be_looked_at_is_no_less_an_event() {
    let bodies = [r#"{"a": 1}"#, r#"{"a": 1e400}"#, "[1]", "x"].map(str::to_owned);
    let written = written_of_bodies(bodies);
    let toml = written.toml.replace("\n# ", " ");
    for told in [
        "1 message of the sample could not be looked at",
        "2 messages of the sample are no JSON objects",
        "type = \"numeric\"",
    ] {
        assert!(toml.contains(told), "{told}: {toml}");
    }
    let none = [Zeroizing::new(r#"{"a": 1e400}"#.to_owned())];
    let refused = Proposal::new(&none).err().unwrap();
    assert!(refused.to_string().contains("1e400"), "{refused}");
}

#[test]
fn a_few_logins_that_come_again_and_again_are_not_names_of_fields() {
    let logins = ["canary_anna", "canary_ben", "canary_cleo", "canary_dora"];
    let event = |n: usize| json!({"id": n, "by_login": {logins[n % 4]: 1}});
    let written = written((0..100).map(event));
    assert!(!written.toml.contains("canary"), "{}", written.toml);
    let expected = r#"type = "jsonb"; mask = { method = "drop" }"#;
    assert_eq!(column(&written, "/by_login"), expected);
}
