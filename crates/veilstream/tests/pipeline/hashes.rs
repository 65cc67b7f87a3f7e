//! No column holds a value in clear, nor what anybody could compute from it without a key.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256};
use testkit::QUEUE;

use crate::{
    both_queues::Stage,
    canary::{Written, spellings},
    masks::{keyset, people, person},
};

/// Digests that are cut are as long as this at least: an MD5, a UUID.
const SHORTEST: usize = 16;

/// So many hexadecimal digits spell the shortest, and so many characters of base64 at least, wherever in a longer
/// text they stand.
const HEX: usize = 32;
const BASE64: usize = 20;

/// The values of an event, and their canonical forms where those are other texts or bytes.
const VALUES: [&[u8]; 13] = [
    b"canary-device-7f3a9c21",
    b"canary note 5e1d",
    b"Canary-0c9f@Example.org",
    b"canary-0c9f@example.org",
    b"203.0.113.217",
    &[203, 0, 113, 217],
    b"::ffff:203.0.113.217",
    b"781-36-2904",
    b"781362904",
    b"d3b07384-d9a0-4c9b-8f3e-2b7e51bb20aa",
    &[
        0xd3, 0xb0, 0x73, 0x84, 0xd9, 0xa0, 0x4c, 0x9b, 0x8f, 0x3e, 0x2b, 0x7e, 0x51, 0xbb, 0x20,
        0xaa,
    ],
    b"canary-birth-77aa",
    b"canary-phone-9d2e",
];

fn event() -> String {
    let fields = [
        ("device", json!("canary-device-7f3a9c21")),
        ("note", json!(" canary note 5e1d ")),
        ("email", json!("Canary-0c9f@Example.org")),
        ("ip", json!("203.0.113.217")),
        ("ssn", json!("781-36-2904")),
        ("account", json!("d3b07384-d9a0-4c9b-8f3e-2b7e51bb20aa")),
        ("birth", json!("canary-birth-77aa")),
        ("phone", json!("canary-phone-9d2e")),
    ];
    person("visible", &fields)
}

/// What everybody knows or can read in the source: names, and the texts that keys are derived with.
fn public_strings(queue_arn: &str) -> Vec<String> {
    let domains: Vec<_> = keyset()
        .domains()
        .map(|domain| domain.name.to_string())
        .collect();
    let columns = [
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
        "dropped",
        "redacted",
        "note",
        "ip",
        "birth",
        "phone",
    ];
    let infos = [
        "siv/",
        "kid/siv/",
        "hmac/",
        "kid/hmac/",
        "ip/",
        "format/",
        "seal",
        "kid/seal",
        "keyset-mac",
        "wrap",
        "root",
        "keyset",
    ]
    .map(|info| format!("veilstream/v1/{info}"));
    let derived = infos
        .iter()
        .filter(|info| info.ends_with('/'))
        .flat_map(|info| domains.iter().map(move |domain| format!("{info}{domain}")));
    let names = [
        "",
        "veilstream",
        "people",
        "salt",
        "pepper",
        QUEUE,
        queue_arn,
    ];
    names
        .into_iter()
        .chain(columns)
        .map(str::to_owned)
        .chain(derived)
        .chain(infos.iter().cloned())
        .chain(domains.iter().cloned())
        .collect()
}

/// The spellings of digests, each with what it is of, cut to [`HEX`] or [`BASE64`] so that a text of any
/// size is searched for all of them at once.
struct Digests(HashMap<String, String>);

impl Digests {
    /// Those of the values under every salt, the salt before and behind it.
    fn new(salts: &[String]) -> Self {
        let mut digests = Self(HashMap::new());
        for (number, value) in VALUES.iter().enumerate() {
            for salt in salts {
                for between in ["", ":", "\0"] {
                    let [salt_bytes, between] = [salt.as_bytes(), between.as_bytes()];
                    let name = format!("value {number} with {salt:?}");
                    digests.add(&name, &[salt_bytes, between, value].concat());
                    digests.add(&name, &[value, between, salt_bytes].concat());
                }
            }
        }
        digests
    }

    fn add(&mut self, name: &str, text: &[u8]) {
        let sha1 = <sha1::Sha1 as sha1::Digest>::digest(text);
        for (hash, digest) in [
            ("md5", &Md5::digest(text)[..]),
            ("sha1", &sha1[..]),
            ("sha256", &Sha256::digest(text)[..]),
        ] {
            for mut spelling in spellings(&digest[..SHORTEST]) {
                let kept = if spelling.len() == HEX { HEX } else { BASE64 };
                spelling.truncate(kept);
                self.0.insert(spelling, format!("{hash} of {name}"));
            }
        }
    }

    /// The first that is somewhere, and where.
    fn find(&self, written: &Written) -> Option<String> {
        written.0.iter().find_map(|(place, text)| {
            let windows = |length| text.as_bytes().windows(length);
            let mut windows = windows(HEX).chain(windows(BASE64));
            let found = windows.find_map(|window| self.0.get(std::str::from_utf8(window).ok()?))?;
            Some(format!("{found} in {place}"))
        })
    }
}

#[tokio::test]
async fn no_method_leaves_a_value_or_a_hash_that_needs_no_key() {
    // GIVEN values through every method, and one of them in quarantine
    let stage = Stage::built_in().await;
    let binary = people(&stage).await;
    stage.send(&event()).await;
    let rejected = event().replace("781-36-2904", "781-36-290");
    stage.send(&rejected).await;

    // WHEN
    stage.assert_settles_with(&binary, [1, 1]).await;

    // THEN no table of the database holds a value
    let written = Written::in_tables(&stage.scene.database).await;
    for value in VALUES.iter().filter(|value| value.len() > 4) {
        assert_eq!(written.find(value), None);
    }
    assert_eq!(written.find(b"canary"), None);
    assert!(written.find(b"visible").is_some());
    // AND none a digest of one
    let arn = "SELECT queue_arn FROM veilstream.quarantine";
    let arn = stage.scene.database.rows(arn).await.concat();
    let digests = Digests::new(&public_strings(arn[0].as_deref().unwrap()));
    assert_eq!(digests.find(&written), None);
}

#[tokio::test]
async fn the_search_finds_planted_hashes() {
    // GIVEN digests of fixtures as careless programs store them
    let stage = Stage::built_in().await;
    let value = "canary-device-7f3a9c21";
    let base64 = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("veilstream{value}")));
    let sha1 = <sha1::Sha1 as sha1::Digest>::digest(format!("{value}:device"));
    let sha1 = sha1.iter().map(|byte| format!("{byte:02x}"));
    let sha1 = sha1.collect::<Vec<_>>().concat();
    let planted = [
        format!("md5('{value}')"),
        format!("'\\x{sha1}'::bytea"),
        format!("'h.' || '{base64}'"),
        format!("encode(sha256('{value}people'), 'hex')"),
        format!("encode(sha256('veilstream/v1/siv/device{value}'), 'base64')"),
        format!("substr(encode(sha256('email:{value}'), 'hex'), 1, 32)::uuid"),
    ];
    let digests = Digests::new(&public_strings("arn"));
    for expression in planted {
        let sql = format!(
            "DROP TABLE IF EXISTS public.planted; \
             CREATE TABLE public.planted AS SELECT {expression} AS hash"
        );
        stage.scene.database.execute(&sql).await;

        // WHEN
        let written = Written::in_tables(&stage.scene.database).await;

        // THEN
        let found = digests.find(&written).unwrap_or_default();
        assert!(
            found.ends_with(" in public.planted"),
            "{expression}: {found}"
        );
    }
}
