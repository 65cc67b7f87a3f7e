//! `veilstream unmask` with its trail in the database.

use std::fs;

use masking::{Alphabet, Canonical, DomainSpec, Form, Format, Keyset, Method, Zeroizing};
use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::Scene;

use crate::{BINARY, DEVICE, IP, assert_silent, keyset, token, unmask};

const COUNT: &str = "SELECT count(*) FROM veilstream.audit";

async fn list(scene: &Scene, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "list", "--output", "json"], arguments].concat();
    let listed = scene.binary().run(&arguments).await;
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    listed.summary().as_array().unwrap().clone()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_call_leaves_an_entry_for_each_domain_and_no_value() {
    // GIVEN tokens of two domains, one of them twice
    let scene = Scene::new(BINARY).await;
    let ip = token(&scene, "ip", IP);
    let device = token(&scene, "device_id", DEVICE);
    let debug = scene.binary().with("VEILSTREAM_LOG", "debug");

    // WHEN
    let unmasked = unmask(&debug, &[&ip, &device, &ip]).await;

    // THEN
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    assert_eq!(unmasked.stdout, format!("{IP}\n{DEVICE}\n{IP}\n"));
    let entries = list(&scene, &[]).await;
    let domains: Vec<_> = entries.iter().map(|entry| &entry["domain"]).collect();
    assert_eq!(domains, ["ip", "device_id"], "the newest first");
    let entry = &entries[0];
    assert_eq!(entry["seq"], 2);
    assert_eq!(entry["tokens"], 1);
    assert_eq!(entry["reason"], "ticket 4711");
    assert_eq!(entry["database_role"], "veilstream");
    assert_eq!(entry["previous"], entries[1]["hash"]);
    let user = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    assert_eq!(entry["os_user"], user.trim());
    // A fingerprint is what `sha256sum` gives for the token.
    let digest = Sha256::digest(ip.as_bytes());
    let fingerprint = hex(&digest[..16]);
    assert_eq!(entry["fingerprints"], serde_json::json!([fingerprint]));
    assert_eq!(list(&scene, &["--domain", "ip"]).await.len(), 1);
    assert_eq!(list(&scene, &["--limit", "1"]).await.len(), 1);

    let shown = scene.binary().run(&["audit", "list"]).await;
    for part in ["ticket", "4711"] {
        assert!(shown.stdout.contains(part), "{shown:#?}");
    }
    assert!(
        shown.stdout.lines().all(|line| line.chars().count() <= 80),
        "{shown:#?}"
    );
    assert!(shown.stdout.contains(&fingerprint[..8]), "{shown:#?}");

    // AND neither a value nor a token is in the trail, the log or what is listed
    let rows = scene
        .database
        .rows("SELECT a::text FROM veilstream.audit a")
        .await;
    let everything = format!("{rows:?}{}{}", unmasked.stderr, shown.stdout);
    for secret in [
        IP,
        DEVICE,
        &ip,
        &device,
        &hex(IP.as_bytes()),
        &hex(DEVICE.as_bytes()),
    ] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[tokio::test]
async fn values_with_line_breaks_are_told_apart_in_json() {
    let scene = Scene::new(BINARY).await;
    let sent = "a\n127.0.0.1\n\u{1b}[31m\u{9b}\u{202e}\"";
    let device = token(&scene, "device_id", sent);
    let ip = token(&scene, "ip", IP);
    let unmasked = unmask(&scene.binary(), &["--output", "json", &device, &ip]).await;
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    let printed: Value = serde_json::from_str(&unmasked.stdout).unwrap();
    let expected = serde_json::json!([
        {"token": 1, "domain": "device_id", "value": sent},
        {"token": 2, "domain": "ip", "value": IP},
    ]);
    assert_eq!(printed, expected);
    assert!(unmasked.stdout.ends_with("]\n"), "{unmasked:#?}");
    let line = unmasked.stdout.trim_end();
    let steers = |character: char| character.is_control() || character == '\u{202e}';
    assert!(!line.contains(steers), "{unmasked:#?}");
    // Where no terminal reads it, a value is printed as it is.
    let plain = unmask(&scene.binary(), &[&device]).await;
    assert_eq!(plain.stdout, format!("{sent}\n"));
}

#[tokio::test]
async fn a_reason_that_says_nothing_is_refused_by_program_and_database() {
    let scene = Scene::new(BINARY).await;
    let token = token(&scene, "ip", IP);
    let refused = scene
        .binary()
        .run(&["unmask", "--reason", " \t ", &token])
        .await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    let append = "SELECT veilstream.append_audit('unmask', 'u', 'h', E' \\t', '{ip}', \
                  ARRAY[decode(repeat('ab', 16), 'hex')])";
    let client = scene.database.connect().await;
    let refused = client.batch_execute(append).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "22023");
}

