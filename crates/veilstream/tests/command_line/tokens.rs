//! `veilstream mask` and `veilstream unmask`.

use testkit::{Binary, Scene};

use crate::{EXAMPLE, EXAMPLE_IP, VEILSTREAM, live::Live};

/// The binary with a key set of its own, and nothing else.
async fn with_keyset() -> (tempfile::TempDir, Binary) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("keyset.json").display().to_string();
    let created = Binary::new(VEILSTREAM)
        .run(&["keys", "create", &file, "--plaintext"])
        .await;
    assert_eq!(created.code, Some(0), "{created:#?}");
    let binary = Binary::new(VEILSTREAM).with("VEILSTREAM_KEYSET", &file);
    (folder, binary)
}

/// The arguments of `unmask` for who has no database, with the trail in the folder.
fn unmask<'a>(trail: &'a str, tokens: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["unmask", "--offline", "--trail", trail];
    arguments.extend(["--reason", "ticket 4711"]);
    arguments.extend(tokens);
    arguments
}

fn trail(folder: &tempfile::TempDir) -> String {
    folder.path().join("trail.jsonl").display().to_string()
}

async fn tokens(binary: &Binary, domain: &str, values: &[&str]) -> Vec<String> {
    let mut arguments = vec!["mask", "--domain", domain];
    arguments.extend(values);
    let masked = binary.run(&arguments).await;
    assert_eq!(masked.code, Some(0), "{masked:#?}");
    masked.stdout.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_masked_value_finds_its_row() {
    let scene = Scene::new(VEILSTREAM).await;
    scene.send(EXAMPLE);
    scene.run_once().await;
    let token = &tokens(&scene.binary(), "ip", &[EXAMPLE_IP]).await[0];
    let found = scene
        .database
        .rows(&format!(
            "SELECT user_id::text FROM user_logins WHERE masked_ip = '{token}'"
        ))
        .await;
    assert_eq!(
        found,
        [[Some("424cdd21-063a-43a7-b91b-7ca1a833afae".to_owned())]]
    );
}

#[tokio::test]
async fn a_token_a_line_and_a_value_a_line() {
    let (folder, binary) = with_keyset().await;
    let trail = trail(&folder);
    let tokens = tokens(
        &binary,
        "ip",
        &[EXAMPLE_IP, "::ffff:199.172.111.135", "2001:db8:0::1"],
    )
    .await;
    assert_eq!(tokens.len(), 3);
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
    let values = "199.172.111.135\n199.172.111.135\n2001:db8::1\n";

    let arguments: Vec<_> = tokens.iter().map(String::as_str).collect();
    let unmasked = binary.run(&unmask(&trail, &arguments)).await;
    assert_eq!((unmasked.code, unmasked.stdout.as_str()), (Some(0), values));
    assert!(unmasked.stderr.contains("ticket 4711"), "{unmasked:#?}");
    assert!(!unmasked.stderr.contains(EXAMPLE_IP), "{unmasked:#?}");

    let input = tokens.join("\n") + "\n\n";
    let unmasked = binary.run_with_input(&unmask(&trail, &[]), &input).await;
    assert_eq!((unmasked.code, unmasked.stdout.as_str()), (Some(0), values));
}

#[tokio::test]
async fn values_come_from_standard_input_so_that_no_process_list_shows_them() {
    let (_folder, binary) = with_keyset().await;
    let values = ["593-47-5928", " 593-47-5928", ""];
    let by_argument = tokens(&binary, "device_id", &values).await;
    let input = values.map(|value| format!("{value}\n")).concat();
    let masked = binary
        .run_with_input(&["mask", "--domain", "device_id"], &input)
        .await;
    let by_input: Vec<_> = masked.stdout.lines().collect();
    assert_eq!(
        (masked.code, by_input),
        (Some(0), by_argument.iter().map(String::as_str).collect())
    );
}

#[tokio::test]
async fn a_token_is_printed_in_the_form_of_the_column_to_look_in() {
    let (folder, binary) = with_keyset().await;
    let added = binary
        .run(&["keys", "add-domain", "login", "--method", "hmac"])
        .await;
    assert_eq!(added.code, Some(0), "{added:#?}");
    let mut printed = Vec::new();
    for form in ["text", "bytea", "uuid"] {
        let masked = binary
            .run(&["mask", "--domain", "login", "--form", form, "someone"])
            .await;
        assert_eq!(masked.code, Some(0), "{masked:#?}");
        printed.push(masked.stdout.trim().to_owned());
    }
    let digits = printed[2].replace('-', "");
    assert!(printed[0].starts_with("vs1h."), "{printed:?}");
    assert!(
        printed[1].starts_with("\\x01") && printed[1].ends_with(&digits),
        "{printed:?}"
    );

    let masked = binary
        .run(&[
            "mask",
            "--domain",
            "device_id",
            "--form",
            "bytea",
            "593-47-5928",
        ])
        .await;
    let token = masked.stdout.trim();
    let opened = binary.run(&unmask(&trail(&folder), &[token])).await;
    assert_eq!(
        (opened.code, opened.stdout.as_str()),
        (Some(0), "593-47-5928\n")
    );
    let refused = binary
        .run(&["mask", "--domain", "device_id", "--form", "uuid", "x"])
        .await;
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert!(refused.stderr.contains("UUID"), "{refused:#?}");
}

#[tokio::test]
async fn an_unknown_domain_is_an_error_of_the_key_set() {
    let (_folder, binary) = with_keyset().await;
    let refused = binary.run(&["mask", "--domain", "email", "x"]).await;
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert!(refused.stderr.contains("ip, device_id"), "{refused:#?}");
}

#[tokio::test]
async fn a_value_without_canonical_form_is_refused_and_not_repeated() {
    let (_folder, binary) = with_keyset().await;
    let wrong = ["mask", "--domain", "ip", EXAMPLE_IP, "010.20.30.40"];
    let refused = binary.run(&wrong).await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("value 2"), "{refused:#?}");
    assert!(!refused.stderr.contains("010.20"), "{refused:#?}");
}

