//! Other people's software opens and makes the same tokens.

use std::fs;

use crate::{
    IP,
    folder::{Folder, mode, refused, tokens},
    python,
};

/// A key set with a domain of each kind, and two keys in use.
async fn rotated() -> Folder {
    let folder = Folder::with_plaintext().await;
    let domains: [&[&str]; 4] = [
        &["email", "--canonical", "email", "--padded"],
        &["login", "--method", "hmac"],
        &["peer", "--method", "ip"],
        &["ssn", "--method", "format", "--alphabet", "digits"],
    ];
    for domain in domains {
        folder.keys(&[&["add-domain"], domain].concat()).await;
    }
    folder.keys(&["add"]).await;
    folder.keys(&["promote", "2"]).await;
    folder.keys(&["promote", "2", "--domain", "login"]).await;
    folder
}

#[tokio::test]
async fn tink_opens_tokens_with_exported_keys() {
    let folder = rotated().await;
    for (domain, value, opened) in [
        ("device_id", "593-47-5928", "593-47-5928".to_owned()),
        ("device_id", "", String::new()),
        ("ip", IP, "\u{c7}\u{ac}o\u{87}".to_owned()),
        (
            "email",
            "Someone@mail.example",
            format!("someone@mail.example\u{80}{}", "\0".repeat(11)),
        ),
    ] {
        let file = folder.path().join(format!("{domain}-tink.json"));
        let path = file.display().to_string();
        if !file.exists() {
            let written = folder
                .keys(&["export", "--domain", domain, "--format", "tink", &path])
                .await;
            assert!(written.stdout.contains("IN CLEAR"), "{written:#?}");
            assert_eq!(mode(&file), 0o600);
        }
        let tokens = tokens(&folder.binary(), domain, &[value]).await.concat();
        assert_eq!(tokens.len(), 2);
        let printed = python("opens_with_tink.py", &[&path, &tokens[0], &tokens[1]]);
        let opened: Vec<_> = opened
            .chars()
            .map(|byte| format!("{:02x}", u32::from(byte)))
            .collect();
        let line = format!("{}\n", opened.concat());
        assert_eq!(printed, line.repeat(2), "{domain}");
    }
}

#[tokio::test]
async fn an_export_overwrites_nothing_and_is_of_siv_only() {
    let folder = rotated().await;
    let path = folder.private("there.json", "keep me");
    let export = |domain| {
        [
            "export",
            "--domain",
            domain,
            "--format",
            "tink",
            path.as_str(),
        ]
    };
    let said = folder.refused(&export("ip"), 5).await;
    assert!(said.contains("left as it is"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "keep me");
    fs::remove_file(&path).unwrap();
    for domain in ["login", "peer", "ssn"] {
        let said = folder.refused(&export(domain), 5).await;
        assert!(said.contains("method `siv` only"), "{said}");
    }
    folder.refused(&export("nothing"), 5).await;
    assert_eq!(folder.files(), ["keyset.json"]);
    let unsaid = ["keys", "export", "--domain", "ip", &path];
    refused(folder.binary().run(&unsaid).await, 2);
}

#[tokio::test]
async fn python_makes_the_same_tokens_from_the_documented_construction() {
    let folder = rotated().await;
    let path = folder.keyset().display().to_string();
    for (domain, value) in [
        ("device_id", "593-47-5928"),
        ("ip", IP),
        ("ip", "2001:db8::1"),
        ("email", "someone@mail.example"),
        ("login", "424cdd21-063a-43a7-b91b-7ca1a833afae"),
        ("peer", IP),
        ("peer", "2001:db8::1"),
        ("ssn", "593-47-5928"),
    ] {
        let tokens = tokens(&folder.binary(), domain, &[value]).await.concat();
        let printed = python("makes_tokens.py", &[&path, domain, value]);
        let made: Vec<_> = printed.lines().collect();
        assert_eq!(tokens, made, "{domain}");
    }
}
