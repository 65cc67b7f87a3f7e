//! The quarantine: rejected messages, sealed, with the reason, for somebody to look at, to replay
//! or to discard.

mod entry;
mod listing;
mod privileges;
mod removal;
mod replay;
mod settlement;

use std::{sync::Arc, time::SystemTime};

pub use entry::{Entry, OpenError, State};
pub use listing::{Filter, Listed, count_by_reason, count_open_elsewhere, find, list};
pub use privileges::{Task, check_privileges};
pub use removal::{DiscardError, Old, Purged, count_old, count_to_discard, cutoff, discard, purge};
pub use replay::{Asked, ReplayError, Replayer, Totals};
pub use settlement::Replay;

use futures_util::pin_mut;
use masking::Sealer;
use tokio_postgres::{binary_copy::BinaryCopyInWriter, types::Type};
use uuid::Uuid;

use super::{DatabaseError, Step, transaction::Transaction};
use crate::decode::{Rejection, RejectionCode};

const COPY: &str = "COPY veilstream.quarantine (id, message_id, queue_arn, pipeline, sent_at, \
                    reason, column_name, sqlstate, key_id, nonce, sealed) FROM STDIN (FORMAT binary)";
const COPY_TYPES: [Type; 11] = [
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::BYTEA,
    Type::BYTEA,
];
/// A rejected message on its way into the quarantine; the original only sealed.
pub struct Rejected {
    message_id: Box<str>,
    sent_at: SystemTime,
    code: RejectionCode,
    column: Option<Arc<str>>,
    sqlstate: Option<String>,
    key_id: u32,
    nonce: [u8; 16],
    sealed: Vec<u8>,
}

/// Why a message could not be sealed; it is left in the queue then.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    /// The cipher refused.
    #[error(transparent)]
    Seal(#[from] masking::SealError),
}

impl Rejected {
    /// Why it was rejected.
    pub(super) fn code(&self) -> RejectionCode {
        self.code
    }

    /// Seals a message under the quarantine's key with a random nonce, bound to its place: the
    /// entry's id and the queue.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn seal(
        sealer: &mut Sealer,
        origin: &Origin<'_>,
        rejection: Rejection,
        body: &str,
    ) -> Result<Self, SealingError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(SealingError::NoRandomness)?;
        let place: [&[u8]; 2] = [origin.id.as_bytes(), origin.queue_arn.as_bytes()];
        let sealed = sealer.seal(&nonce, &place, body.as_bytes())?;
        let millis = u64::try_from(origin.sent_at_millis).unwrap_or(0);
        Ok(Self {
            message_id: origin.message_id.into(),
            sent_at: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis),
            code: rejection.code,
            column: rejection.column,
            sqlstate: None,
            key_id: sealer.key_id(),
            nonce,
            sealed,
        })
    }

    /// The same, with PostgreSQL's code.
    #[must_use]
    pub fn with_sqlstate(self, sqlstate: &str) -> Self {
        Self {
            sqlstate: Some(sqlstate.to_owned()),
            ..self
        }
    }

    /// How many bytes of memory it takes, about.
    pub fn size(&self) -> usize {
        self.sealed.len() + 200
    }
}

/// Where a rejected message comes from.
pub struct Origin<'a> {
    /// Its key in the ledger, which is the entry's id.
    pub id: Uuid,
    /// The queue it was received from.
    pub queue_arn: &'a str,
    /// The message's id.
    pub message_id: &'a str,
    /// When it was sent, in milliseconds since 1970-01-01 UTC.
    pub sent_at_millis: i64,
}

/// Copies rejected messages into the quarantine.
pub(super) async fn copy(
    transaction: &Transaction,
    queue_arn: &str,
    pipeline: &str,
    entries: &[(Uuid, &Rejected)],
) -> Result<(), DatabaseError> {
    let failed = |error| DatabaseError::of(Step::Quarantine, &error);
    let sink = transaction.client().copy_in(COPY).await.map_err(failed)?;
    let writer = BinaryCopyInWriter::new(sink, &COPY_TYPES);
    pin_mut!(writer);
    for (id, entry) in entries {
        writer
            .as_mut()
            .write(&[
                id,
                &&*entry.message_id,
                &queue_arn,
                &pipeline,
                &entry.sent_at,
                &entry.code.as_str(),
                &entry.column.as_deref(),
                &entry.sqlstate.as_deref(),
                &i64::from(entry.key_id),
                &&entry.nonce[..],
                &entry.sealed,
            ])
            .await
            .map_err(failed)?;
    }
    let taken = writer.finish().await.map_err(failed)?;
    let sent = entries.len() as u64;
    if taken == sent {
        Ok(())
    } else {
        Err(DatabaseError::CountDiffers {
            step: Step::Quarantine,
            sent,
            taken,
        })
    }
}
