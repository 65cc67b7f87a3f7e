//! One loading transaction, and the proof that it committed.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, pin_mut};
use tokio_postgres::{Client, Row, types::ToSql};

use super::{DatabaseError, Step};
use crate::encode::{COPY_HEADER, COPY_TRAILER};

/// Every setting is local to the transaction, so that a pooler in transaction mode hands nothing
/// of it on; a commit is on disk whatever the server's default says. The server finds out within
/// half a minute that a worker's machine has vanished, also where it waits for the rest of a COPY,
/// on which no time-out of its own acts: until then its claims keep other workers waiting.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL synchronous_commit = on; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL lock_timeout = '10s'; \
    SET LOCAL idle_in_transaction_session_timeout = '30s'; \
    SET LOCAL tcp_keepalives_idle = '10s'; \
    SET LOCAL tcp_keepalives_interval = '5s'; \
    SET LOCAL tcp_keepalives_count = 4; \
    SET LOCAL tcp_user_timeout = '30s'";

/// In one simple query: the SELECT fails where the transaction has been aborted, for which COMMIT
/// alone would answer ROLLBACK without an error.
const COMMIT: &str = "SELECT 1; COMMIT";

/// About so much is given to the driver at once: it copies that into a buffer, which it keeps.
const PIECE_BYTES: usize = 256 << 10;

/// Proof that a transaction has committed without an error in it.
pub(crate) struct Committed(());

/// An open transaction on a connection of its own; dropped, it closes the connection, and the
/// server rolls back.
pub(crate) struct Transaction {
    client: Client,
}

impl Transaction {
    pub(crate) async fn begin(client: Client) -> Result<Self, DatabaseError> {
        client
            .batch_execute(BEGIN)
            .await
            .map_err(|error| DatabaseError::of(Step::Begin, &error))?;
        Ok(Self { client })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Copies rows, each encoded as a tuple of the binary format, a piece at a time; the server must
    /// count as many as were sent.
    pub(crate) async fn copy(
        &self,
        step: Step,
        sql: &str,
        rows: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<(), DatabaseError> {
        let mut sent = 0;
        let copy = async {
            let sink = self.client.copy_in::<_, Bytes>(sql).await?;
            pin_mut!(sink);
            let mut piece = BytesMut::from(&COPY_HEADER[..]);
            for row in rows {
                if piece.len() >= PIECE_BYTES {
                    sink.send(piece.split().freeze()).await?;
                }
                piece.extend_from_slice(row.as_ref());
                sent += 1;
            }
            piece.extend_from_slice(&COPY_TRAILER);
            sink.send(piece.freeze()).await?;
            sink.finish().await
        };
        let taken = copy
            .await
            .map_err(|error| DatabaseError::of(step, &error))?;
        if taken == sent {
            Ok(())
        } else {
            Err(DatabaseError::CountDiffers { step, sent, taken })
        }
    }

    /// Rows hold their statement, and the last of them closes it on the server: drop them before the
    /// transaction ends. A pooler in transaction mode (PgBouncer before 1.21) may hand a later Close
    /// to another connection, where the statement's name stays taken on this one (42P05).
    pub(crate) async fn query(
        &self,
        step: Step,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        let rows = self.client.query(sql, parameters).await;
        rows.map_err(|error| DatabaseError::of(step, &error))
    }

    /// Commits; the connection is free for another transaction then.
    pub(crate) async fn commit(self) -> Result<(Committed, Client), DatabaseError> {
        match self.client.simple_query(COMMIT).await {
            Ok(_) => Ok((Committed(()), self.client)),
            Err(error) => Err(DatabaseError::of(Step::Commit, &error)),
        }
    }

    /// Undoes the transaction; the connection is given up where even that fails. That is not rare:
    /// after a COPY that the server refused at once, the driver's next statement is out of step
    /// with the server's answers, and ROLLBACK is the one that finds out.
    pub(crate) async fn roll_back(self) -> Option<Client> {
        let rolled_back = self.client.batch_execute("ROLLBACK").await;
        rolled_back.is_ok().then_some(self.client)
    }
}
