//! What `veilstream completions` prints is what shells take.

use std::{
    path::Path,
    process::{Command, Output},
};

use testkit::Binary;

use crate::VEILSTREAM;

/// Sources the script and completes the last of the words, as bash does at a tab.
const COMPLETE: &str = r#"
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
[[ $(complete -p veilstream) =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" veilstream "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// The script for a shell, and where it was put.
async fn script(shell: &str, folder: &Path) -> (String, String) {
    let printed = Binary::new(VEILSTREAM).run(&["completions", shell]).await;
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    let path = folder.join(shell);
    std::fs::write(&path, &printed.stdout).expect("the folder is there");
    (printed.stdout, path.display().to_string())
}

/// What a shell says; `None` where it is not installed.
fn shell(name: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(name).args(arguments).output().ok()
}

#[tokio::test]
async fn each_shell_gets_a_script_that_names_every_command() {
    let help = Binary::new(VEILSTREAM).run(&["--help"]).await.stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"completions"), "{help}");
    let folder = tempfile::tempdir().unwrap();
    for name in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (script, _) = script(name, folder.path()).await;
        for command in &commands {
            assert!(script.contains(command), "{name}: {command}");
        }
    }
}

#[tokio::test]
async fn a_shell_that_is_installed_takes_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let mut taken = Vec::new();
    for (name, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let (_, path) = script(name, folder.path()).await;
        let Some(said) = shell(name, &[check, &path]) else {
            continue;
        };
        assert!(said.status.success(), "{name}: {said:#?}");
        assert!(said.stderr.is_empty(), "{name}: {said:#?}");
        taken.push(name);
    }
    // That one is on every machine that builds veilstream.
    assert!(taken.contains(&"bash"), "{taken:?}");
}

#[tokio::test]
async fn bash_completes_commands_their_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = script("bash", folder.path()).await;
    for (words, expected) in [
        (&["veilstream", "quar"][..], &["quarantine"][..]),
        (&["veilstream", "in"], &["inspect", "init"]),
        (
            &["veilstream", "keys", "add-"],
            &["add-domain", "add-ledger-key"],
        ),
        (&["veilstream", "run", "--onc"], &["--once"]),
        (&["veilstream", "completions", "z"], &["zsh"]),
    ] {
        let arguments = [&["--norc", "-c", COMPLETE, "bash", &path][..], words].concat();
        let said = shell("bash", &arguments).expect("bash is installed");
        assert!(said.status.success(), "{words:?}: {said:#?}");
        let completed = String::from_utf8(said.stdout).unwrap();
        let mut completed: Vec<_> = completed.lines().collect();
        completed.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(completed, expected, "{words:?}");
    }
}
