//! A private cluster on the machine's own PostgreSQL: it works, it comes back, it leaves nothing.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use localpg::{Cluster, Error};

fn cluster() -> Cluster {
    Cluster::builder().durable(false).start().unwrap()
}

/// What `psql` prints for a statement.
fn sql(cluster: &Cluster, statement: &str) -> String {
    let output = psql(cluster, statement);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn psql(cluster: &Cluster, statement: &str) -> std::process::Output {
    Command::new(Cluster::binaries().unwrap().program("psql"))
        .args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ])
        .arg(cluster.url("postgres"))
        .output()
        .unwrap()
}

fn postmaster(data_directory: &Path) -> String {
    let text = std::fs::read_to_string(data_directory.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

/// Processes whose command line names this directory. The server, its watchdog and their children.
fn processes_of(directory: &Path) -> Vec<String> {
    let output = Command::new("ps")
        .args(["-A", "-ww", "-o", "pid=,args="])
        .output()
        .unwrap();
    let directory = directory.to_str().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains(directory))
        .map(str::to_owned)
        .collect()
}

fn exists(pid: &str) -> bool {
    let status = Command::new("kill")
        .args(["-0", pid])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.success()
}

#[test]
fn a_new_cluster_accepts_connections_and_is_set_up_as_asked() {
    let cluster = Cluster::builder()
        .durable(false)
        .setting("application_name", r"it's a \ test")
        .start()
        .unwrap();
    assert_eq!(sql(&cluster, "select current_user"), cluster.user());
    assert_eq!(sql(&cluster, "show server_encoding"), "UTF8");
    assert_eq!(sql(&cluster, "show fsync"), "off");
    assert_eq!(sql(&cluster, "show listen_addresses"), cluster.host());
    assert_eq!(
        sql(
            &cluster,
            "select setting from pg_file_settings where name = 'application_name'"
        ),
        r"it's a \ test"
    );
    assert!(sql(&cluster, "show server_version").starts_with(cluster.version()));
    assert!(!cluster.directory().join("password").exists());
    cluster.stop().unwrap();
}

#[test]
fn nobody_gets_in_without_the_password() {
    let cluster = cluster();
    let wrong = cluster.url("postgres").replace(cluster.password(), "wrong");
    let output = Command::new(Cluster::binaries().unwrap().program("psql"))
        .args(["-X", "-c", "select 1"])
        .arg(wrong)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("password authentication failed"));
    assert!(!format!("{cluster:?}").contains(cluster.password()));
}

#[test]
fn data_survives_an_immediate_stop() {
    let mut cluster = cluster();
    sql(&cluster, "create table t as select 42 as n");
    let port = cluster.port();
    cluster.stop_immediate();
    assert!(
        !psql(&cluster, "select 1").status.success(),
        "it should be down"
    );
    cluster.stop_immediate();
    cluster.start_again().unwrap();
    cluster.start_again().unwrap();
    assert_eq!(cluster.port(), port);
    assert_eq!(sql(&cluster, "select n from t"), "42");
    assert!(
        cluster.log_tail().contains("was not properly shut down"),
        "it was a clean stop"
    );
}

#[test]
fn a_server_that_was_killed_can_be_started_again() {
    let mut cluster = cluster();
    sql(&cluster, "create table t as select 42 as n");
    let pid = postmaster(cluster.data_directory());
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    wait_until("it is down", || {
        !psql(&cluster, "select 1").status.success()
    });
    // Its children take a moment to notice, and PostgreSQL does not start beside them.
    wait_until("the server can be started again", || {
        cluster.start_again().is_ok()
    });
    assert_eq!(sql(&cluster, "select n from t"), "42");
}

#[test]
fn dropping_leaves_neither_process_nor_file() {
    let cluster = cluster();
    let directory = cluster.directory().to_owned();
    let pid = postmaster(cluster.data_directory());
    assert!(!processes_of(&directory).is_empty());
    drop(cluster);
    assert!(!directory.exists());
    assert!(!exists(&pid));
    assert_eq!(processes_of(&directory), Vec::<String>::new());
}

#[test]
fn dropping_with_open_connections_does_not_wait_for_them() {
    let cluster = cluster();
    let directory = cluster.directory().to_owned();
    let mut client = Command::new(Cluster::binaries().unwrap().program("psql"))
        .args(["-X", "-A", "-t", "-q"])
        .arg(cluster.url("postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input
        .write_all(b"begin; select 'in a transaction';\n")
        .unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line.trim(), "in a transaction");
    let begun = Instant::now();
    drop(cluster);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert!(!directory.exists());
    drop(input);
    client.wait().unwrap();
}

#[test]
fn a_killed_watchdog_is_made_up_for() {
    let cluster = cluster();
    let directory = cluster.directory().to_owned();
    let watchdog = processes_of(&directory)
        .into_iter()
        .find(|line| line.contains("veilstream-pg-watchdog"))
        .unwrap();
    let pid = watchdog.split_whitespace().next().unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", pid])
            .status()
            .unwrap()
            .success()
    );
    let server = postmaster(cluster.data_directory());
    drop(cluster);
    assert!(!directory.exists());
    wait_until("the server is gone", || !exists(&server));
}

#[test]
fn sigkill_of_the_owner_leaves_neither_process_nor_file() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "owner_that_gets_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (directory, pid) = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("CLUSTER ")?;
            let (pid, directory) = rest.split_once(' ')?;
            Some((PathBuf::from(directory), pid.to_owned()))
        })
        .unwrap();
    assert!(directory.exists() && exists(&pid));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("process and files are gone", || {
        !directory.exists() && !exists(&pid) && processes_of(&directory).is_empty()
    });
}

#[test]
#[ignore = "started and killed by sigkill_of_the_owner_leaves_neither_process_nor_file"]
fn owner_that_gets_killed() {
    let cluster = cluster();
    println!(
        "\nCLUSTER {} {}",
        postmaster(cluster.data_directory()),
        cluster.directory().display()
    );
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = Cluster::builder()
        .durable(false)
        .port(port)
        .start()
        .unwrap_err();
    assert!(matches!(error, Error::Exited { .. }), "{error}");
    assert!(
        error.to_string().contains("Address already in use"),
        "{error}"
    );
}

#[test]
fn an_unknown_setting_is_shown_as_the_server_puts_it() {
    let before = Instant::now();
    let error = Cluster::builder()
        .setting("no_such_setting", "1")
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    assert!(
        before.elapsed() < Duration::from_secs(20),
        "a dead server is not waited for"
    );
}

#[test]
fn a_directory_without_binaries_is_refused_with_advice() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tells_why_it_cannot_start",
            "--ignored",
            "--nocapture",
        ])
        .env("VEILSTREAM_PG_BIN", empty.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("scripts/prerequisites"), "{text}");
    assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
}

#[test]
#[ignore = "started by a_directory_without_binaries_is_refused_with_advice"]
fn tells_why_it_cannot_start() {
    println!("{}", Cluster::builder().start().unwrap_err());
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for is another process's end"
)]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "not so after 20 s: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