#[tokio::test]
async fn without_the_database_nothing_is_unmasked() {
    let scene = Scene::new(BINARY).await;
    let token = token(&scene, "ip", IP);
    let nowhere = "postgresql://veilstream@127.0.0.1:1/app?connect_timeout=5";
    let away = scene.binary().with("DATABASE_URL", nowhere);
    let refused = unmask(&away, &[&token]).await;
    assert_silent(&refused, 4, &["without its trail", "--offline"]);

    scene
        .database
        .execute("DROP SCHEMA veilstream CASCADE")
        .await;
    let refused = unmask(&scene.binary(), &[&token]).await;
    assert_silent(&refused, 4, &["without its trail", "veilstream migrate"]);
}

#[tokio::test]
async fn a_token_that_does_not_open_leaves_no_trail_and_opens_no_other() {
    let scene = Scene::new(BINARY).await;
    let token = token(&scene, "ip", IP);
    let refused = unmask(&scene.binary(), &[&token, IP]).await;
    assert_silent(&refused, 2, &["token 2"]);
    assert_eq!(scene.database.count(COUNT).await, 0);
}

#[tokio::test]
async fn a_call_above_its_limit_opens_nothing() {
    let scene = Scene::new(BINARY).await;
    let limit = "UPDATE veilstream.unmask_limit SET per_call = 1";
    scene.database.execute(limit).await;
    let ip = token(&scene, "ip", IP);
    let device = token(&scene, "device_id", DEVICE);
    let refused = unmask(&scene.binary(), &[&ip, &device]).await;
    assert_silent(&refused, 6, &["2 tokens", "(1)", "per_call"]);
    // Equal tokens count once.
    let unmasked = unmask(&scene.binary(), &[&ip, &ip]).await;
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    assert_eq!(scene.database.count(COUNT).await, 1);
}

