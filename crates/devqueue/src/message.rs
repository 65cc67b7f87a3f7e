//! A message as a queue keeps it.

use std::sync::Arc;

use crate::digest::{Md5Text, sha256_text};
use crate::identifier::Uuid;
use crate::message_attributes::{MessageAttributes, write_json};
use crate::system_attributes::SystemAttributes;

/// The sender that every message names: there are no principals here.
const SENDER_ID: &str = "AIDADEVQUEUE000000000";

/// A message on its way in, checked against everything that does not need the queue's state.
#[derive(Debug)]
pub(crate) struct NewMessage<'a> {
    pub(crate) body: &'a str,
    pub(crate) attributes: Option<MessageAttributes>,
    /// `AWSTraceHeader`, the only system attribute that a sender may set.
    pub(crate) system_attributes: Option<MessageAttributes>,
    pub(crate) delay_seconds: Option<u64>,
    pub(crate) group: Option<&'a str>,
    pub(crate) deduplication_id: Option<&'a str>,
}

impl NewMessage<'_> {
    /// Body and attributes, in bytes; this is what the size limits count.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.attributes.as_ref().map_or(0, MessageAttributes::size)
    }

    /// The deduplication id, or the body's SHA-256 where the queue deduplicates by content.
    pub(crate) fn deduplication_key(&self, by_content: bool) -> Option<String> {
        match self.deduplication_id {
            Some(id) => Some(id.to_owned()),
            None if by_content => Some(sha256_text(self.body.as_bytes())),
            None => None,
        }
    }
}

/// What the sender is told about a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) id: Uuid,
    pub(crate) body_md5: Md5Text,
    pub(crate) attributes_md5: Option<Md5Text>,
    pub(crate) system_attributes_md5: Option<Md5Text>,
    pub(crate) sequence_number: Option<u64>,
}

/// Where a message is, with the deadline in milliseconds at which it becomes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Visible,
    Delayed { until: u64 },
    InFlight { until: u64 },
}

impl Place {
    pub(crate) fn deadline(self) -> Option<u64> {
        match self {
            Place::Visible => None,
            Place::Delayed { until } | Place::InFlight { until } => Some(until),
        }
    }
}

/// What most messages of a standard queue do not have.
#[derive(Debug, Default)]
struct Rare {
    attributes: Option<MessageAttributes>,
    trace_header: Option<Box<str>>,
    deduplication_id: Option<Box<str>>,
    sequence_number: Option<u64>,
    source_arn: Option<Arc<str>>,
}

/// A message in a queue.
#[derive(Debug)]
pub(crate) struct Message {
    /// `"MessageId":…,"MD5OfBody":…,"Body":…`, ready to be copied into every response.
    rendered: Box<[u8]>,
    rare: Option<Box<Rare>>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) place: Place,
    sent_at: u64,
    /// From when its retention counts: when it was sent, or moved to a FIFO dead-letter queue.
    pub(crate) retained_from: u64,
    first_received_at: u64,
    pub(crate) received_at: u64,
    receive_count: u32,
    /// Receives from the queue that it is in now; the dead-letter queue starts anew.
    pub(crate) receives_here: u32,
}

impl Message {
    pub(crate) fn new(
        new: NewMessage<'_>,
        sent: &Sent,
        deduplication_id: Option<String>,
        now: u64,
    ) -> Self {
        let mut rendered = Vec::with_capacity(new.body.len() + new.body.len() / 8 + 128);
        rendered.extend_from_slice(b"\"MessageId\":\"");
        rendered.extend_from_slice(sent.id.as_str().as_bytes());
        rendered.extend_from_slice(b"\",\"MD5OfBody\":\"");
        rendered.extend_from_slice(sent.body_md5.as_str().as_bytes());
        rendered.extend_from_slice(b"\",\"Body\":");
        write_json(&mut rendered, new.body);
        let trace_header = new
            .system_attributes
            .as_ref()
            .and_then(|system| system.text("AWSTraceHeader"));
        let is_plain = new.attributes.is_none()
            && trace_header.is_none()
            && deduplication_id.is_none()
            && sent.sequence_number.is_none();
        let rare = Rare {
            trace_header: trace_header.map(Box::from),
            attributes: new.attributes,
            deduplication_id: deduplication_id.map(Box::from),
            sequence_number: sent.sequence_number,
            source_arn: None,
        };
        Message {
            rendered: rendered.into(),
            rare: (!is_plain).then(|| Box::new(rare)),
            group: new.group.map(Arc::from),
            place: Place::Visible,
            sent_at: now,
            retained_from: now,
            first_received_at: 0,
            received_at: 0,
            receive_count: 0,
            receives_here: 0,
        }
    }