#[tokio::test]
async fn without_a_reason_nothing_is_unmasked() {
    let (_folder, binary) = with_keyset().await;
    let token = &tokens(&binary, "ip", &[EXAMPLE_IP]).await[0];
    for arguments in [&["unmask", token][..], &["unmask", "--reason", "", token]] {
        let refused = binary.run(arguments).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert_eq!(refused.stdout, "");
    }
}

/// The token with one character of its ciphertext changed to another.
fn tampered(token: &str) -> String {
    let place = token.len() - 4;
    let other = if token.as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &token[..place], &token[place + 1..])
}

#[tokio::test]
async fn one_tampered_token_and_not_a_single_value_is_printed() {
    let (folder, binary) = with_keyset().await;
    let trail = trail(&folder);
    let token = &tokens(&binary, "ip", &[EXAMPLE_IP]).await[0];
    let changed = tampered(token);
    let refused = binary.run(&unmask(&trail, &[token, &changed])).await;
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("token 2"), "{refused:#?}");

    let no_token = binary.run(&unmask(&trail, &[EXAMPLE_IP])).await;
    assert_eq!(no_token.code, Some(2), "{no_token:#?}");
    assert!(!no_token.stderr.contains(EXAMPLE_IP), "{no_token:#?}");
}

#[tokio::test]
async fn another_key_set_opens_nothing() {
    let (_folder, binary) = with_keyset().await;
    let (other_folder, other) = with_keyset().await;
    let token = &tokens(&binary, "ip", &[EXAMPLE_IP]).await[0];
    let refused = other.run(&unmask(&trail(&other_folder), &[token])).await;
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert_eq!(refused.stdout, "");
}

#[tokio::test]
async fn ctrl_c_ends_the_wait_for_tokens() {
    let (folder, _binary) = with_keyset().await;
    let file = folder.path().join("keyset.json").display().to_string();
    // A signal that comes before the program listens is ignored: it is sent until it is heard.
    let script = "trap '' INT; echo ready; exec \"$0\" unmask --reason test --keyset \"$1\"";
    let waiting = Live::of("/bin/sh", &["-c", script, VEILSTREAM, &file], &[]);
    waiting.until("ready");
    waiting.signal_until_it_ends("INT");
    assert_eq!(waiting.finish(), Some(130));
}
