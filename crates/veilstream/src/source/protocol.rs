//! What goes to SQS and comes from it, as its AWS JSON 1.0 protocol has it. The Query protocol says
//! the same in another form (`query.rs`).

use std::{borrow::Cow, fmt, marker::PhantomData};

use super::error::is_throttling;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveRequest<'a> {
    pub(super) queue_url: &'a str,
    pub(super) max_number_of_messages: u32,
    pub(super) wait_time_seconds: u64,
    pub(super) visibility_timeout: u64,
    // The older name of MessageSystemAttributeNames: older servers know nothing else.
    pub(super) attribute_names: &'a [&'a str],
}

/// A JSON object. serde takes an array for a struct as well, by the order of its fields, which is no
/// answer of SQS.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(OfMap(PhantomData)).map(Self)
    }
}

/// A message as it stands in a response.
pub struct Message<'a> {
    /// The message's id.
    pub message_id: Cow<'a, str>,
    /// What settles this delivery.
    pub receipt_handle: Cow<'a, str>,
    /// The MD5 digest of the body in hexadecimal digits.
    pub md5_of_body: Option<Cow<'a, str>>,
    /// The event.
    pub body: Cow<'a, str>,
    pub(super) sent_timestamp: Option<Cow<'a, str>>,
}

impl EntryFailure {
    /// Whether the same entry would fail again: its handle is not valid any more. Throttling is
    /// never that, whoever is said to be at fault.
    pub fn is_final(&self) -> bool {
        self.sender_fault && !is_throttling(&self.code)
    }
}

impl Message<'_> {
    /// The same, of no answer any more.
    pub(super) fn into_owned(self) -> Message<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Message {
            message_id: owned(self.message_id),
            receipt_handle: owned(self.receipt_handle),
            md5_of_body: self.md5_of_body.map(owned),
            body: owned(self.body),
            sent_timestamp: self.sent_timestamp.map(owned),
        }
    }

    /// `SentTimestamp`: milliseconds since 1970-01-01 UTC, if the server gave one that the ledger's
    /// 48 bits can hold with room to spare.
    pub fn sent_at_millis(&self) -> Option<i64> {
        self.sent_timestamp
            .as_ref()?
            .parse()
            .ok()
            .filter(|millis| (0..1 << 47).contains(millis))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchRequest<'a> {
    pub(super) queue_url: &'a str,
    pub(super) entries: Vec<BatchRequestEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchRequestEntry<'a> {
    pub(super) id: Entry,
    pub(super) receipt_handle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visibility_timeout: Option<u64>,
}

/// The place of an entry in its batch, 0 to 9, which is its id in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry(pub usize);

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| serde::de::Error::custom("an entry id of another batch"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchResponse {
    // Servers leave an empty list out, or say null.
    #[serde(default)]
    pub(super) successful: Option<Vec<Object<EntrySuccess>>>,
    #[serde(default)]
    pub(super) failed: Option<Vec<Object<EntryFailure>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntrySuccess {
    pub(super) id: Entry,
}

/// An entry of a batch that failed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryFailure {
    /// Which one.
    pub id: Entry,
    /// Whether the request was wrong, so that the same again would fail as well.
    #[serde(default)]
    pub sender_fault: bool,
    /// The error code.
    #[serde(deserialize_with = "code")]
    pub code: String,
}

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Cow::<'de, str>::deserialize(deserializer).map(|text| printable(&text))
}

/// An error code of SQS as it may be logged: whatever else a server puts there is left out.
pub(super) fn printable(code: &str) -> String {
    let printable = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    code.chars().filter(printable).take(80).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributesRequest<'a> {
    pub(super) queue_url: &'a str,
    pub(super) attribute_names: &'a [&'a str],
}

#[derive(Deserialize)]
pub(super) struct AttributesResponse {
    #[serde(rename = "Attributes", default)]
    pub(super) attributes: std::collections::HashMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrlRequest<'a> {
    pub(super) queue_name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrlResponse {
    pub(super) queue_url: String,
}

#[derive(Deserialize)]
pub(super) struct ErrorResponse {
    #[serde(rename = "__type", default)]
    pub(super) kind: String,
}
