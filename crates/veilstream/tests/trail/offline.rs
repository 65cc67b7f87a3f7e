//! `veilstream unmask --offline`: the trail in a file.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use testkit::{Binary, Finished};

use crate::{BINARY, DEVICE, IP, assert_silent};

/// A key holder without a database.
struct Holder {
    folder: tempfile::TempDir,
    binary: Binary,
}

impl Holder {
    async fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("keyset.json").display().to_string();
        let create = ["keys", "create", &path, "--plaintext"];
        let created = Binary::new(BINARY).run(&create).await;
        assert_eq!(created.code, Some(0), "{created:#?}");
        let nowhere = "postgresql://veilstream@127.0.0.1:1/app?connect_timeout=5";
        let binary = Binary::new(BINARY)
            .with("VEILSTREAM_KEYSET", &path)
            .with("DATABASE_URL", nowhere);
        Self { folder, binary }
    }

    fn trail(&self) -> PathBuf {
        self.folder.path().join("trail.jsonl")
    }

    async fn tokens(&self, domain: &str, values: &[&str]) -> Vec<String> {
        let arguments = [&["mask", "--domain", domain], values].concat();
        let masked = self.binary.run(&arguments).await;
        assert_eq!(masked.code, Some(0), "{masked:#?}");
        masked.stdout.lines().map(str::to_owned).collect()
    }

    async fn unmask(&self, tokens: &[String]) -> Finished {
        let trail = self.trail().display().to_string();
        let offline = [
            "unmask",
            "--offline",
            "--trail",
            &trail,
            "--reason",
            "ticket 4711",
        ];
        let input = tokens.join("\n");
        self.binary.run_with_input(&offline, &input).await
    }

    async fn verify(&self, more: &[&str]) -> Finished {
        let trail = self.trail().display().to_string();
        let verify = [&["audit", "verify", "--file", &trail], more].concat();
        self.binary.run(&verify).await
    }
}

#[tokio::test]
async fn a_key_holder_without_a_database_leaves_a_trail_in_a_file() {
    let holder = Holder::new().await;
    let mut tokens = holder.tokens("ip", &[IP]).await;
    tokens.extend(holder.tokens("device_id", &[DEVICE]).await);
    for calls in 1..=2 {
        let unmasked = holder.unmask(&tokens).await;
        assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
        assert_eq!(unmasked.stdout, format!("{IP}\n{DEVICE}\n"));
        let said = "the database has no trail of this";
        assert!(unmasked.stderr.contains(said), "{unmasked:#?}");
        let verified = holder.verify(&[]).await;
        assert_eq!(verified.code, Some(0), "{verified:#?}");
        let entries = format!("{} entries", 2 * calls);
        assert!(verified.stdout.contains(&entries), "{verified:#?}");
    }
    let mode = fs::metadata(holder.trail()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let text = fs::read_to_string(holder.trail()).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["domain"], "device_id");
    assert_eq!(first["reason"], "ticket 4711");
    assert_eq!(first["database_role"], "");
    for secret in [IP, DEVICE, &tokens[0], &tokens[1]] {
        assert!(!text.contains(secret), "{text}");
    }
    // It is said even where nothing is logged.
    let quiet = Binary::new(BINARY).with("VEILSTREAM_LOG", "error");
    let keyset = holder
        .folder
        .path()
        .join("keyset.json")
        .display()
        .to_string();
    let trail = holder.trail().display().to_string();
    let quiet = quiet.with("VEILSTREAM_KEYSET", &keyset);
    let offline = [
        "unmask",
        "--reason",
        "r",
        "--offline",
        "--trail",
        &trail,
        &tokens[0],
    ];
    let unmasked = quiet.run(&offline).await;
    assert!(unmasked.stderr.contains("no trail"), "{unmasked:#?}");
}

