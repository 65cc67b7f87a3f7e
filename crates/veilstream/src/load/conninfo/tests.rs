use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::load::tls::Mode;

/// The environment of a test: these variables and no others.
fn environment(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move |name: &str| variables.get(name).cloned()
}

fn resolve(url: &str) -> Result<ConnectionSettings, ConninfoError> {
    ConnectionSettings::resolve(Some(url), &environment(&[("USER", "os-user")]))
}

fn error(url: &str) -> String {
    resolve(url).unwrap_err().to_string()
}

fn password(settings: &ConnectionSettings) -> Option<&str> {
    settings.targets[0]
        .password
        .as_ref()
        .map(|password| password.as_str())
}

#[test]
fn uris_are_read_as_libpq_reads_them() {
    for (url, expected, secret) in [
        ("postgresql://u:p@h:6432/db", "u@h:6432/db", Some("p")),
        ("postgres://u@h/db", "u@h:5432/db", None),
        ("postgresql://h", "os-user@h:5432/os-user", None),
        ("postgresql://u@h", "u@h:5432/u", None),
        (
            "postgresql://u:p%40%3A%2f%25@h/d%20b",
            "u@h:5432/d b",
            Some("p@:/%"),
        ),
        ("postgresql://u:a:b@h/db", "u@h:5432/db", Some("a:b")),
        ("postgresql://u:p?q@h/db", "u@h:5432/db", Some("p?q")),
        ("postgresql://u@[::1]:6432/db", "u@[::1]:6432/db", None),
        (
            "postgresql://u@a:1,b,[::2]:3/db",
            "u@a:1,b:5432,[::2]:3/db",
            None,
        ),
        (
            "postgresql://u@%2Fvar%2Flib%2Fpg:6000/db",
            "u@/var/lib/pg:6000/db",
            None,
        ),
        (
            "postgresql:///db?host=/sockets&port=7&user=u&password=x",
            "u@/sockets:7/db",
            Some("x"),
        ),
        (
            "postgresql://u@h/db?host=other&port=9",
            "u@other:9/db",
            None,
        ),
        (
            "postgresql://u@h?dbname=db&application_name=a%20b",
            "u@h:5432/db",
            None,
        ),
    ] {
        let settings = resolve(url).unwrap();
        assert_eq!(settings.describe(), expected, "{url}");
        assert_eq!(password(&settings), secret, "{url}");
    }
}

