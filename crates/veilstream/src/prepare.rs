//! From messages to what can be loaded: accepted, decoded and masked, or rejected and sealed.

use std::sync::Arc;

use masking::Sealer;
use uuid::Uuid;

use crate::{
    config::OnReject,
    decode::{Envelope, Rejection, RejectionCode},
    delivery::{Delivery, Receipt, Unfit},
    inspect::Watch,
    load::{
        Fate, Original, Prepared, Report, ledger,
        quarantine::{Origin, Rejected, SealingError},
    },
    mask::{Masked, Masking},
    source::{Lease, Message},
    startup::Parts,
};

/// The messages of one receive, in order. They are never split over batches: of a FIFO queue's
/// group, SQS delivers nothing more while they are in flight.
pub type Receive = Vec<Prepared>;

/// A receive that was answered.
pub struct Received {
    /// How many messages came.
    pub messages: usize,
    /// How many of them were rejected, and why the last one was.
    pub rejected: Rejects,
    /// Those of them that can go on.
    pub prepared: Receive,
    /// Why the others, if there are any, stay in the queue.
    pub left: Option<LeaveReason>,
}

/// The messages of a receive that are no rows.
#[derive(Default)]
pub struct Rejects {
    /// How many.
    pub messages: usize,
    /// Why the last one is none.
    pub last: Option<Rejection>,
    /// The keys of those that are left for it.
    pub left: Vec<Uuid>,
}

/// Why a message is left: it is not claimed, and SQS delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum LeaveReason {
    /// It did not arrive as a whole message.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It has to go to quarantine and cannot be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// It is rejected, and the pipeline leaves what is.
    #[error("rejected: {0}")]
    Rejected(Rejection),
}

/// Decodes and masks for one receiver, with scratch buffers of its own.
pub struct Preparer<'p> {
    parts: &'p Parts,
    masking: Masking,
    rejecter: Rejecter<'p>,
    watch: Watch,
}

impl<'p> Preparer<'p> {
    /// A preparer for one receiver; all of a run share what is watched.
    pub fn new(parts: &'p Parts, watch: Watch) -> Self {
        Self {
            parts,
            masking: parts.masking.clone(),
            rejecter: Rejecter::new(parts),
            watch,
        }
    }

    /// Prepares the messages of a receive; `None` among them is what was no message.
    pub fn prepare(&mut self, messages: Vec<Option<Message<'_>>>, lease: &Arc<Lease>) -> Received {
        let mut received = Received {
            messages: messages.len(),
            rejected: Rejects::default(),
            prepared: Vec::with_capacity(messages.len()),
            left: None,
        };
        for (place, message) in messages.into_iter().enumerate() {
            let result = match message {
                Some(_) if received.left.is_some() && self.parts.queue.is_fifo() => {
                    Err(Unfit::AfterLeft.into())
                }
                Some(message) => self.prepare_one(message, lease, place, &mut received.rejected),
                None => Err(Unfit::NotAMessage.into()),
            };
            match result {
                Ok(prepared) => received.prepared.push(prepared),
                Err(reason) => {
                    received.left.get_or_insert(reason);
                }
            }
        }
        received
    }

    fn prepare_one(
        &mut self,
        message: Message<'_>,
        lease: &Arc<Lease>,
        place: usize,
        rejects: &mut Rejects,
    ) -> Result<Prepared, LeaveReason> {
        let delivery = Delivery::accept(message, lease, place)?;
        let Delivery {
            body,
            sent_at_millis,
            receipt,
        } = delivery;
        let queue_arn = &self.parts.queue.settings().arn;
        let key = ledger::key(queue_arn, receipt.message_id(), sent_at_millis);
        let original = Original {
            body,
            sent_at_millis,
        };
        let fate = match self.mask(&original, &receipt) {
            Ok(masked) => Fate::Load(masked, original),
            Err(rejection) => {
                rejects.messages += 1;
                rejects.last = Some(rejection.clone());
                let rejected = self.rejecter.reject(key, rejection, &original, &receipt);
                if let Err(LeaveReason::Rejected(_)) = &rejected {
                    rejects.left.push(key);
                }
                Fate::Quarantine(rejected?)
            }
        };
        Ok(Prepared { key, fate, receipt })
    }

    /// A row without personal data in clear, or the reason why there is none.
    fn mask(&mut self, original: &Original, receipt: &Receipt) -> Result<Masked, Rejection> {
        let envelope = Envelope {
            message_id: receipt.message_id(),
            sent_at_millis: original.sent_at_millis,
        };
        let decoded = self.parts.decoder.decode(&original.body, &envelope)?;
        self.watch.see(&decoded);
        self.masking.apply(decoded)
    }
}

/// Rejects messages as the pipeline says: into the quarantine, or not at all.
pub struct Rejecter<'p> {
    parts: &'p Parts,
    sealer: Sealer,
}

impl<'p> Rejecter<'p> {
    /// One for each task.
    pub fn new(parts: &'p Parts) -> Self {
        let sealer = parts.keyset.sealer();
        Self { parts, sealer }
    }

    /// An entry for the quarantine, the original sealed.
    ///
    /// # Errors
    ///
    /// It cannot be sealed, or the pipeline leaves what is rejected.
    pub fn reject(
        &mut self,
        key: Uuid,
        rejection: Rejection,
        original: &Original,
        receipt: &Receipt,
    ) -> Result<Rejected, LeaveReason> {
        match self.parts.on_reject {
            OnReject::Leave => Err(LeaveReason::Rejected(rejection)),
            OnReject::Quarantine => {
                let origin = Origin {
                    id: key,
                    queue_arn: &self.parts.queue.settings().arn,
                    message_id: receipt.message_id(),
                    sent_at_millis: original.sent_at_millis,
                };
                let body = &original.body;
                Ok(Rejected::seal(&mut self.sealer, &origin, rejection, body)?)
            }
        }
    }

    /// What becomes of a message whose row PostgreSQL refuses.
    ///
    /// # Errors
    ///
    /// As of [`reject`](Self::reject).
    pub fn refuse(
        &mut self,
        key: Uuid,
        report: &Report,
        original: &Original,
        receipt: &Receipt,
    ) -> Result<Rejected, LeaveReason> {
        let blamed = report.column.as_ref().or(report.constraint.as_ref());
        let rejection = Rejection {
            code: RejectionCode::RefusedByDatabase,
            column: blamed.map(|name| Arc::from(name.as_str())),
        };
        let rejected = self.reject(key, rejection, original, receipt)?;
        Ok(rejected.with_sqlstate(&report.sqlstate))
    }
}
