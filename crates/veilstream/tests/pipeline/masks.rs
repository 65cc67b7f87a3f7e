//! Every method of masking in every type of column that takes it.

use std::fs;

use masking::{Alphabet, Canonical, DomainSpec, Form, Format, Keyset, KeysetId, Method, Zeroizing};
use serde_json::{Value, json};
use testkit::Binary;

use crate::{
    both_queues::{Stage, on_both_queues},
    reasons,
};

on_both_queues!(
    every_method_is_loaded_in_the_form_of_its_column,
    a_value_without_a_token_is_quarantined_with_its_reason,
    where_there_is_no_value_there_is_no_token,
);

const CONFIG: &str = r#"[pipeline]
name = "people"
table = "people"

[[columns]]
name = "person"
type = "text"
path = "/person"

[[columns]]
name = "siv_text"
type = "text"
path = "/device"
mask = { domain = "device", method = "siv", padded = false, canonical = "exact" }

[[columns]]
name = "siv_varchar"
type = "varchar(128)"
path = "/device"
mask = { domain = "device" }

[[columns]]
name = "siv_bytea"
type = "bytea"
path = "/device"
mask = { domain = "device" }

[[columns]]
name = "padded"
type = "text"
path = "/note"
mask = { domain = "note", method = "siv", padded = true }

[[columns]]
name = "hmac_text"
type = "varchar(33)"
path = "/email"
mask = { domain = "email", method = "hmac" }

[[columns]]
name = "hmac_bytea"
type = "bytea"
path = "/email"
mask = { domain = "email" }

[[columns]]
name = "hmac_uuid"
type = "uuid"
path = "/email"
mask = { domain = "email" }

[[columns]]
name = "ip_inet"
type = "inet"
path = "/ip"
mask = { domain = "address", method = "ip" }

[[columns]]
name = "ip_text"
type = "varchar(39)"
path = "/ip"
mask = { domain = "address" }

[[columns]]
name = "format_varchar"
type = "varchar(11)"
path = "/ssn"
mask = { domain = "ssn", method = "format", alphabet = "digits", length = 9 }

[[columns]]
name = "format_uuid"
type = "uuid"
path = "/account"
mask = { domain = "account", method = "format", canonical = "uuid" }

[[columns]]
name = "dropped"
type = "date"
path = "/birth"
mask = { method = "drop" }

[[columns]]
name = "redacted"
type = "varchar(3)"
path = "/phone"
mask = { method = "redact", text = "***" }
"#;

/// The names of the masked columns that take a value of their own from a person.
const TOKENS: [&str; 11] = [
    "siv_text",
    "siv_varchar",
    "siv_bytea",
    "padded",
    "hmac_text",
    "hmac_bytea",
    "hmac_uuid",
    "ip_inet",
    "ip_text",
    "format_varchar",
    "format_uuid",
];

pub(crate) fn keyset() -> Keyset {
    let domain = |name: &str, method, canonical| DomainSpec {
        name: name.parse().unwrap(),
        method,
        canonical,
    };
    let format = |alphabet, length| Method::Format(Format::new(alphabet, length).unwrap());
    let siv = |padded| Method::Siv { padded };
    let domains = vec![
        domain("device", siv(false), Canonical::Exact),
        domain("note", siv(true), Canonical::Text),
        domain("email", Method::Hmac, Canonical::Email),
        domain("address", Method::Ip, Canonical::Ip),
        domain("ssn", format(Alphabet::Digits, Some(9)), Canonical::Exact),
        domain("account", format(Alphabet::Hex, Some(32)), Canonical::Uuid),
    ];
    Keyset::create(
        KeysetId::new([7; 8]),
        Zeroizing::new([7; 32]),
        "2026-01-31T12:00:00Z",
        domains,
        None,
    )
    .unwrap()
}

/// A stage with a table of masked columns: the binary that loads into it.
pub(crate) async fn people(stage: &Stage) -> Binary {
    let path = stage.scene.folder.path().join("people.toml");
    fs::write(&path, CONFIG).unwrap();
    // Over the one that is there, and so with its mode.
    fs::write(stage.scene.keyset(), keyset().to_json().as_bytes()).unwrap();
    let config = path.display().to_string();
    let binary = stage.binary().with("VEILSTREAM_CONFIG", &config);
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    binary
}

