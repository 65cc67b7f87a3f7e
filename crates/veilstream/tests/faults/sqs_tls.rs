//! How veilstream speaks to the queue: TLS that is verified, and requests that are signed.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use testkit::Scene;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{BINARY, logins::send, sql::Sql, sqs_proxy::SqsProxy};

const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

/// An authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Serves as 127.0.0.1 with a certificate of this authority.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// The authority's certificate as a file.
    fn file(&self, scene: &Scene) -> String {
        let path = scene.folder.path().join("authority.pem");
        std::fs::write(&path, &self.certificate).unwrap();
        path.display().to_string()
    }
}

#[tokio::test]
async fn an_https_queue_of_a_trusted_authority_is_emptied() {
    let scene = Scene::new(BINARY).await;
    let authority = Authority::new("Trusted");
    let proxy = SqsProxy::with_tls(&scene, authority.acceptor()).await;
    send(&scene, 0..50);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("SSL_CERT_FILE", &authority.file(&scene));
    let finished = binary.run(&RUN_ONCE).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(!proxy.calls("ReceiveMessage").is_empty(), "over TLS");
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(50).await;
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn an_https_queue_of_an_unknown_authority_is_not_reached_and_nothing_is_sent() {
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::with_tls(&scene, Authority::new("Unknown").acceptor()).await;
    let other = Authority::new("Trusted");
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("SSL_CERT_FILE", &other.file(&scene));
    for command in ["run", "check"] {
        let finished = binary.run(&[command]).await;
        assert_eq!(finished.code, Some(3), "{finished:#?}");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(said.contains("certificate"), "{finished:#?}");
        assert!(said.contains("SSL_CERT_FILE"), "what to do: {finished:#?}");
    }
    assert!(proxy.calls("GetQueueAttributes").is_empty());
}

#[tokio::test]
async fn every_request_is_signed_for_region_and_service_with_the_environment_s_credentials() {
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    send(&scene, 0..20);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "the-secret-key")
        .with("AWS_SESSION_TOKEN", "the-session-token");
    let finished = binary.run(&RUN_ONCE).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    for action in ["GetQueueAttributes", "ReceiveMessage", "DeleteMessageBatch"] {
        let calls = proxy.calls(action);
        assert!(!calls.is_empty(), "{action}");
        for call in calls {
            let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
            let authorization = header("authorization");
            let date = header("x-amz-date");
            let day = date.split('T').next().unwrap();
            let scope = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/eu-central-1/sqs/aws4_request, "
            );
            assert!(authorization.starts_with(&scope), "{authorization}");
            let signed = authorization.split("SignedHeaders=").nth(1).unwrap();
            for name in ["host", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
                assert!(signed.contains(name), "{name} in {authorization}");
            }
            assert_eq!(header("x-amz-security-token"), "the-session-token");
        }
    }
    for secret in ["the-secret-key", "the-session-token"] {
        assert!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret));
    }
}

#[tokio::test]
async fn on_loopback_without_any_credentials_it_starts_with_placeholders() {
    // GIVEN no credentials anywhere, and a metadata service that would have to be waited for
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    send(&scene, 0..20);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("AWS_EC2_METADATA_DISABLED", "false");
    let finished = binary.run(&RUN_ONCE).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(20).await;
    let calls = proxy.calls("GetQueueAttributes");
    let authorization = calls[0].headers["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("/us-east-1/sqs/aws4_request"),
        "{authorization}"
    );
}