#[tokio::test]
async fn calls_at_the_same_time_follow_each_other_in_the_file() {
    let holder = Holder::new().await;
    let tokens = holder.tokens("ip", &[IP]).await;
    let calls = (0..8).map(|_| holder.unmask(&tokens));
    for unmasked in futures_util::future::join_all(calls).await {
        assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    }
    let verified = holder.verify(&[]).await;
    assert!(verified.stdout.contains("8 entries"), "{verified:#?}");
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_not_written_on() {
    let holder = Holder::new().await;
    let tokens = holder.tokens("ip", &[IP]).await;
    for _ in 0..3 {
        assert_eq!(holder.unmask(&tokens).await.code, Some(0));
    }
    let anchor = holder.verify(&[]).await.stdout;
    let (_, anchor) = anchor.trim().rsplit_once(' ').unwrap();
    let whole = fs::read_to_string(holder.trail()).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let changed = whole.replacen("ticket 4711", "ticket 4712", 1);
    for (text, said) in [
        (whole[..whole.len() - 1].to_owned(), "last line is cut off"),
        (whole[..whole.len() - 20].to_owned(), "last line is cut off"),
        (format!("{}{}", lines[0], lines[2]), "entry 2 is missing"),
        (format!("{}{}", lines[1], lines[2]), "entry 1 is missing"),
        (changed, "entry 1 was changed"),
        (format!("{whole}{{}}\n"), "line 4 is no entry"),
        (format!("{whole}\n"), "line 4 is no entry"),
    ] {
        fs::write(holder.trail(), &text).unwrap();
        let refused = holder.unmask(&tokens).await;
        assert_silent(&refused, 6, &[said, "without its trail", "--trail"]);
        assert_eq!(fs::read_to_string(holder.trail()).unwrap(), text);
        let found = holder.verify(&[]).await;
        assert_eq!(found.code, Some(6), "{found:#?}");
        assert!(found.stderr.contains(said), "{found:#?}");
    }
    // A tail that was cut off shows with an anchor only.
    fs::write(holder.trail(), lines[..2].concat()).unwrap();
    assert_eq!(holder.verify(&[]).await.code, Some(0));
    let cut = holder.verify(&["--expect", anchor]).await;
    assert_eq!(cut.code, Some(6), "{cut:#?}");
    assert!(cut.stderr.contains("cut off"), "{cut:#?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_no_alarm() {
    let holder = Holder::new().await;
    for more in [&[][..], &["--output", "json"]] {
        let nowhere = holder.verify(more).await;
        assert_eq!(nowhere.code, Some(1), "{nowhere:#?}");
        assert_eq!(nowhere.stdout, "", "{nowhere:#?}");
        assert!(nowhere.stderr.contains("trail.jsonl"), "{nowhere:#?}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_opens_nothing() {
    let holder = Holder::new().await;
    let tokens = holder.tokens("ip", &[IP]).await;
    assert_eq!(holder.unmask(&tokens).await.code, Some(0));
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(holder.trail(), Permissions::from_mode(mode)).unwrap();
        let refused = holder.unmask(&tokens).await;
        assert_silent(&refused, 6, &["lets others write it", "chmod 600"]);
    }
    fs::remove_file(holder.trail()).unwrap();
    fs::create_dir(holder.trail()).unwrap();
    let refused = holder.unmask(&tokens).await;
    assert_silent(&refused, 6, &["without its trail"]);
}

#[tokio::test]
async fn the_limit_of_a_call_holds_without_a_database_too() {
    let holder = Holder::new().await;
    let values: Vec<String> = (0..1001)
        .map(|number| format!("10.0.{}.{}", number / 256, number % 256))
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let tokens = holder.tokens("ip", &values).await;
    let refused = holder.unmask(&tokens).await;
    assert_silent(&refused, 6, &["1001 tokens", "1000"]);
    assert_eq!(
        fs::metadata(holder.trail())
            .ok()
            .map_or(0, |file| file.len()),
        0
    );
    assert_eq!(holder.unmask(&tokens[..1000]).await.code, Some(0));
}