/// A person's event with some fields set to other values.
pub(crate) fn person(name: &str, changes: &[(&str, Value)]) -> String {
    let mut event = json!({
        "person": name, "device": "593-47-5928", "note": "lives in Zürich",
        "email": "Ann@Example.org", "ip": "199.172.111.135", "ssn": "593-47-5928",
        "account": "424cdd21-063a-43a7-b91b-7ca1a833afae", "birth": "1970-01-31",
        "phone": "+49 30 123456",
    });
    for (field, value) in changes {
        event[field] = value.clone();
    }
    event.to_string()
}

fn token(domain: &str, value: &str) -> String {
    let mut token = Vec::new();
    let mut masker = keyset().masker(domain, Form::Text).unwrap();
    masker.mask(value, &mut token).unwrap();
    String::from_utf8(token).unwrap()
}

/// The rows of a query over the table, each as texts.
async fn rows(stage: &Stage, columns: &[&str]) -> Vec<Vec<String>> {
    let columns: Vec<_> = columns.iter().map(|one| format!("({one})::text")).collect();
    let sql = format!("SELECT {} FROM people ORDER BY person", columns.join(", "));
    let rows = stage.scene.database.rows(&sql).await;
    let rows = rows.into_iter();
    rows.map(|row| row.into_iter().map(Option::unwrap).collect())
        .collect()
}

async fn every_method_is_loaded_in_the_form_of_its_column(stage: &Stage) {
    // GIVEN somebody twice, the second time spelt in another way, and somebody else
    let binary = people(stage).await;
    stage.send(&person("ann", &[])).await;
    let otherwise = [
        ("note", json!("  lives in Zu\u{308}rich ")),
        ("email", json!("ann@EXAMPLE.org")),
        ("ip", json!("::ffff:199.172.111.135")),
        ("account", json!("{424CDD21-063A-43A7-B91B-7CA1A833AFAE}")),
        ("birth", json!({"year": 1970})),
        ("phone", json!(4_930_123_456_u64)),
    ];
    stage.send(&person("ann again", &otherwise)).await;
    let others = [
        ("device", json!("593-47-5929")),
        ("note", json!("lives in Bern")),
        ("email", json!("bob@example.org")),
        ("ip", json!("2001:db8::1")),
        ("ssn", json!(593_475_929)),
        ("account", json!("424cdd21-063a-43a7-b91b-7ca1a833afaf")),
    ];
    stage.send(&person("bob", &others)).await;

    // WHEN
    stage.assert_settles_with(&binary, [3, 0]).await;

    // THEN equal values are equal in every column, and others are not
    let tokens = rows(stage, &TOKENS).await;
    let [ann, again, bob] = &tokens[..] else {
        panic!("{tokens:?}")
    };
    assert_eq!(ann, again);
    for ((ann, bob), column) in ann.iter().zip(bob).zip(TOKENS) {
        assert_ne!(ann, bob, "{column}");
    }
    // AND each form is made of the same token
    for holds in [
        "siv_varchar = siv_text",
        r"siv_text = 'vs1s.' || translate(encode(siv_bytea, 'base64'), E'+/=\n', '-_')",
        r"hmac_text = 'vs1h.' || translate(encode(hmac_bytea, 'base64'), E'+/=\n', '-_')",
        "replace(hmac_uuid::text, '-', '') = encode(substr(hmac_bytea, 6), 'hex')",
        "ip_text = host(ip_inet)",
        // 13 bytes and 16 are padded to 16 and 32.
        "octet_length(padded) = CASE person WHEN 'bob' THEN 55 ELSE 76 END",
        // What only an inet can be asked, and all of it is an address.
        "ip_inet << inet '::/0' AND masklen(ip_inet) = 128 AND NOT ip_inet << inet '2001:db8::/32'",
        "format_varchar ~ CASE person WHEN 'bob' THEN '^[0-9]{9}$' \
         ELSE '^[0-9]{3}-[0-9]{2}-[0-9]{4}$' END",
        "dropped IS NULL AND redacted = '***'",
    ] {
        let all = rows(stage, &[holds]).await;
        assert_eq!(all, vec![["true"]; 3], "{holds}");
    }
    // AND the binary opens what says of itself what it is
    for column in ["siv_text", "siv_varchar", "siv_bytea"] {
        let token = &rows(stage, &[column]).await[0][0];
        assert_eq!(stage.scene.unmask(token).await, "593-47-5928", "{column}");
    }
    let padded = &rows(stage, &["padded"]).await[0][0];
    assert_eq!(stage.scene.unmask(padded).await, "lives in Zürich");
    // AND the key set the rest
    let mut unmasker = keyset().unmasker();
    for (domain, column, values) in [
        (
            "address",
            "host(ip_inet)",
            ["199.172.111.135", "2001:db8::1"],
        ),
        ("address", "ip_text", ["199.172.111.135", "2001:db8::1"]),
        ("ssn", "format_varchar", ["593-47-5928", "593475929"]),
        (
            "account",
            "format_uuid",
            [
                "424cdd21-063a-43a7-b91b-7ca1a833afae",
                "424cdd21-063a-43a7-b91b-7ca1a833afaf",
            ],
        ),
    ] {
        let tokens = rows(stage, &[column]).await;
        for (token, value) in [&tokens[0][0], &tokens[2][0]].into_iter().zip(values) {
            assert_ne!(token, value, "{column}");
            let unmasked = unmasker.unmask_in(domain, None, token).unwrap();
            assert_eq!(*unmasked.value, value, "{column}");
        }
    }
}

