//! What is said of connections that do not come about, and whether trying again is worth it.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use veilstream::load::connect::Reason;

use crate::servers::{Machine, WITH_TLS, WITHOUT_TLS, localhost};

#[tokio::test]
async fn a_refusal_says_why_and_never_shows_the_password() {
    let machine = Machine::new();
    let port = WITH_TLS.cluster.port();
    let crowded = format!("host=127.0.0.1 port={port} user=crowded password=hunter2");
    let wrong = format!("host=127.0.0.1 port={port} user=crowded password=hunter3 dbname=postgres");
    for (conninfo, sqlstate, transient) in [
        (format!("{wrong} sslmode=disable"), "28P01", false),
        (format!("{wrong} sslmode=allow"), "28P01", false),
        (format!("{wrong} sslmode=prefer"), "28P01", false),
        (format!("{wrong} sslmode=require"), "28P01", false),
        (localhost(&WITH_TLS.cluster, "nowhere"), "3D000", false),
        (format!("{crowded} dbname=postgres"), "53300", true),
        (
            format!(
                "{} options='-c no_such_setting=1'",
                localhost(&WITH_TLS.cluster, "postgres")
            ),
            "42704",
            false,
        ),
    ] {
        let settings = machine.settings(&conninfo);
        let error = settings.connect().await.unwrap_err();
        assert_eq!(error.sqlstate(), Some(sqlstate), "{error}");
        assert_eq!(error.is_transient(), transient, "{error}");
        for text in [
            error.to_string(),
            format!("{error:?}"),
            format!("{settings:?}"),
        ] {
            let secret = ["hunter", WITH_TLS.cluster.password()];
            assert!(!secret.iter().any(|secret| text.contains(secret)), "{text}");
        }
        assert!(error.to_string().contains(&format!(":{port}/")), "{error}");
    }
    let none = format!("host=127.0.0.1 port={port} user=crowded dbname=postgres");
    let error = machine.connect(&none).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::NoPassword), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_worth_waiting_for() {
    let machine = Machine::new();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = machine
        .connect(&format!("host=127.0.0.1 port={closed} user=u"))
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::Unreachable(_)), "{error}");
    assert!(error.is_transient());

    let error = machine
        .connect("host=no-such-host.invalid user=u")
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::Lookup(_)), "{error}");
    assert!(error.is_transient());

    let error = machine
        .connect("host=/nonexistent user=u")
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::Unreachable(_)), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let machine = Machine::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let begun = Instant::now();
    let conninfo = format!("host=127.0.0.1 port={port} user=u connect_timeout=1");
    let error = machine.connect(&conninfo).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::TimedOut { .. }), "{error}");
    assert!(error.is_transient() && begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_next_host_is_tried_where_one_is_away_but_not_where_one_refuses() {
    let machine = Machine::new();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (tls, plain) = (&WITH_TLS.cluster, &*WITHOUT_TLS);
    let user = tls.user();
    let hosts = |first: u16, second: u16, password: &str| {
        format!(
            "host=127.0.0.1,127.0.0.1 port={first},{second} user={user} password={password} \
             dbname=postgres"
        )
    };
    let client = machine
        .connect(&hosts(closed, tls.port(), tls.password()))
        .await
        .unwrap();
    let port: i32 = client
        .query_one("SELECT inet_server_port()", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(port, i32::from(tls.port()));

    let error = machine
        .connect(&hosts(plain.port(), tls.port(), tls.password()))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("28P01"), "{error}");
}

#[tokio::test]
async fn a_session_is_named_and_set_up_as_asked() {
    let machine = Machine::new();
    let server = localhost(&WITH_TLS.cluster, "postgres");
    let asked = format!("{server} options='-c work_mem=3MB' target_session_attrs=primary");
    let client = machine.connect(&asked).await.unwrap();
    let statement = "SELECT current_setting('application_name'), current_setting('work_mem')";
    let row = client.query_one(statement, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), ("veilstream", "3MB"));

    let read_only = "options='-c default_transaction_read_only=on'";
    let asked = format!("{server} target_session_attrs=read-write {read_only}");
    let error = machine.connect(&asked).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::NotWritable), "{error}");
    assert!(error.is_transient());
}
