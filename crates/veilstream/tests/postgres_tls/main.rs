//! `sslmode` and its relatives against real servers, proved by what the server says of the session.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod certificates;
mod client_certificates;
mod refusals;
mod servers;

use certificates::{Authority, self_signed, self_signed_version_1};
use servers::{Machine, WITH_TLS, WITHOUT_TLS, at, localhost, server_with};
use veilstream::load::{connect::Reason, tls::TlsError};

const MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

#[tokio::test]
async fn each_mode_uses_tls_as_it_says_where_the_server_has_it() {
    let machine = Machine::new();
    let root = machine.root(&WITH_TLS.authority.certificate);
    let server = localhost(&WITH_TLS.cluster, "postgres");
    for (mode, expected) in MODES.iter().zip([false, false, true, true, true, true]) {
        let used = machine
            .tls_in_use(&format!("{server} sslmode={mode} {root}"))
            .await;
        assert_eq!(used.unwrap(), expected, "{mode}");
    }
    assert!(
        machine.tls_in_use(&server).await.unwrap(),
        "prefer is the default"
    );
}

#[tokio::test]
async fn without_tls_on_the_server_only_the_modes_that_insist_on_it_fail() {
    let machine = Machine::new();
    let root = machine.root(&Authority::new("Any").certificate);
    let server = localhost(&WITHOUT_TLS, "postgres");
    for mode in ["disable", "allow", "prefer"] {
        let used = machine
            .tls_in_use(&format!("{server} sslmode={mode} {root}"))
            .await;
        assert!(!used.unwrap(), "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = machine
            .connect(&format!("{server} sslmode={mode} {root}"))
            .await
            .unwrap_err();
        assert!(matches!(error.reason(), Reason::NoTls), "{mode}: {error}");
        assert!(!error.is_transient());
        assert!(error.to_string().contains("does not offer TLS"), "{error}");
    }
}

#[tokio::test]
async fn a_foreign_authority_is_refused_wherever_roots_are_known() {
    let machine = Machine::new();
    let root = machine.root(&Authority::new("Foreign").certificate);
    let server = localhost(&WITH_TLS.cluster, "postgres");
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = machine
            .connect(&format!("{server} sslmode={mode} {root}"))
            .await
            .unwrap_err();
        assert!(matches!(error.reason(), Reason::Tls(_)), "{mode}: {error}");
        assert!(error.to_string().contains("sslrootcert"), "{error}");
        assert!(!error.is_transient());
    }
    let prefer = machine
        .tls_in_use(&format!("{server} sslmode=prefer {root}"))
        .await;
    assert!(!prefer.unwrap(), "prefer goes without where TLS fails");
    let only = localhost(&WITH_TLS.cluster, "tls_only");
    let error = machine
        .connect(&format!("{only} sslmode=prefer {root}"))
        .await
        .unwrap_err();
    assert!(
        matches!(error.reason(), Reason::Tls(_)),
        "the cause, not its consequence: {error}"
    );
}