async fn a_value_without_a_token_is_quarantined_with_its_reason(stage: &Stage) {
    // GIVEN
    let binary = people(stage).await;
    let siv = token("device", "593-47-5928");
    let hmac = token("email", "ann@example.org");
    let mut bytes = Vec::new();
    let mut masker = keyset().masker("device", Form::Bytes).unwrap();
    masker.mask("593-47-5928", &mut bytes).unwrap();
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    let digits = digits.collect::<Vec<_>>().concat();
    // 75 bytes have a token of 133 characters, 71 one of 128.
    let (long, fitting) = ("d".repeat(75), "d".repeat(71));
    let cases = [
        ("device", siv.clone(), "already_masked", "siv_text"),
        ("device", format!(" {hmac}\n"), "already_masked", "siv_text"),
        (
            "device",
            format!("\\x{digits}"),
            "already_masked",
            "siv_text",
        ),
        ("note", siv.clone(), "already_masked", "padded"),
        ("email", hmac, "already_masked", "hmac_text"),
        ("ip", siv.clone(), "already_masked", "ip_inet"),
        ("ssn", siv, "already_masked", "format_varchar"),
        ("device", long, "too_long", "siv_varchar"),
        (
            "ssn",
            "593 - 47 - 5928".to_owned(),
            "too_long",
            "format_varchar",
        ),
        (
            "ssn",
            "593-47-592".to_owned(),
            "other_format",
            "format_varchar",
        ),
        (
            "ssn",
            "593-47-592X".to_owned(),
            "other_format",
            "format_varchar",
        ),
        ("email", "ann".to_owned(), "not_canonical", "hmac_text"),
        ("ip", "1.2.3".to_owned(), "not_canonical", "ip_inet"),
        (
            "account",
            "424cdd21".to_owned(),
            "not_canonical",
            "format_uuid",
        ),
    ];
    let mut expected = Vec::new();
    for (field, value, reason, column) in &cases {
        let id = stage.send(&person("bad", &[(field, json!(value))])).await;
        expected.push((id, ((*reason).to_owned(), Some((*column).to_owned()))));
    }
    let object = stage.send(&person("bad", &[("ssn", json!([1]))])).await;
    let column = "format_varchar".to_owned();
    expected.push((object, ("bad_conversion".to_owned(), Some(column))));
    stage
        .send(&person("good", &[("device", json!(fitting))]))
        .await;

    // WHEN
    let quarantined = u64::try_from(expected.len()).unwrap();
    stage.assert_settles_with(&binary, [1, quarantined]).await;

    // THEN
    assert_eq!(reasons(&stage.scene).await, expected.into_iter().collect());
    assert_eq!(rows(stage, &["person"]).await, [["good"]]);
}

