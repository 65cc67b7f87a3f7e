//! Client certificates: which are shown, which the server takes, whose key is private enough.

use veilstream::load::{connect::Reason, tls::TlsError};

use crate::{
    certificates::Authority,
    servers::{Machine, WITH_TLS, localhost, set_mode},
};

#[tokio::test]
async fn client_certificates_are_shown_and_checked() {
    let machine = Machine::new();
    let authority = &WITH_TLS.client_authority;
    let certified = localhost(&WITH_TLS.cluster, "certified");
    let user = WITH_TLS.cluster.user();
    // Where pg_hba.conf says so, the certificate alone is enough.
    let alone = format!(
        "host=localhost hostaddr=127.0.0.1 port={} user={user} dbname=cert_alone sslmode=require",
        WITH_TLS.cluster.port()
    );

    let error = machine
        .connect(&format!("{certified} sslmode=require"))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("28000"), "{error}");

    let other = machine.certificate(&authority.client("somebody"));
    let error = machine
        .connect(&format!("{alone} {other}"))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("28000"), "{error}");
    // PostgreSQL calls it a wrong password where the certificate comes on top of one.
    let error = machine
        .connect(&format!("{certified} sslmode=require {other}"))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("28P01"), "{error}");
    assert!(error.to_string().contains("client certificate"), "{error}");

    let foreign = machine.certificate(&Authority::new("Foreign").client(user));
    let error = machine
        .connect(&format!("{certified} sslmode=require {foreign}"))
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::Tls(_)), "{error}");
    assert!(error.to_string().contains("sslcert"), "{error}");
    assert!(!error.is_transient());

    let ours = machine.certificate(&authority.client(user));
    assert!(
        machine
            .tls_in_use(&format!("{certified} sslmode=require {ours}"))
            .await
            .unwrap()
    );
    assert!(
        machine
            .tls_in_use(&format!("{alone} {ours}"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_client_certificate_in_the_home_directory_is_used_if_its_key_is_private() {
    let machine = Machine::new();
    let pair = WITH_TLS.client_authority.client(WITH_TLS.cluster.user());
    let server = format!(
        "{} sslmode=require",
        localhost(&WITH_TLS.cluster, "certified")
    );
    machine.file(".postgresql/postgresql.crt", &pair.certificate);
    let error = machine.connect(&server).await.unwrap_err();
    assert!(
        matches!(error.reason(), Reason::TlsSetup(TlsError::NoKey { .. })),
        "{error}"
    );

    let key = machine.file(".postgresql/postgresql.key", &pair.key);
    assert!(machine.tls_in_use(&server).await.unwrap());
    set_mode(&key, 0o644);
    let error = machine.connect(&server).await.unwrap_err();
    assert!(
        matches!(
            error.reason(),
            Reason::TlsSetup(TlsError::KeyNotPrivate { .. })
        ),
        "{error}"
    );
    assert!(error.to_string().contains("chmod 0600"), "{error}");
}