#[tokio::test]
async fn root_certificates_in_the_home_directory_count() {
    let machine = Machine::new();
    let server = localhost(&WITH_TLS.cluster, "postgres");
    for mode in ["verify-ca", "verify-full"] {
        let error = machine
            .connect(&format!("{server} sslmode={mode}"))
            .await
            .unwrap_err();
        let missing = matches!(error.reason(), Reason::TlsSetup(TlsError::NoRoots { .. }));
        assert!(
            missing && error.to_string().contains(".postgresql/root.crt"),
            "{error}"
        );
    }
    assert!(
        machine
            .tls_in_use(&format!("{server} sslmode=require"))
            .await
            .unwrap()
    );

    machine.file(
        ".postgresql/root.crt",
        &Authority::new("Foreign").certificate,
    );
    let error = machine
        .connect(&format!("{server} sslmode=require"))
        .await
        .unwrap_err();
    assert!(
        matches!(error.reason(), Reason::Tls(_)),
        "require is verify-ca now: {error}"
    );

    machine.file(".postgresql/root.crt", &WITH_TLS.authority.certificate);
    assert!(
        machine
            .tls_in_use(&format!("{server} sslmode=verify-full"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_named_file_that_is_missing_or_unfit_is_an_error() {
    let machine = Machine::new();
    let server = localhost(&WITH_TLS.cluster, "postgres");
    let text = machine.file("text", "no certificate");
    for (parameters, expected) in [
        (
            "sslmode=require sslrootcert=/nonexistent".to_owned(),
            "sslrootcert",
        ),
        ("sslmode=require sslcert=/nonexistent".to_owned(), "sslcert"),
        (
            format!("sslmode=verify-ca sslrootcert={}", text.display()),
            "no certificate in PEM",
        ),
    ] {
        let error = machine
            .connect(&format!("{server} {parameters}"))
            .await
            .unwrap_err();
        assert!(matches!(error.reason(), Reason::TlsSetup(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn only_verify_full_compares_the_host() {
    let machine = Machine::new();
    let root = machine.root(&WITH_TLS.authority.certificate);
    let rest = format!(
        "hostaddr=127.0.0.1 {} {root}",
        at(&WITH_TLS.cluster, "postgres")
    );
    for (host, right) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("db.example", false),
        ("127.0.0.2", false),
    ] {
        for mode in ["require", "verify-ca"] {
            let used = machine
                .tls_in_use(&format!("host={host} {rest} sslmode={mode}"))
                .await;
            assert!(used.unwrap(), "{mode} {host}");
        }
        let full = machine
            .tls_in_use(&format!("host={host} {rest} sslmode=verify-full"))
            .await;
        match full {
            Ok(used) => assert!(used && right, "{host}"),
            Err(error) => {
                assert!(
                    !right && matches!(error.reason(), Reason::Tls(_)),
                    "{host}: {error}"
                );
                assert!(error.to_string().contains("another host"), "{error}");
            }
        }
    }
    let error = machine
        .connect(&format!("{rest} sslmode=verify-full"))
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::NoName), "{error}");
}

#[tokio::test]
async fn the_systems_roots_do_not_vouch_for_a_private_authority() {
    let machine = Machine::new();
    let server = localhost(&WITH_TLS.cluster, "postgres");
    let error = machine
        .connect(&format!("{server} sslrootcert=system"))
        .await
        .unwrap_err();
    let no_roots = matches!(error.reason(), Reason::TlsSetup(TlsError::NoSystemRoots));
    assert!(
        no_roots || matches!(error.reason(), Reason::Tls(_)),
        "{error}"
    );
}

#[tokio::test]
async fn allow_and_prefer_try_the_other_way_where_the_server_refuses() {
    let machine = Machine::new();
    let tls_only = localhost(&WITH_TLS.cluster, "tls_only");
    let plain_only = localhost(&WITH_TLS.cluster, "plain_only");
    for (server, mode, expected) in [
        (&tls_only, "allow", Some(true)),
        (&tls_only, "prefer", Some(true)),
        (&tls_only, "require", Some(true)),
        (&tls_only, "disable", None),
        (&plain_only, "allow", Some(false)),
        (&plain_only, "prefer", Some(false)),
        (&plain_only, "disable", Some(false)),
        (&plain_only, "require", None),
    ] {
        let outcome = machine
            .tls_in_use(&format!("{server} sslmode={mode}"))
            .await;
        match (outcome, expected) {
            (Ok(used), Some(expected)) => assert_eq!(used, expected, "{mode}"),
            (Err(error), None) => assert_eq!(error.sqlstate(), Some("28000"), "{error}"),
            (Ok(used), None) => panic!("{mode} should have been refused, TLS {used}"),
            (Err(error), Some(_)) => panic!("{mode}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_certificates_of_postgresqls_own_instructions_work() {
    let machine = Machine::new();
    // `openssl req -x509`: an authority that is the server, known by its common name.
    let pair = self_signed("db.example");
    let server = server_with(&pair);
    let (rest, root) = (at(&server, "postgres"), machine.root(&pair.certificate));
    let host = "host=db.example hostaddr=127.0.0.1";
    for mode in ["require", "verify-ca", "verify-full"] {
        let used = machine
            .tls_in_use(&format!("{host} {rest} sslmode={mode} {root}"))
            .await;
        assert!(used.unwrap(), "{mode}");
    }
    let elsewhere =
        format!("host=other.example hostaddr=127.0.0.1 {rest} sslmode=verify-full {root}");
    let error = machine.connect(&elsewhere).await.unwrap_err();
    assert!(error.to_string().contains("another host"), "{error}");
    let root = machine.root(&self_signed("db.example").certificate);
    let error = machine
        .connect(&format!("{host} {rest} sslmode=verify-ca {root}"))
        .await;
    assert!(matches!(error.unwrap_err().reason(), Reason::Tls(_)));

    // The same signed by an authority of one's own.
    let authority = Authority::new("Own");
    let server = server_with(&authority.server_by_common_name("*.example"));
    let (rest, root) = (
        at(&server, "postgres"),
        machine.root(&authority.certificate),
    );
    let full = machine
        .tls_in_use(&format!("{host} {rest} sslmode=verify-full {root}"))
        .await;
    assert!(full.unwrap());

    // `openssl x509 -req`: version 1 of X.509, which rustls by itself does not take.
    let pair = self_signed_version_1("db.example");
    let server = server_with(&pair);
    let rest = at(&server, "postgres");
    for mode in ["prefer", "require"] {
        assert!(
            machine
                .tls_in_use(&format!("{host} {rest} sslmode={mode}"))
                .await
                .unwrap()
        );
    }
    let root = machine.root(&pair.certificate);
    let used = machine
        .tls_in_use(&format!("{host} {rest} sslmode=verify-ca {root}"))
        .await;
    assert!(used.unwrap());
}

#[tokio::test]
async fn versions_and_channel_binding_are_as_asked() {
    let machine = Machine::new();
    let server = format!(
        "{} sslmode=require",
        localhost(&WITH_TLS.cluster, "postgres")
    );
    for (parameter, expected) in [
        ("ssl_max_protocol_version=TLSv1.2", "TLSv1.2"),
        ("ssl_min_protocol_version=TLSv1.3", "TLSv1.3"),
        ("channel_binding=require", "TLSv1.3"),
        ("channel_binding=disable sslsni=0", "TLSv1.3"),
    ] {
        let client = machine
            .connect(&format!("{server} {parameter}"))
            .await
            .unwrap();
        let statement = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let version: String = client.query_one(statement, &[]).await.unwrap().get(0);
        assert_eq!(version, expected, "{parameter}");
    }
    let plain = format!(
        "{} channel_binding=require",
        localhost(&WITHOUT_TLS, "postgres")
    );
    let error = machine.connect(&plain).await.unwrap_err();
    assert!(
        matches!(error.reason(), Reason::Authentication(_)),
        "{error}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn on_a_unix_socket_there_is_no_tls_whatever_the_mode() {
    let machine = Machine::new();
    let server = at(&WITH_TLS.cluster, "postgres");
    let directory = WITH_TLS.sockets.path().display();
    for mode in MODES {
        let used = machine
            .tls_in_use(&format!("host={directory} {server} sslmode={mode}"))
            .await;
        assert!(!used.unwrap(), "{mode}");
    }
}
