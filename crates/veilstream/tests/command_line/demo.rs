//! `veilstream demo`.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use testkit::{Binary, Finished, eventually};

use crate::{VEILSTREAM, live::Live};

/// A folder for all temporary files of a run, also for those of the account that PostgreSQL runs
/// as when the tests run as root.
fn temporary() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("its mode");
    folder
}

async fn demo(folder: &TempDir, arguments: &[&str]) -> Finished {
    let temporary = folder.path().display().to_string();
    Binary::new(VEILSTREAM)
        .with("TMPDIR", &temporary)
        .run(arguments)
        .await
}

/// Processes that name a folder in their command line, and files in it.
fn leftovers(folder: &Path) -> Vec<String> {
    let processes = Command::new("ps").args(["-eo", "pid,args"]).output();
    let processes = String::from_utf8(processes.expect("ps runs").stdout).expect("text");
    let name = folder.display().to_string();
    let named = processes.lines().filter(|line| line.contains(&name));
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let files = files.map(|file| file.expect("a file").path().display().to_string());
    named.map(str::to_owned).chain(files).collect()
}

async fn assert_nothing_left(folder: &TempDir) {
    // PostgreSQL's last processes may take a moment to be gone.
    let gone = || async { leftovers(folder.path()).is_empty() };
    eventually("neither process nor file is left", gone).await;
}

#[tokio::test]
async fn the_demo_loads_99_quarantines_1_and_leaves_nothing_behind() {
    let folder = temporary();
    let finished = demo(&folder, &["demo"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let printed = &finished.stdout;
    for words in [
        "99 loaded, 1 quarantined, 0 lost, 0 duplicates, in ",
        "missing_field",
        "NULL",
        "424cdd21…",
        "What to try next:",
        "user_logins",
    ] {
        assert!(printed.contains(words), "no {words:?} in {finished:#?}");
    }
    assert!(!printed.contains("199.172.111.135"), "{finished:#?}");
    let widest = printed.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns: {finished:#?}");
    assert_eq!(finished.stderr, "");
    assert_nothing_left(&folder).await;
}

#[tokio::test]
async fn the_demo_takes_as_many_events_as_it_is_told() {
    let folder = temporary();
    let finished = demo(&folder, &["demo", "--events", "250"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let summary = "248 loaded, 2 quarantined, 0 lost, 0 duplicates";
    assert!(finished.stdout.contains(summary), "{finished:#?}");
    assert_nothing_left(&folder).await;
}

/// Runs a command line as it stands, with the tests' own AWS CLI and the binary on the `PATH`.
fn sh(script: &str) -> Output {
    let venv = testkit::python();
    let path = std::env::join_paths(
        [venv.parent(), Path::new(VEILSTREAM).parent()]
            .into_iter()
            .flatten()
            .map(Path::to_owned)
            .chain(std::env::split_paths(
                &std::env::var_os("PATH").unwrap_or_default(),
            )),
    );
    Command::new("sh")
        .args(["-ec", script])
        .env_clear()
        .env("PATH", path.expect("paths without colons"))
        .env("HOME", "/nonexistent")
        .output()
        .expect("sh runs")
}

/// The printed commands: paragraphs that are indented by two spaces.
fn commands(printed: &str) -> Vec<&str> {
    printed
        .trim_start_matches('\n')
        .split("\n\n")
        .filter(|paragraph| paragraph.starts_with("  "))
        .collect()
}

#[tokio::test]
async fn what_a_demo_that_stays_up_prints_works_as_it_stands() {
    let folder = temporary();
    let name = folder.path().display().to_string();
    let demo = Live::start(&["demo", "--keep"], &[("TMPDIR", &name)]);
    demo.until("Everything stays up until Ctrl-C");
    let printed = demo.until("--keyset");
    let commands = commands(&printed);
    let [psql, aws, run] = commands[..] else {
        panic!("{printed}")
    };
    let output = |script| {
        let output = sh(script);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{stderr}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(output(psql).contains("(10 rows)"));
    assert!(output(aws).contains("MessageId"));
    let loaded = output(run);
    assert!(loaded.starts_with("1 received: 1 loaded, "), "{loaded}");

    demo.signal("INT");
    assert_eq!(demo.finish(), Some(130));
    assert_nothing_left(&folder).await;
}
