//! What opens a key set that is wrapped by a passphrase.

use std::{fs, os::unix::fs::PermissionsExt};

use testkit::Finished;

use crate::{
    IP, PASSPHRASE,
    folder::{Folder, done, refused, tokens},
};

const LIST: [&str; 2] = ["keys", "list"];

#[tokio::test]
async fn a_flag_the_environment_or_the_configuration_says_the_passphrase() {
    let folder = Folder::with_passphrase().await;
    let file = folder.passphrase_file(PASSPHRASE);
    // Relative paths start at the folder of the configuration.
    let config = folder.private(
        "veilstream.toml",
        "[keyset]\nfile = \"keyset.json\"\npassphrase_file = \"passphrase\"\n",
    );
    let binary = || folder.binary();
    let by_flag = ["keys", "list", "--passphrase-file", &file];
    done(binary().run(&by_flag).await);
    done(
        binary()
            .with("VEILSTREAM_PASSPHRASE_FILE", &file)
            .run(&LIST)
            .await,
    );
    done(
        binary()
            .with("VEILSTREAM_PASSPHRASE", PASSPHRASE)
            .run(&LIST)
            .await,
    );
    done(binary().with("VEILSTREAM_CONFIG", &config).run(&LIST).await);
    // The environment beats the configuration, and a file that is named beats the variable.
    let wrong = binary()
        .with("VEILSTREAM_CONFIG", &config)
        .with("VEILSTREAM_PASSPHRASE", "not the one");
    refused(wrong.run(&LIST).await, 5);
    done(wrong.run(&by_flag).await);
}

#[tokio::test]
async fn another_passphrase_opens_nothing_and_is_not_repeated() {
    let folder = Folder::with_passphrase().await;
    for other in ["canary wrong passphrase", &format!("{PASSPHRASE} ")] {
        let said = refused(
            folder
                .binary()
                .with("VEILSTREAM_PASSPHRASE", other)
                .run(&LIST)
                .await,
            5,
        );
        assert!(
            said.contains("does not open with this passphrase"),
            "{said}"
        );
        assert!(!said.contains("canary"), "{said}");
    }
}

#[tokio::test]
async fn without_a_passphrase_and_a_terminal_every_command_says_how_to_give_one() {
    let folder = Folder::with_passphrase().await;
    let commands: [&[&str]; 5] = [
        &["run", "--once"],
        &["mask", "--domain", "ip", IP],
        &["keys", "list"],
        &["keys", "add"],
        &["unmask", "--reason", "test", "vs1s.AQ"],
    ];
    for command in commands {
        let said = refused(folder.binary().run(command).await, 5);
        for way in [
            "--passphrase-file",
            "VEILSTREAM_PASSPHRASE_FILE",
            "passphrase_file",
            "VEILSTREAM_PASSPHRASE",
        ] {
            assert!(said.contains(way), "{command:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_passphrase_file_that_others_can_read_opens_nothing() {
    let folder = Folder::with_passphrase().await;
    let file = folder.passphrase_file(PASSPHRASE);
    let binary = folder.binary().with("VEILSTREAM_PASSPHRASE_FILE", &file);
    for (mode, fine) in [(0o400, true), (0o440, true), (0o604, false), (0o620, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let listed: Finished = binary.run(&LIST).await;
        assert_eq!(listed.code, Some(if fine { 0 } else { 5 }), "{mode:o}");
        assert_eq!(listed.stderr.contains("chmod 600"), !fine, "{mode:o}");
    }
}

#[tokio::test]
async fn edits_and_exchanged_keys_are_refused() {
    let folder = Folder::with_passphrase().await;
    let binary = folder.binary().with("VEILSTREAM_PASSPHRASE", PASSPHRASE);
    done(binary.run(&["keys", "add"]).await);
    let whole = folder.json();
    let edits: [fn(&mut serde_json::Value); 5] = [
        |keyset| keyset["generation"] = 9.into(),
        |keyset| keyset["domains"][0]["canonical"] = "text".into(),
        |keyset| keyset["keys"][1]["state"] = "decrypt_only".into(),
        |keyset| keyset["keys"][0]["root"] = keyset["keys"][1]["root"].clone(),
        |keyset| keyset["id"] = "0123456789abcdef".into(),
    ];
    for edit in edits {
        let mut edited = whole.clone();
        edit(&mut edited);
        folder.write(&edited);
        let said = refused(binary.run(&["mask", "--domain", "ip", IP]).await, 5);
        assert!(said.contains("edited or damaged"), "{said}");
        refused(binary.run(&["keys", "add"]).await, 5);
    }
    folder.write(&whole);
    assert_eq!(tokens(&binary, "ip", &[IP]).await[0].len(), 1);
}

/// Who can write the file could put a key set of his own in its place, in clear.
#[tokio::test]
async fn where_a_passphrase_is_given_a_key_set_in_clear_is_refused() {
    let folder = Folder::with_plaintext().await;
    let file = folder.passphrase_file(PASSPHRASE);
    done(folder.binary().run(&LIST).await);
    let by_flag = ["keys", "list", "--passphrase-file", &file];
    let by_variable = folder.binary().with("VEILSTREAM_PASSPHRASE", PASSPHRASE);
    for finished in [
        folder.binary().run(&by_flag).await,
        by_variable.run(&LIST).await,
    ] {
        let said = refused(finished, 5);
        assert!(said.contains("put another file in its place"), "{said}");
    }
}

/// To open one would wait for ever, and Ctrl-C would not end it.
#[tokio::test]
async fn a_named_pipe_is_no_key_set() {
    let folder = Folder::new();
    let pipe = folder.keyset();
    let made = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&pipe)
        .status();
    assert!(made.unwrap().success());
    let said = refused(folder.binary().run(&LIST).await, 5);
    assert!(said.contains("it is not a file"), "{said}");
}