    /// Counts a receive and puts the message in flight.
    pub(crate) fn receive(&mut self, now: u64, until: u64) {
        if self.receive_count == 0 {
            self.first_received_at = now;
        }
        self.received_at = now;
        self.receive_count = self.receive_count.saturating_add(1);
        self.receives_here = self.receives_here.saturating_add(1);
        self.place = Place::InFlight { until };
    }

    /// Prepares the message for its dead-letter queue: it keeps its id, body, attributes, time
    /// stamps and receive count, and remembers where it came from.
    pub(crate) fn leave(&mut self, source_arn: &Arc<str>) {
        self.rare.get_or_insert_default().source_arn = Some(Arc::clone(source_arn));
        self.receives_here = 0;
        self.place = Place::Visible;
    }

    /// The part of a response that does not change.
    pub(crate) fn rendered(&self) -> &[u8] {
        &self.rendered
    }

    pub(crate) fn attributes(&self) -> Option<&MessageAttributes> {
        self.rare.as_ref()?.attributes.as_ref()
    }

    /// Writes `,"Attributes":{…}` with the system attributes that were asked for.
    pub(crate) fn write_system_attributes(&self, wanted: SystemAttributes, out: &mut Vec<u8>) {
        if wanted.is_empty() {
            return;
        }
        let start = out.len();
        let mut pair = Pairs {
            out,
            started: false,
        };
        if wanted.contains(SystemAttributes::SENDER_ID) {
            pair.text("SenderId", SENDER_ID);
        }
        if wanted.contains(SystemAttributes::SENT_TIMESTAMP) {
            pair.number("SentTimestamp", self.sent_at);
        }
        if wanted.contains(SystemAttributes::RECEIVE_COUNT) {
            pair.number("ApproximateReceiveCount", u64::from(self.receive_count));
        }
        if wanted.contains(SystemAttributes::FIRST_RECEIVE) {
            pair.number("ApproximateFirstReceiveTimestamp", self.first_received_at);
        }
        if let Some(group) = self.group.as_deref()
            && wanted.contains(SystemAttributes::GROUP)
        {
            pair.text("MessageGroupId", group);
        }
        if let Some(rare) = &self.rare {
            rare.write(wanted, &mut pair);
        }
        if pair.started {
            out.push(b'}');
        } else {
            out.truncate(start);
        }
    }
}

impl Rare {
    fn write(&self, wanted: SystemAttributes, pair: &mut Pairs<'_>) {
        if let Some(number) = self.sequence_number
            && wanted.contains(SystemAttributes::SEQUENCE_NUMBER)
        {
            pair.number("SequenceNumber", number);
        }
        let texts = [
            (
                SystemAttributes::DEDUPLICATION,
                "MessageDeduplicationId",
                self.deduplication_id.as_deref(),
            ),
            (
                SystemAttributes::TRACE_HEADER,
                "AWSTraceHeader",
                self.trace_header.as_deref(),
            ),
            (
                SystemAttributes::SOURCE_ARN,
                "DeadLetterQueueSourceArn",
                self.source_arn.as_deref(),
            ),
        ];
        for (attribute, name, value) in texts {
            if let Some(value) = value
                && wanted.contains(attribute)
            {
                pair.text(name, value);
            }
        }
    }
}

/// Writes the pairs of the object `Attributes`.
struct Pairs<'a> {
    out: &'a mut Vec<u8>,
    started: bool,
}

impl Pairs<'_> {
    fn key(&mut self, name: &str) {
        let before: &[u8] = if self.started {
            b",\""
        } else {
            b",\"Attributes\":{\""
        };
        self.started = true;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        write_json(self.out, value);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.out.push(b'"');
        write_number(self.out, value);
        self.out.push(b'"');
    }
}

/// Writes a number in decimal without an allocation.
pub(crate) fn write_number(out: &mut Vec<u8>, value: u64) {
    serde_json::to_writer(out, &value).expect("writing a number into memory does not fail");
}
