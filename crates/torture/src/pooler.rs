//! PgBouncer in transaction mode, in front of the run's own PostgreSQL.

use std::{
    env,
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use localpg::Cluster;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// Free ports tried: between choosing one and PgBouncer's taking it, another process can.
const PORTS_TRIED: usize = 5;
const READY_WITHIN: Duration = Duration::from_secs(10);
/// Where packages put it, beside the `PATH`.
const OTHER_FOLDERS: [&str; 4] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

/// A running PgBouncer; dropping it ends it. Its files go with those of the cluster.
pub(crate) struct Pooler {
    _process: Child,
    port: u16,
}

impl Pooler {
    /// Starts one in front of a cluster, with the cluster's account and superuser.
    pub(crate) async fn start(cluster: &Cluster, logs: &Path) -> Result<Self> {
        let program =
            program().context("there is no pgbouncer: run scripts/prerequisites tests")?;
        let users = format!("\"{}\" \"{}\"\n", cluster.user(), cluster.password());
        let users = cluster.write_private("pgbouncer-users.txt", &users)?;
        for number in 0..PORTS_TRIED {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            drop(listener);
            let settings = settings(cluster, &users, port);
            let settings = cluster.write_private(&format!("pgbouncer-{number}.ini"), &settings)?;
            let mut command = Command::from(cluster.command(&program));
            command
                .arg(settings)
                .stdout(Stdio::null())
                .stderr(File::create(logs.join("pgbouncer.log"))?)
                .kill_on_drop(true);
            let mut process = command.spawn()?;
            if is_ready(&mut process, port).await? {
                return Ok(Self {
                    _process: process,
                    port,
                });
            }
        }
        bail!("pgbouncer does not start: see {}", logs.display());
    }

    /// A connection URI of the cluster, with PgBouncer in its place.
    pub(crate) fn url(&self, cluster: &Cluster, database: &str) -> String {
        let port = format!(":{}/", cluster.port());
        let own = format!(":{}/", self.port);
        cluster.url(database).replace(&port, &own)
    }
}

fn settings(cluster: &Cluster, users: &Path, port: u16) -> String {
    format!(
        "[databases]\n* = host=127.0.0.1 port={}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n\
         pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 10\n\
         server_login_retry = 1\n",
        cluster.port(),
        users.display(),
    )
}

async fn is_ready(process: &mut Child, port: u16) -> Result<bool> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    while process.try_wait()?.is_none() && tokio::time::Instant::now() < deadline {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_ok()
        {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(OTHER_FOLDERS.map(PathBuf::from));
    folders
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}
