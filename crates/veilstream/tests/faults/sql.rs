//! A second look at the database, over a connection that no proxy is in.

use tokio_postgres::{Client, NoTls};

/// A connection of the test's own.
pub(crate) struct Sql(Client);

impl Sql {
    pub(crate) async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.0.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Rows in the target table.
    pub(crate) async fn rows(&self) -> i64 {
        self.count("SELECT count(*) FROM user_logins").await
    }

    /// Keys in the ledger.
    pub(crate) async fn keys(&self) -> i64 {
        self.count("SELECT count(*) FROM veilstream.ledger").await
    }

    /// Every message is in exactly one place: one row each, and one key each.
    pub(crate) async fn assert_each_once(&self, messages: usize) {
        let messages = i64::try_from(messages).unwrap();
        let different = "SELECT count(DISTINCT user_id) FROM user_logins";
        assert_eq!(self.count(different).await, messages, "none is lost");
        assert_eq!(self.rows().await, messages, "none is there twice");
        assert_eq!(self.keys().await, messages, "each has its key");
    }

    /// Nothing of any message is in the database.
    pub(crate) async fn assert_empty(&self) {
        assert_eq!(self.rows().await, 0);
        assert_eq!(self.keys().await, 0);
        let quarantined = "SELECT count(*) FROM veilstream.quarantine";
        assert_eq!(self.count(quarantined).await, 0);
    }
}
