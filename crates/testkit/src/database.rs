//! A database for each test, made from an empty template of one private cluster per test binary.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use localpg::Cluster;
use tokio_postgres::{Client, NoTls};

/// One test's own database.
pub struct Database {
    name: String,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        Cluster::builder()
            .durable(false)
            .start()
            .expect("a private PostgreSQL starts")
    })
}

/// Connects without TLS, as is right on the loopback interface.
///
/// # Panics
///
/// When the server does not let us in.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

impl Database {
    /// A new, empty database.
    ///
    /// # Panics
    ///
    /// When PostgreSQL cannot be started.
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&cluster().url("postgres")).await;
        let sql = format!("CREATE DATABASE {name}");
        admin
            .batch_execute(&sql)
            .await
            .expect("a database is created");
        Self { name }
    }

    /// Its connection URI.
    pub fn url(&self) -> String {
        cluster().url(&self.name)
    }

    /// A connection to it.
    ///
    /// # Panics
    ///
    /// When the server does not let us in.
    pub async fn connect(&self) -> Client {
        connect(&self.url()).await
    }

    /// Runs statements.
    ///
    /// # Panics
    ///
    /// When one of them fails.
    pub async fn execute(&self, sql: &str) {
        self.connect()
            .await
            .batch_execute(sql)
            .await
            .expect("the statements succeed");
    }

    /// The rows of a query whose columns are all text, NULL as `None`.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let rows = self
            .connect()
            .await
            .query(sql, &[])
            .await
            .expect("the query succeeds");
        rows.iter()
            .map(|row| (0..row.len()).map(|column| row.get(column)).collect())
            .collect()
    }

    /// A number that a query gives.
    ///
    /// # Panics
    ///
    /// When it gives none.
    pub async fn count(&self, sql: &str) -> i64 {
        self.connect()
            .await
            .query_one(sql, &[])
            .await
            .expect("the query succeeds")
            .get(0)
    }
}
