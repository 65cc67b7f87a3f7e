//! Help, flags, exit codes, and what happens when nobody reads.

use std::process::{Command, Stdio};

use testkit::Binary;

use crate::VEILSTREAM;

async fn help(command: &[&str]) -> String {
    let mut arguments = command.to_vec();
    arguments.push("--help");
    let printed = Binary::new(VEILSTREAM).run(&arguments).await;
    assert_eq!(printed.code, Some(0), "{command:?}: {printed:#?}");
    printed.stdout
}

#[expect(clippy::too_many_lines, reason = "it is a table of all flags")]
#[tokio::test]
async fn every_command_has_the_flags_that_other_programs_rely_on() {
    let pipeline = [
        "--config <FILE>",
        "--queue-url <URL>",
        "--endpoint-url <URL>",
        "--database-url <URL>",
        "--keyset <FILE>",
        "--output <OUTPUT>",
    ];
    let commands: [(&[&str], &[&str]); 25] = [
        (&["demo"], &["--keep", "--events <N>"]),
        (&["run"], &pipeline),
        (&["run"], &["--once", "text", "json"]),
        (
            &["migrate"],
            &["--database-url <URL>", "--new-key-set", "--keep-quarantine"],
        ),
        (&["check"], &pipeline),
        (&["inspect"], &pipeline),
        (
            &["inspect"],
            &["--sample <N>", "--table <SCHEMA.NAME>", "--force"],
        ),
        (
            &["keys", "create"],
            &[
                "<FILE>",
                "--plaintext",
                "--domain <NAME>",
                "--kms <KEY_ARN>",
                "--passphrase-file <FILE>",
            ],
        ),
        (
            &["keys", "list"],
            &["--keyset <FILE>", "--passphrase-file <FILE>", "--output"],
        ),
        (&["keys", "add"], &["--keyset <FILE>"]),
        (&["keys", "promote"], &["<ID>", "--domain <NAME>"]),
        (&["keys", "retire"], &["<ID>"]),
        (&["keys", "destroy"], &["<ID>", "--yes"]),
        (
            &["keys", "add-domain"],
            &[
                "<NAME>",
                "--method",
                "--canonical",
                "--padded",
                "--alphabet",
                "--length",
            ],
        ),
        (
            &["keys", "export"],
            &["<FILE>", "--domain <NAME>", "--format"],
        ),
        (
            &["mask"],
            &[
                "--keyset <FILE>",
                "--domain <NAME>",
                "--form <FORM>",
                "[VALUE]...",
            ],
        ),
        (
            &["unmask"],
            &[
                "--keyset <FILE>",
                "--database-url <URL>",
                "--reason <TEXT>",
                "--domain <NAME>",
                "--key <ID>",
                "--offline",
                "--trail <FILE>",
                "--output <OUTPUT>",
                "[TOKEN]...",
            ],
        ),
        (
            &["audit", "list"],
            &["--limit <N>", "--domain <NAME>", "--output <OUTPUT>"],
        ),
        (
            &["audit", "verify"],
            &["--file <FILE>", "--expect <SEQ:HASH>", "--output <OUTPUT>"],
        ),
        (
            &["quarantine", "list"],
            &[
                "--state <STATE>",
                "--code <CODE>",
                "--all-pipelines",
                "--output <OUTPUT>",
            ],
        ),
        (
            &["quarantine", "show"],
            &["--keyset <FILE>", "--reason <TEXT>", "--output", "<ID>"],
        ),
        (
            &["quarantine", "replay"],
            &[
                "--keyset <FILE>",
                "--all",
                "--code <CODE>",
                "--output",
                "[ID]...",
            ],
        ),
        (
            &["quarantine", "discard"],
            &["--yes", "--output", "<ID>..."],
        ),
        (
            &["quarantine", "purge"],
            &[
                "--older-than <D>",
                "--open",
                "--all-pipelines",
                "--yes",
                "--output",
            ],
        ),
        (
            &["dev-queue"],
            &[
                "--listen",
                "--port",
                "--queue <NAME>",
                "--fill <N>",
                "--canned <N>",
                "--delay <TIME>",
            ],
        ),
    ];
    for (command, flags) in commands {
        let printed = help(command).await;
        assert!(printed.contains("Example"), "{command:?} shows no example");
        for flag in flags {
            assert!(
                printed.contains(flag),
                "{command:?} has no {flag}: {printed}"
            );
        }
    }
    for default in ["127.0.0.1", "4566", "login-queue"] {
        assert!(help(&["dev-queue"]).await.contains(default), "{default}");
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let nothing: &[&str] = &[];
    for wrong in [
        nothing,
        &["runn"],
        &["run", "--no-such-flag"],
        &["run", "--output", "xml"],
        &["demo", "--events", "0"],
        &["dev-queue", "--port", "70000"],
        &["dev-queue", "--canned", "0"],
        &["dev-queue", "--fill", "1", "--canned", "1"],
        &["dev-queue", "--delay", "10"],
        &["keys"],
        &["mask", "1.2.3.4"],
        &["inspect", "--sample", "0"],
        &["quarantine", "replay"],
        &["quarantine", "discard", "--yes", "not-an-id"],
        &["inspect", "--force", "--table", "users"],
    ] {
        let refused = Binary::new(VEILSTREAM).run(wrong).await;
        assert_eq!(refused.code, Some(2), "{wrong:?}: {refused:#?}");
        assert_eq!(refused.stdout, "", "{wrong:?}");
    }
}

#[tokio::test]
async fn a_log_level_that_does_not_exist_is_an_error_of_usage() {
    let refused = Binary::new(VEILSTREAM)
        .with("VEILSTREAM_LOG", "verbose")
        .run(&["mask", "--domain", "ip", "1.2.3.4"])
        .await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(
        refused.stderr.contains("error, warn, info and debug"),
        "{refused:#?}"
    );
}

/// Runs it with a pipe that nobody reads as its standard output or error.
fn unread(arguments: &[&str], output: bool) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(VEILSTREAM);
    command.args(arguments).env_remove("VEILSTREAM_KEYSET");
    if output {
        command.stdout(writer).stderr(Stdio::piped());
    } else {
        command.stderr(writer);
    }
    let ended = command.output().expect("it ends");
    (
        ended.status.code(),
        String::from_utf8_lossy(&ended.stderr).into_owned(),
    )
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("keyset.json").display().to_string();
    let created = unread(&["keys", "create", &file, "--plaintext"], true);
    assert_eq!(created, (Some(0), String::new()));
    let masked = unread(
        &["mask", "--keyset", &file, "--domain", "ip", "1.2.3.4"],
        true,
    );
    assert_eq!(masked, (Some(0), String::new()));
    assert_eq!(unread(&["run", "--help"], true), (Some(0), String::new()));
}

#[test]
fn a_failure_that_nobody_hears_keeps_its_exit_code() {
    let failing = [
        "mask",
        "--keyset",
        "/nonexistent/k",
        "--domain",
        "ip",
        "1.2.3.4",
    ];
    assert_eq!(unread(&failing, false).0, Some(5));
}

#[tokio::test]
async fn a_command_that_waits_for_the_database_ends_on_the_first_signal() {
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("an address").port();
    let url = format!("postgresql://veilstream@127.0.0.1:{port}/app?sslmode=disable");
    let waiting = Binary::new(VEILSTREAM).start(&["migrate", "--database-url", &url]);
    let _connection = tokio::task::spawn_blocking(move || silent.accept())
        .await
        .expect("no panic")
        .expect("it connects");
    waiting.signal("TERM").await;
    assert_eq!(waiting.finish().await.code, Some(143));
}