async fn where_there_is_no_value_there_is_no_token(stage: &Stage) {
    // GIVEN fields that are null, and fields that are not there
    let binary = people(stage).await;
    let fields = [
        "device", "note", "email", "ip", "ssn", "account", "birth", "phone",
    ];
    let nulls: Vec<_> = fields.iter().map(|field| (*field, Value::Null)).collect();
    stage.send(&person("null", &nulls)).await;
    stage.send(r#"{"person": "absent"}"#).await;

    // WHEN
    stage.assert_settles_with(&binary, [2, 0]).await;

    // THEN every column but the clear one is NULL, the redacted one too
    let all = TOKENS.into_iter().chain(["dropped", "redacted"]);
    let count = format!("num_nulls({})", all.collect::<Vec<_>>().join(", "));
    assert_eq!(rows(stage, &[&count]).await, [["13"], ["13"]]);
}

#[tokio::test]
async fn a_table_that_cannot_hold_what_the_masks_write_is_refused_before_the_first_message() {
    // GIVEN a table of another hand
    let stage = Stage::built_in().await;
    let binary = people(&stage).await;
    let sql = "ALTER TABLE people ALTER dropped SET NOT NULL, ALTER redacted TYPE varchar(2), \
               ALTER siv_text TYPE varchar(32), ALTER hmac_text TYPE varchar(32)";
    stage.scene.database.execute(sql).await;
    stage.send(&person("ann", &[])).await;

    // WHEN
    let refused = [
        binary.run(&["run", "--once"]).await,
        binary.run(&["check", "--output", "json"]).await,
    ];

    // THEN
    for (run, told) in refused.iter().zip([&refused[0].stderr, &refused[1].stdout]) {
        assert_eq!(run.code, Some(4), "{run:#?}");
        for misfit in [
            "column dropped is NOT NULL, but its mask drops every value",
            "column redacted is character varying(2), too short",
            "make it varchar(3) or longer",
            "column siv_text is character varying(32), too short",
            "column hmac_text is character varying(32), too short",
        ] {
            assert!(told.contains(misfit), "{misfit} in {run:#?}");
        }
    }
    assert_eq!(stage.scene.queued(), 1);
}

#[tokio::test]
async fn a_key_set_that_masks_otherwise_than_stated_is_refused_before_the_first_message() {
    // GIVEN a configuration that was written for another key set
    let stage = Stage::built_in().await;
    let binary = people(&stage).await;
    let path = stage.scene.folder.path().join("people.toml");
    let other = CONFIG
        .replace(
            "domain = \"email\", method = \"hmac\"",
            "domain = \"email\", method = \"siv\"",
        )
        .replace("length = 9", "length = 8")
        .replace("type = \"inet\"", "type = \"bytea\"")
        .replace(
            "domain = \"address\", method = \"ip\"",
            "domain = \"address\"",
        );
    fs::write(&path, other).unwrap();
    stage.send(&person("ann", &[])).await;

    // WHEN
    let refused = [
        binary.run(&["run", "--once"]).await,
        binary.run(&["check"]).await,
    ];

    // THEN
    for (run, told) in refused.iter().zip([&refused[0].stderr, &refused[1].stdout]) {
        assert_eq!(run.code, Some(5), "{run:#?}");
        for misfit in [
            "column hmac_text expects method = \"siv\", but domain email of the key set has method = \"hmac\"",
            "column format_varchar expects method = \"format\", alphabet = \"digits\", length = 8",
            "column ip_inet is bytea, but domain address has method ip, whose tokens go into text, varchar, inet",
        ] {
            assert!(told.contains(misfit), "{misfit} in {run:#?}");
        }
    }
    assert_eq!(stage.scene.queued(), 1);
}
