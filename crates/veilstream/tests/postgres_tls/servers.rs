//! The servers that the tests connect to, and how they connect.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use localpg::{Cluster, TlsFiles};
use tempfile::TempDir;
use tokio_postgres::Client;
use veilstream::load::{connect::ConnectError, conninfo::ConnectionSettings};

use crate::certificates::{Authority, Pair};

/// Databases with access rules of their own; every other database lets everybody in by password.
const HBA: &str = "
hostnossl  tls_only    all  127.0.0.1/32  reject
hostssl    plain_only  all  127.0.0.1/32  reject
hostssl    certified   all  127.0.0.1/32  scram-sha-256  clientcert=verify-full
hostssl    cert_alone  all  127.0.0.1/32  cert
host       all         all  127.0.0.1/32  scram-sha-256
local      all         all                scram-sha-256
";

/// A server with TLS, and the authorities that it and its clients know.
pub(crate) struct TlsServer {
    pub(crate) cluster: Cluster,
    pub(crate) authority: Authority,
    pub(crate) client_authority: Authority,
    /// Where its Unix socket is.
    pub(crate) sockets: TempDir,
}

/// Its certificate is for `localhost` and 127.0.0.1.
pub(crate) static WITH_TLS: LazyLock<TlsServer> = LazyLock::new(|| {
    let authority = Authority::new("Server Authority");
    let client_authority = Authority::new("Client Authority");
    let server = authority.server(&["localhost", "127.0.0.1"]);
    let sockets = tempfile::tempdir().unwrap();
    fs::set_permissions(sockets.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let cluster = Cluster::builder()
        .durable(false)
        .setting("unix_socket_directories", sockets.path().to_str().unwrap())
        .hba(HBA)
        .tls(TlsFiles {
            certificate: server.certificate,
            key: server.key,
            client_ca: Some(client_authority.certificate.clone()),
        })
        .start()
        .unwrap();
    for database in ["tls_only", "plain_only", "certified", "cert_alone"] {
        run_sql(&cluster, &format!("CREATE DATABASE {database}"));
    }
    run_sql(
        &cluster,
        "CREATE ROLE crowded LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 0",
    );
    TlsServer {
        cluster,
        authority,
        client_authority,
        sockets,
    }
});

pub(crate) static WITHOUT_TLS: LazyLock<Cluster> =
    LazyLock::new(|| Cluster::builder().durable(false).start().unwrap());

/// A server with a certificate of its own making.
pub(crate) fn server_with(pair: &Pair) -> Cluster {
    let (certificate, key) = (pair.certificate.clone(), pair.key.clone());
    let tls = TlsFiles {
        certificate,
        key,
        client_ca: None,
    };
    Cluster::builder().durable(false).tls(tls).start().unwrap()
}

fn run_sql(cluster: &Cluster, statement: &str) {
    let output = std::process::Command::new(Cluster::binaries().unwrap().program("psql"))
        .args(["-X", "-q", "-c", statement])
        .arg(cluster.url("postgres"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A client's machine: a home directory of its own, with the files that the test puts there.
pub(crate) struct Machine(TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        path
    }

    /// `sslcert=… sslkey=…`
    pub(crate) fn certificate(&self, pair: &Pair) -> String {
        let certificate = self.file("client.crt", &pair.certificate);
        let key = self.file("client.key", &pair.key);
        format!("sslcert={} sslkey={}", certificate.display(), key.display())
    }

    /// `sslrootcert=…`
    pub(crate) fn root(&self, certificate: &str) -> String {
        format!(
            "sslrootcert={}",
            self.file("root.pem", certificate).display()
        )
    }

    pub(crate) fn settings(&self, conninfo: &str) -> ConnectionSettings {
        let home = self.0.path().to_str().unwrap().to_owned();
        let env = move |name: &str| (name == "HOME").then(|| home.clone());
        ConnectionSettings::resolve(Some(conninfo), &env).unwrap()
    }

    pub(crate) async fn connect(&self, conninfo: &str) -> Result<Client, ConnectError> {
        self.settings(conninfo).connect().await
    }

    /// Whether the server says that TLS is in use, or why it could not be asked.
    pub(crate) async fn tls_in_use(&self, conninfo: &str) -> Result<bool, ConnectError> {
        let client = self.connect(conninfo).await?;
        let statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Ok(client.query_one(statement, &[]).await.unwrap().get(0))
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// How to reach a database of a cluster at 127.0.0.1, but for the host's name.
pub(crate) fn at(cluster: &Cluster, database: &str) -> String {
    format!(
        "port={} user={} password={} dbname={database}",
        cluster.port(),
        cluster.user(),
        cluster.password()
    )
}

/// The same, with the host `localhost`.
pub(crate) fn localhost(cluster: &Cluster, database: &str) -> String {
    format!(
        "host=localhost hostaddr=127.0.0.1 {}",
        at(cluster, database)
    )
}