#[test]
fn pairs_are_read_as_libpq_reads_them() {
    for (text, expected, secret) in [
        (
            "host=h port=6432 dbname=db user=u password=p",
            "u@h:6432/db",
            Some("p"),
        ),
        ("  host = h\tuser = u\n dbname='d b' ", "u@h:5432/d b", None),
        (
            r"host=h user=u password='it\'s a \\ word'",
            "u@h:5432/u",
            Some(r"it's a \ word"),
        ),
        (r"host=h user=u password=a\ b", "u@h:5432/u", Some("a b")),
        ("host=h user=u password='' dbname=db", "u@h:5432/db", None),
        ("host=a,b port=1,2 user=u", "u@a:1,b:2/u", None),
        ("host=a,b port=1 user=u", "u@a:1,b:1/u", None),
        (
            "host=db.example hostaddr=10.0.0.1 user=u",
            "u@db.example:5432/u",
            None,
        ),
        ("hostaddr=::1 user=u", "u@[::1]:5432/u", None),
        ("host=a host=b user=u", "u@b:5432/u", None),
    ] {
        let settings = resolve(text).unwrap();
        assert_eq!(settings.describe(), expected, "{text}");
        assert_eq!(password(&settings), secret, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_refused_without_quoting_it() {
    for (url, expected) in [
        ("secret", "neither a URI"),
        ("mysql://u:secret@h/db", "has to begin with postgresql://"),
        ("postgresql://u:secret%zz@h", "percent-encode"),
        ("postgresql://u:secret%00@h", "%00"),
        ("postgresql://u:secret%ff@h", "not UTF-8"),
        ("postgresql://[::1/db", "`]`"),
        ("postgresql://[::1]secret/db", "`]`"),
        ("postgresql://h/db?secret", "no `=`"),
        ("postgresql://h/db?sslmode=secret=x", "two `=`"),
        ("host=h password='secret", "closing quote"),
        ("host=h secret", "`=`"),
        ("host=h port=secret", "port"),
        ("host=h port=0", "port"),
        ("host=h port=65536", "port"),
        ("hostaddr=secret", "hostaddr"),
        ("host=@secret", "abstract"),
        ("host=h sslmode=secret", "sslmode"),
        ("host=h connect_timeout=secret", "connect_timeout"),
        (
            "host=h target_session_attrs=standby",
            "read-write or primary",
        ),
        ("host=h channel_binding=secret", "channel_binding"),
        ("host=h keepalives_idle=secret", "keepalives_idle"),
        ("host=a,b hostaddr=1.1.1.1", "2 hosts, but 1 addresses"),
        ("host=a,b,c port=1,2", "3 hosts, but 2 ports"),
        ("host=h sslrootcert=system sslmode=require", "verify-full"),
        ("host=h sslnegotiation=direct", "sslnegotiation=direct"),
        ("host=h ssl_max_protocol_version=TLSv1.1", "TLS 1.2"),
        ("host=h SECRET=x", "not shown"),
    ] {
        let text = error(url);
        assert!(text.contains(expected), "{url}: {text}");
        assert!(!text.to_lowercase().contains("secret"), "{url}: {text}");
    }
}

#[test]
fn no_parameter_is_silently_ignored() {
    assert!(error("host=h no_such_thing=1").contains("unknown parameter `no_such_thing`"));
    for name in [
        "service",
        "sslcrl",
        "sslpassword",
        "require_auth",
        "requirepeer",
        "krbsrvname",
    ] {
        let text = error(&format!("host=h {name}=x"));
        assert!(
            text.contains(name) && text.contains("not supported"),
            "{text}"
        );
    }
    assert!(error("host=h gssencmode=require").contains("gssencmode"));
    assert!(resolve("host=h gssencmode=disable client_encoding=UTF8 sslcompression=0").is_ok());
    let service = environment(&[("USER", "u"), ("PGSERVICE", "x")]);
    let text = ConnectionSettings::resolve(None, &service)
        .unwrap_err()
        .to_string();
    assert!(text.contains("PGSERVICE"), "{text}");
}

#[test]
fn the_url_beats_the_variables_and_they_beat_the_defaults() {
    let variables = environment(&[
        ("PGHOST", "env-host"),
        ("PGPORT", "7000"),
        ("PGDATABASE", "env-db"),
        ("PGUSER", "env-user"),
        ("PGPASSWORD", "env-password"),
        ("PGAPPNAME", "env-app"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGOPTIONS", "-c work_mem=1MB"),
        ("PGCHANNELBINDING", "require"),
        ("PGTARGETSESSIONATTRS", "read-write"),
        ("PGSSLMODE", "require"),
        ("USER", "os-user"),
    ]);
    let settings = ConnectionSettings::resolve(None, &variables).unwrap();
    assert_eq!(settings.describe(), "env-user@env-host:7000/env-db");
    assert_eq!(password(&settings), Some("env-password"));
    assert_eq!(settings.application_name, "env-app");
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(settings.options.as_deref(), Some("-c work_mem=1MB"));
    assert_eq!(settings.channel_binding, ChannelBinding::Require);
    assert_eq!(settings.session, SessionAttributes::ReadWrite);

    let url = "postgresql://u:p@h:1/db?application_name=a&connect_timeout=0";
    let settings = ConnectionSettings::resolve(Some(url), &variables).unwrap();
    assert_eq!(settings.describe(), "u@h:1/db");
    assert_eq!(password(&settings), Some("p"));
    assert_eq!(settings.application_name, "a");
    assert_eq!(settings.connect_timeout, None);

    // A host without a port leaves the port to the variable.
    let settings = ConnectionSettings::resolve(Some("postgresql://h"), &variables).unwrap();
    assert_eq!(settings.describe(), "env-user@h:7000/env-db");
    let text = ConnectionSettings::resolve(
        None,
        &environment(&[("USER", "u"), ("PGHOST", "h"), ("PGPORT", "x")]),
    );
    assert!(text.unwrap_err().to_string().contains("PGPORT"));
}

#[test]
fn what_nobody_says_has_a_default_that_suits_a_service() {
    let settings = resolve("postgresql://h").unwrap();
    assert_eq!(settings.application_name, "veilstream");
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(settings.tcp_user_timeout, Some(Duration::from_mins(1)));
    assert_eq!(
        settings.keepalive.unwrap().idle,
        Some(Duration::from_secs(30))
    );
    assert_eq!(resolve("host=h keepalives=0").unwrap().keepalive, None);
    assert_eq!(
        resolve("host=h tcp_user_timeout=1500")
            .unwrap()
            .tcp_user_timeout
            .unwrap()
            .as_millis(),
        1500
    );
    assert_eq!(
        ConnectionSettings::resolve(Some("host=h"), &|_| None).unwrap_err(),
        ConninfoError::NoUser
    );
}

#[test]
fn the_tls_mode_is_found_wherever_it_stands() {
    for (url, variable, expected) in [
        ("host=h", None, Mode::Prefer),
        ("host=h", Some("require"), Mode::Require),
        ("host=h sslmode=disable", Some("require"), Mode::Disable),
        ("postgresql://h/db?sslmode=verify-ca", None, Mode::VerifyCa),
        ("postgresql://h/db?ssl=true", None, Mode::Require),
        ("host=h sslrootcert=system", None, Mode::VerifyFull),
        ("host=h sslrootcert=/a.crt", None, Mode::Prefer),
        ("host=h sslmode=allow", None, Mode::Allow),
    ] {
        let mut variables = vec![("USER", "u")];
        variables.extend(variable.map(|value| ("PGSSLMODE", value)));
        let settings = ConnectionSettings::resolve(Some(url), &environment(&variables)).unwrap();
        assert_eq!(settings.tls.mode(), expected, "{url} {variable:?}");
    }
}

#[test]
fn the_password_is_never_shown() {
    let settings = resolve("postgresql://u:hunter2@h/db").unwrap();
    for text in [
        format!("{settings:?}"),
        format!("{settings:#?}"),
        settings.to_string(),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn with_passwords(text: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".pgpass"), text).unwrap();
        let home = Self(home);
        home.set_mode(0o600);
        home
    }

    fn set_mode(&self, mode: u32) {
        let file = self.0.path().join(".pgpass");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn password_for(&self, url: &str) -> Option<String> {
        let home = self.0.path().to_str().unwrap();
        let variables = environment(&[("USER", "os-user"), ("HOME", home)]);
        let settings = ConnectionSettings::resolve(Some(url), &variables).unwrap();
        password(&settings).map(str::to_owned)
    }
}

#[test]
fn the_password_file_is_searched_from_the_top() {
    let home = Home::with_passwords(concat!(
        "# h:5432:db:u:commented\n",
        "h:5432:db:u:exact\n",
        "h:*:db:u:any port\n",
        r"odd\:host:5432:d\\b:u:co\:lon\\",
        "\n",
        "localhost:5432:*:u:socket\n",
        "*:*:*:other:any\r\n",
        "short:line\n",
    ));
    for (url, expected) in [
        ("postgresql://u@h/db", Some("exact")),
        ("postgresql://u@h:1/db", Some("any port")),
        ("postgresql://u@h/elsewhere", None),
        (r"host='odd:host' dbname='d\\b' user=u", Some(r"co:lon\")),
        ("host=/var/run/postgresql user=u", Some("socket")),
        ("host=/elsewhere user=u", None),
        ("postgresql://other@whatever:9/x", Some("any")),
        ("host=h hostaddr=10.0.0.1 user=u dbname=db", Some("exact")),
        ("postgresql://u:given@h/db", Some("given")),
    ] {
        assert_eq!(home.password_for(url).as_deref(), expected, "{url}");
    }
}

#[test]
fn every_host_gets_the_password_of_its_own() {
    let home = Home::with_passwords("a:*:*:*:first\nb:*:*:*:second\n");
    let directory = home.0.path().to_str().unwrap();
    let variables = environment(&[("USER", "u"), ("HOME", directory)]);
    let settings = ConnectionSettings::resolve(Some("host=a,b"), &variables).unwrap();
    let passwords: Vec<_> = settings
        .targets
        .iter()
        .map(|t| t.password.clone().unwrap())
        .collect();
    assert_eq!(*passwords[0], "first");
    assert_eq!(*passwords[1], "second");
}

#[test]
fn a_password_file_that_others_can_read_is_not_used() {
    let home = Home::with_passwords("*:*:*:*:open\n");
    assert_eq!(home.password_for("host=h").as_deref(), Some("open"));
    for mode in [0o640, 0o604, 0o660] {
        home.set_mode(mode);
        assert_eq!(home.password_for("host=h"), None, "{mode:o}");
    }
}

#[test]
fn the_password_file_can_be_named() {
    let home = Home::with_passwords("*:*:*:*:named\n");
    let file = home.0.path().join(".pgpass");
    let file = file.to_str().unwrap();
    let by_variable = environment(&[("USER", "u"), ("PGPASSFILE", file)]);
    let settings = ConnectionSettings::resolve(Some("host=h"), &by_variable).unwrap();
    assert_eq!(password(&settings), Some("named"));
    assert_eq!(
        password(&resolve(&format!("host=h passfile='{file}'")).unwrap()),
        Some("named")
    );
}