#[tokio::test]
async fn the_limit_of_an_hour_holds_over_calls_at_the_same_time() {
    // GIVEN room for three tokens in an hour
    let scene = Scene::new(BINARY).await;
    let limit = "UPDATE veilstream.unmask_limit SET per_hour = 3";
    scene.database.execute(limit).await;
    let ip = token(&scene, "ip", IP);
    let device = token(&scene, "device_id", DEVICE);
    let tokens = [ip.as_str(), device.as_str()];

    // WHEN two calls of two tokens come at once
    let binary = scene.binary();
    let (one, other) = tokio::join!(unmask(&binary, &tokens), unmask(&binary, &tokens));

    // THEN one of them gets through, and the other learns when there is room
    let (through, refused) = if one.code == Some(0) {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!(through.code, Some(0), "{through:#?}");
    assert_silent(
        &refused,
        6,
        &["2 of 3 an hour are used", "room for this call at"],
    );
    let used = "SELECT sum(tokens) FROM veilstream.audit";
    assert_eq!(scene.database.count(used).await, 2);

    // AND an hour later there is room
    scene
        .database
        .execute(
            "SET session_replication_role = replica; \
             UPDATE veilstream.audit SET at = at - interval '61 minutes'",
        )
        .await;
    let later = unmask(&binary, &tokens).await;
    assert_eq!(later.code, Some(0), "{later:#?}");
    // A call that is larger than the limit never gets room.
    let limit = "UPDATE veilstream.unmask_limit SET per_hour = 1";
    scene.database.execute(limit).await;
    let never = unmask(&binary, &tokens).await;
    assert_silent(&never, 6, &["open fewer at a time"]);
}

#[tokio::test]
async fn upkeep_of_the_trail_does_not_keep_anybody_from_unmasking() {
    // GIVEN the lock that VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY hold
    let scene = Scene::new(BINARY).await;
    let upkeep = scene.database.connect().await;
    upkeep
        .batch_execute("BEGIN; LOCK TABLE veilstream.audit IN SHARE UPDATE EXCLUSIVE MODE")
        .await
        .unwrap();

    // WHEN, THEN
    let ip = token(&scene, "ip", IP);
    let unmasked = unmask(&scene.binary(), &[&ip]).await;
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
}

/// Adds domain `address` of method ip to the scene's key set, and a second key that it uses now: a
/// token of each.
fn with_addresses(scene: &Scene) -> [String; 2] {
    let domain = DomainSpec {
        name: "address".parse().unwrap(),
        method: Method::Ip,
        canonical: Canonical::Ip,
    };
    let mut keyset = keyset(&scene.keyset());
    keyset.add_domain(domain).unwrap();
    let root = Zeroizing::new([3; 32]);
    let key = keyset.add_key(root, "2026-01-31T12:00:00Z").unwrap();
    let token = |keyset: &Keyset| {
        let mut token = Vec::new();
        let mut masker = keyset.masker("address", Form::Text).unwrap();
        masker.mask(IP, &mut token).unwrap();
        String::from_utf8(token).unwrap()
    };
    let old = token(&keyset);
    keyset.promote(key).unwrap();
    keyset.promote_domain(key, "address").unwrap();
    fs::write(scene.keyset(), keyset.to_json().as_bytes()).unwrap();
    [old, token(&keyset)]
}

#[tokio::test]
async fn tokens_that_do_not_say_their_domain_are_opened_in_the_one_that_is_named() {
    let scene = Scene::new(BINARY).await;
    let [old, new] = with_addresses(&scene);
    let binary = scene.binary();
    for (arguments, code, printed) in [
        (
            &["--domain", "address", "--key", "2", &new][..],
            0,
            format!("{IP}\n"),
        ),
        // Under either key it would open to an address.
        (&["--domain", "address", &new], 2, String::new()),
        (
            &["--domain", "address", "--key", "1", &old],
            0,
            format!("{IP}\n"),
        ),
        (&[&new], 2, String::new()),
        (&["--key", "1", &new], 2, String::new()),
        (&["--domain", "address", "no-address"], 2, String::new()),
        (&["--domain", "nowhere", &new], 5, String::new()),
        (
            &["--domain", "address", "--key", "9", &new],
            5,
            String::new(),
        ),
    ] {
        let unmasked = unmask(&binary, arguments).await;
        assert_eq!(unmasked.code, Some(code), "{arguments:?}: {unmasked:#?}");
        assert_eq!(unmasked.stdout, printed, "{arguments:?}");
    }
    // Another spelling of an address is the same token in the trail.
    let address: std::net::Ipv6Addr = new.parse().unwrap();
    let spelt_out = address.segments().map(|part| format!("{part:04X}"));
    let spelt_out = spelt_out.join(":");
    let again = unmask(&binary, &["--domain", "address", "--key", "2", &spelt_out]).await;
    assert_eq!(again.code, Some(0), "{again:#?}");
    let entries = list(&scene, &["--domain", "address"]).await;
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["fingerprints"], entries[2]["fingerprints"]);
    let mapped = ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"];
    let arguments = [&["--domain", "address", "--key", "2"][..], &mapped].concat();
    assert_eq!(unmask(&binary, &arguments).await.code, Some(0));
    let entries = list(&scene, &["--domain", "address"]).await;
    assert_eq!(entries[0]["tokens"], 1);
}

#[tokio::test]
async fn a_token_that_keeps_a_format_has_one_fingerprint_however_it_is_punctuated() {
    // GIVEN a domain of method format
    let scene = Scene::new(BINARY).await;
    let mut keyset = keyset(&scene.keyset());
    let domain = DomainSpec {
        name: "ssn".parse().unwrap(),
        method: Method::Format(Format::new(Alphabet::Digits, Some(9)).unwrap()),
        canonical: Canonical::Exact,
    };
    keyset.add_domain(domain).unwrap();
    fs::write(scene.keyset(), keyset.to_json().as_bytes()).unwrap();

    // WHEN a token is opened in several spellings
    for spelling in ["769-39-44243", "7693944243", " 769 39 44243 "] {
        let unmasked = unmask(&scene.binary(), &["--domain", "ssn", spelling]).await;
        assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    }

    // THEN the trail has the fingerprint that docs/audit.md tells how to compute
    let symbols = "printf %s '769-39-44243' | tr -d ' ./:()+_-' | sha256sum | head -c 32";
    let output = std::process::Command::new("sh")
        .args(["-c", symbols])
        .output()
        .unwrap();
    let fingerprint = String::from_utf8(output.stdout).unwrap();
    assert_eq!(fingerprint.len(), 32);
    let entries = list(&scene, &["--domain", "ssn"]).await;
    assert_eq!(entries.len(), 3);
    for entry in entries {
        assert_eq!(entry["fingerprints"], serde_json::json!([fingerprint]));
    }
}
