//! One entry with its sealed original, and opening it.

use masking::{SealError, Sealer};
use tokio_postgres::{Client, Row};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::{DatabaseError, Step, transaction::Transaction};

const READ: &str = "SELECT id, message_id, queue_arn, \
    (extract(epoch FROM sent_at) * 1000)::bigint, state, key_id, nonce, sealed \
    FROM veilstream.quarantine WHERE id = $1";

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Open,
    /// Its row is in the target table.
    Replayed,
    /// A row of the same identity was in the target table.
    Duplicate,
    /// Nobody wanted it; the original is erased.
    Discarded,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Replayed, Self::Duplicate, Self::Discarded];

    /// As the database has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Duplicate => "duplicate",
            Self::Discarded => "discarded",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, DatabaseError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| DatabaseError::unknown_answer(Step::Settle))
    }
}

/// An entry with its sealed original.
pub struct Entry {
    id: Uuid,
    pub(super) message_id: String,
    queue_arn: String,
    pub(super) sent_at_millis: i64,
    pub(super) state: State,
    key_id: i64,
    nonce: Vec<u8>,
    sealed: Vec<u8>,
}

/// Why an original is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not there any more.
    #[error("the original of entry {id} was erased when the entry was discarded")]
    Erased {
        /// The entry.
        id: Uuid,
    },
    /// The key is not in the key set.
    #[error(
        "the original of entry {id} does not open: {error}. With a copy that still has the key, \
         `veilstream quarantine show` opens it. Only where there is none, since the key was destroyed, \
         it is lost: `veilstream quarantine discard {id}`"
    )]
    NoKey {
        /// The entry.
        id: Uuid,
        /// Which key it is.
        error: SealError,
    },
    /// It is not as it was sealed.
    #[error("the original of entry {id} does not open: {error}")]
    Sealed {
        /// The entry.
        id: Uuid,
        /// What is wrong.
        error: SealError,
    },
}

impl Entry {
    /// Reads an entry, if there is one of this id.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn read(client: &Client, id: Uuid) -> Result<Option<Self>, DatabaseError> {
        let row = client.query_opt(READ, &[&id]).await;
        let row = row.map_err(|error| DatabaseError::of(Step::Settle, &error))?;
        row.as_ref().map(Self::of).transpose()
    }

    /// Reads an entry and holds it until the transaction ends: none where there is none, or if it
    /// is not `waiting`, where another transaction holds it.
    pub(super) async fn lock(
        transaction: &Transaction,
        id: Uuid,
        waiting: bool,
    ) -> Result<Option<Self>, DatabaseError> {
        let skip = if waiting { "" } else { " SKIP LOCKED" };
        let sql = format!("{READ} FOR UPDATE{skip}");
        let rows = transaction.query(Step::Settle, &sql, &[&id]).await?;
        rows.first().map(Self::of).transpose()
    }

    fn of(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get(0),
            message_id: row.get(1),
            queue_arn: row.get(2),
            sent_at_millis: row.get(3),
            state: State::read(row.get(4))?,
            key_id: row.get(5),
            nonce: row.get(6),
            sealed: row.get(7),
        })
    }

    /// Opens the original.
    ///
    /// # Errors
    ///
    /// When it was erased, its key is missing, or it is not as it was sealed.
    pub fn open(&self, sealer: &mut Sealer) -> Result<Zeroizing<String>, OpenError> {
        let id = self.id;
        if self.state == State::Discarded {
            return Err(OpenError::Erased { id });
        }
        let not_opened = |error: SealError| match error {
            SealError::UnknownKey { .. } => OpenError::NoKey { id, error },
            SealError::Tampered | SealError::TooManyAssociated { .. } => {
                OpenError::Sealed { id, error }
            }
        };
        let tampered = || not_opened(SealError::Tampered);
        let key_id = u32::try_from(self.key_id).map_err(|_| tampered())?;
        let nonce = self.nonce.as_slice().try_into().map_err(|_| tampered())?;
        let place: [&[u8]; 2] = [id.as_bytes(), self.queue_arn.as_bytes()];
        let body = sealer.open(key_id, nonce, &place, &self.sealed);
        let body = body.map_err(not_opened)?;
        // In one piece, so that no copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(body.len()));
        text.push_str(std::str::from_utf8(&body).map_err(|_| tampered())?);
        Ok(text)
    }
}
