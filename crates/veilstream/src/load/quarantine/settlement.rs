//! One entry replayed within a transaction: opened, decoded and masked as the configuration says
//! today, its row copied and its state written, or why it stays open.

use std::sync::Arc;

use masking::{Keyset, Sealer};
use uuid::Uuid;

use super::{
    super::{
        DatabaseError, Step,
        catalogue::Fit,
        error::Report,
        identity,
        key_set::{self, KeySetError},
        loader::copy_statement,
        transaction::Transaction,
    },
    Entry, OpenError, State,
};
use crate::{
    config::{Identity, Pipeline, TableName},
    decode::{Decoder, Envelope, Rejection, RejectionCode},
    mask::Masking,
};

const SETTLE: &str = "UPDATE veilstream.quarantine SET state = $2, settled_at = now() \
    WHERE id = $1 AND state = 'open' RETURNING id";
const STILL: &str = "UPDATE veilstream.quarantine \
    SET reason = $2, column_name = $3, sqlstate = $4 WHERE id = $1 AND state = 'open' RETURNING id";

/// What a pipeline needs to replay, beside the database.
pub struct Replay {
    pub(super) pipeline: String,
    /// The target table, with its schema.
    pub(super) table: TableName,
    /// The same, if tokens go into it.
    masked_table: Option<TableName>,
    key_set: key_set::Identity,
    copy: String,
    decoder: Decoder,
    masking: Masking,
    retention_days: Option<u16>,
    sealer: Sealer,
}

impl Replay {
    /// Of a pipeline and its table as it was found, with what was made from its columns. Only what
    /// this pipeline rejected is replayed.
    pub fn new(
        pipeline: &Pipeline,
        fit: &Fit,
        decoder: Decoder,
        masking: Masking,
        keyset: &Keyset,
    ) -> Self {
        Self {
            pipeline: pipeline.name.clone(),
            table: fit.table.clone(),
            masked_table: fit.masked_table().cloned(),
            key_set: key_set::Identity::of(keyset),
            copy: copy_statement(pipeline, &fit.table),
            decoder,
            masking,
            retention_days: match &pipeline.identity {
                Identity::MessageId => None,
                Identity::Value(value) => Some(value.retention_days),
            },
            sealer: keyset.sealer(),
        }
    }
}

/// How one entry came out.
pub(super) enum Outcome {
    /// It is settled now.
    Settled(State),
    /// It was settled before, or is gone.
    Before(Option<State>),
    /// Somebody else is at it.
    Held,
    /// The key set may not be used any more: nothing else is replayed either.
    KeySet(KeySetError),
    /// It stays open.
    Rejected(Still),
    /// It stays open, for its original does not open.
    Unopened(OpenError),
}

/// Why an entry stays open.
pub(super) struct Still {
    pub(super) code: RejectionCode,
    pub(super) column: Option<Arc<str>>,
    pub(super) sqlstate: Option<String>,
}

impl Replay {
    /// Whether the key set may be used, and the table holds its tokens.
    pub(super) async fn ask_key_set(&self, transaction: &Transaction) -> Result<(), KeySetError> {
        let table = self.masked_table.as_ref();
        self.key_set.ask_bound(transaction.client(), table).await
    }

    /// Everything of one entry but the COMMIT.
    pub(super) async fn load(
        &mut self,
        transaction: &Transaction,
        id: Uuid,
        waiting: bool,
    ) -> Result<Outcome, DatabaseError> {
        let Some(entry) = Entry::lock(transaction, id, waiting).await? else {
            return Ok(if waiting {
                Outcome::Before(None)
            } else {
                Outcome::Held
            });
        };
        if entry.state != State::Open {
            return Ok(Outcome::Before(Some(entry.state)));
        }
        // Somebody may have freed the table for another key set, or changed this one, since the start.
        match self.ask_key_set(transaction).await {
            Ok(()) => {}
            Err(KeySetError::Database(error)) => return Err(error),
            Err(error) => return Ok(Outcome::KeySet(error)),
        }
        let body = match entry.open(&mut self.sealer) {
            Ok(body) => body,
            Err(error) => return Ok(Outcome::Unopened(error)),
        };
        let envelope = Envelope {
            message_id: &entry.message_id,
            sent_at_millis: entry.sent_at_millis,
        };
        let decoded = self.decoder.decode(&body, &envelope);
        let masked = match decoded.and_then(|decoded| self.masking.apply(decoded)) {
            Ok(masked) => masked,
            Err(rejection) => return keep_rejected(transaction, id, rejection).await,
        };
        let known = match (self.retention_days, masked.identity()) {
            (None, _) => false,
            (Some(days), Some(key)) => {
                let claimed = identity::claim(transaction, &[key], days).await?;
                claimed.is_empty()
            }
            // It could be loaded already, and nobody would know.
            (Some(_), None) => {
                return keep_rejected(
                    transaction,
                    id,
                    Rejection::of_body(RejectionCode::MaskFailed),
                )
                .await;
            }
        };
        let state = if known {
            State::Duplicate
        } else {
            let rows = [masked.row()];
            transaction.copy(Step::Rows, &self.copy, rows).await?;
            State::Replayed
        };
        let settled = transaction
            .query(Step::Settle, SETTLE, &[&id, &state.as_str()])
            .await?;
        if settled.is_empty() {
            // It is locked and was open: somebody has put a trigger or a rule in between.
            return Err(DatabaseError::unknown_answer(Step::Settle));
        }
        Ok(Outcome::Settled(state))
    }
}

/// Leaves an entry open, with the reason of today.
async fn keep_rejected(
    transaction: &Transaction,
    id: Uuid,
    rejection: Rejection,
) -> Result<Outcome, DatabaseError> {
    let still = Still {
        code: rejection.code,
        column: rejection.column,
        sqlstate: None,
    };
    still.write(transaction, id).await?;
    Ok(Outcome::Rejected(still))
}

impl Still {
    /// As PostgreSQL has it.
    pub(super) fn refused(report: &Report) -> Self {
        let blamed = report.column.as_ref().or(report.constraint.as_ref());
        Self {
            code: RejectionCode::RefusedByDatabase,
            column: blamed.map(|name| Arc::from(name.as_str())),
            sqlstate: Some(report.sqlstate.clone()),
        }
    }

    /// Whether the entry is still open; then it has the reason that holds today.
    pub(super) async fn write(
        &self,
        transaction: &Transaction,
        id: Uuid,
    ) -> Result<bool, DatabaseError> {
        let column = self.column.as_deref();
        let reason = self.code.as_str();
        let rows = transaction
            .query(
                Step::Settle,
                STILL,
                &[&id, &reason, &column, &self.sqlstate],
            )
            .await?;
        Ok(!rows.is_empty())
    }
}
