//! From messages to what can be loaded: accepted, decoded and masked, or rejected and sealed.

use std::sync::Arc;

use masking::Sealer;

use crate::{
    decode::Envelope,
    delivery::{Delivery, Unfit},
    inspect::Watch,
    load::{
        Fate, Prepared, ledger,
        quarantine::{Origin, Rejected, SealingError},
    },
    mask::Masking,
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
    /// Those of them that can go on.
    pub prepared: Receive,
    /// Why the others, if there are any, stay in the queue.
    pub left: Option<LeaveReason>,
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
}

/// Decodes and masks for one receiver, with scratch buffers of its own.
pub struct Preparer<'p> {
    parts: &'p Parts,
    masking: Masking,
    sealer: Sealer,
    watch: Watch,
}

impl<'p> Preparer<'p> {
    /// A preparer for one receiver; all of a run share what is watched.
    pub fn new(parts: &'p Parts, watch: Watch) -> Self {
        let sealer = parts.keyset.sealer();
        Self {
            parts,
            masking: parts.masking.clone(),
            sealer,
            watch,
        }
    }

    /// Prepares the messages of a receive; `None` among them is what was no message.
    pub fn prepare(&mut self, messages: Vec<Option<Message<'_>>>, lease: &Arc<Lease>) -> Received {
        let mut received = Received {
            messages: messages.len(),
            prepared: Vec::with_capacity(messages.len()),
            left: None,
        };
        for (place, message) in messages.into_iter().enumerate() {
            let result = match message {
                Some(_) if received.left.is_some() && self.parts.queue.is_fifo() => {
                    Err(Unfit::AfterLeft.into())
                }
                Some(message) => self.prepare_one(message, lease, place),
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
    ) -> Result<Prepared, LeaveReason> {
        let delivery = Delivery::accept(message, lease, place)?;
        let Delivery {
            message_id,
            body,
            sent_at_millis,
            receipt,
        } = delivery;
        let queue_arn = &self.parts.queue.settings().arn;
        let key = ledger::key(queue_arn, &message_id, sent_at_millis);
        let envelope = Envelope {
            message_id: &message_id,
            sent_at_millis,
        };
        let decoded = self.parts.decoder.decode(&body, &envelope);
        let decoded = decoded.inspect(|decoded| self.watch.see(decoded));
        let fate = match decoded.and_then(|decoded| self.masking.apply(decoded)) {
            Ok(masked) => Fate::Load(masked),
            Err(rejection) => {
                let origin = Origin {
                    id: key,
                    queue_arn,
                    message_id: &message_id,
                    sent_at_millis,
                };
                Fate::Quarantine(Rejected::seal(&mut self.sealer, &origin, rejection, &body)?)
            }
        };
        Ok(Prepared { key, fate, receipt })
    }
}
