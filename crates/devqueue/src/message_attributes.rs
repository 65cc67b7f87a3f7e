//! The attributes that a sender puts on a message (Developer Guide, "Amazon SQS message metadata").

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::digest::Md5Text;
use crate::error::{ErrorCode, QueueError};
use crate::message_text;

/// A message takes at most ten attributes.
const MAXIMUM: usize = 10;
/// The longest name and the longest type, in characters.
const MAXIMUM_NAME: usize = 256;

/// Text of a request, borrowed from it where it holds no escapes.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An attribute as a request has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RawAttribute<'a> {
    #[serde(borrow)]
    data_type: Option<Text<'a>>,
    string_value: Option<Text<'a>>,
    binary_value: Option<Text<'a>>,
}

/// Attributes by name, as a request has them.
pub(crate) type RawAttributes<'a> = BTreeMap<String, RawAttribute<'a>>;

#[derive(Debug)]
enum Value {
    Text(Box<str>),
    Binary(Box<[u8]>),
}

#[derive(Debug)]
struct Attribute {
    name: Box<str>,
    data_type: Box<str>,
    value: Value,
}

/// The valid attributes of one message, sorted by name, never empty.
#[derive(Debug)]
pub(crate) struct MessageAttributes {
    sorted: Vec<Attribute>,
    md5: Md5Text,
    size: usize,
}

impl MessageAttributes {
    /// Validates what a request holds; `None` where it holds nothing.
    pub(crate) fn new(raw: Option<&RawAttributes<'_>>) -> Result<Option<Self>, QueueError> {
        let Some(raw) = raw.filter(|raw| !raw.is_empty()) else {
            return Ok(None);
        };
        if raw.len() > MAXIMUM {
            return Err(refused(&format!(
                "Number of message attributes exceeds {MAXIMUM}."
            )));
        }
        let sorted: Vec<Attribute> = raw
            .iter()
            .map(|(name, attribute)| Attribute::new(name, attribute))
            .collect::<Result<_, _>>()?;
        let md5 = digest(sorted.iter());
        let size = sorted.iter().map(Attribute::size).sum();
        Ok(Some(MessageAttributes { sorted, md5, size }))
    }

    pub(crate) fn md5(&self) -> &Md5Text {
        &self.md5
    }

    /// The bytes that count towards a message's size: names, types and values.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The text of an attribute, if it has one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let attribute = self
            .sorted
            .iter()
            .find(|attribute| &*attribute.name == name)?;
        match &attribute.value {
            Value::Text(text) => Some(text),
            Value::Binary(_) => None,
        }
    }

    /// Writes `,"MD5OfMessageAttributes":…,"MessageAttributes":{…}` with the attributes that the
    /// filter selects, and nothing where it selects none. The MD5 is that of what is returned,
    /// since that is what SDKs check it against.
    pub(crate) fn write_selected(&self, filter: &NameFilter, out: &mut Vec<u8>) {
        let selected = || {
            self.sorted
                .iter()
                .filter(|attribute| filter.selects(&attribute.name))
        };
        let count = selected().count();
        if count == 0 {
            return;
        }
        let md5 = if count == self.sorted.len() {
            self.md5
        } else {
            digest(selected())
        };
        out.extend_from_slice(b",\"MD5OfMessageAttributes\":\"");
        out.extend_from_slice(md5.as_str().as_bytes());
        out.extend_from_slice(b"\",\"MessageAttributes\":{");
        for (index, attribute) in selected().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            attribute.write(out);
        }
        out.push(b'}');
    }
}

impl Attribute {
    fn new(name: &str, raw: &RawAttribute<'_>) -> Result<Self, QueueError> {
        check_name(name)?;
        let data_type = raw.data_type.as_deref().unwrap_or_default();
        let label_free = data_type.split('.').next().unwrap_or_default();
        if data_type.is_empty() || data_type.len() > MAXIMUM_NAME {
            return Err(refused(
                "The type of a message attribute must have 1 to 256 characters.",
            ));
        }
        let value = match (
            label_free,
            raw.string_value.as_deref(),
            raw.binary_value.as_deref(),
        ) {
            ("String", Some(text), None) if !text.is_empty() => Value::Text(text.into()),
            ("Number", Some(text), None) if is_number(text) => Value::Text(text.into()),
            ("Binary", None, Some(text)) if !text.is_empty() => {
                let bytes = STANDARD
                    .decode(text)
                    .map_err(|_| refused("A BinaryValue is not valid base64."))?;
                Value::Binary(bytes.into())
            }
            ("String" | "Number" | "Binary", _, _) => {
                return Err(refused(
                    "A message attribute must have one value, of its type.",
                ));
            }
            _ => {
                return Err(refused(
                    "The type of a message attribute must be String, Number or Binary, \
                     optionally followed by a period and a label.",
                ));
            }
        };
        if let Value::Text(text) = &value {
            message_text::check(text)?;
        }
        Ok(Attribute {
            name: name.into(),
            data_type: data_type.into(),
            value,
        })
    }

    fn value_bytes(&self) -> &[u8] {
        match &self.value {
            Value::Text(text) => text.as_bytes(),
            Value::Binary(bytes) => bytes,
        }
    }

    fn size(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value_bytes().len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_json(out, &self.name);
        out.extend_from_slice(b":{\"DataType\":");
        write_json(out, &self.data_type);
        match &self.value {
            Value::Text(text) => {
                out.extend_from_slice(b",\"StringValue\":");
                write_json(out, text);
            }
            Value::Binary(bytes) => {
                out.extend_from_slice(b",\"BinaryValue\":");
                write_json(out, &STANDARD.encode(bytes));
            }
        }
        out.push(b'}');
    }
}

/// Which attributes a receive asks for: exact names, `All`, `.*`, or a prefix such as `bar.*`
/// (API Reference, `ReceiveMessage`, `MessageAttributeNames`).
#[derive(Debug, Default)]
pub(crate) struct NameFilter {
    all: bool,
    exact: Vec<String>,
    prefixes: Vec<String>,
}

impl NameFilter {
    pub(crate) fn new(names: &[Text<'_>]) -> Self {
        let mut filter = NameFilter::default();
        for name in names {
            match name.strip_suffix(".*") {
                Some("") => filter.all = true,
                Some(prefix) => filter.prefixes.push(prefix.to_owned()),
                None if &**name == "All" => filter.all = true,
                None => filter.exact.push(name.to_string()),
            }
        }
        filter
    }

    fn selects(&self, name: &str) -> bool {
        self.all
            || self.exact.iter().any(|exact| exact == name)
            || self
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix.as_str()))
    }
}

/// Writes text as a JSON string.
pub(crate) fn write_json(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing text into memory does not fail");
}

/// Developer Guide, "Calculating the MD5 message digest for message attributes": of each attribute
/// in the order of the names, name, type and value with their lengths, and one byte that says
/// whether the value is text (1) or binary (2).
fn digest<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Md5Text {
    let mut encoded = Vec::new();
    let mut push = |part: &[u8], transport: Option<u8>| {
        encoded.extend(transport);
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        encoded.extend_from_slice(&length.to_be_bytes());
        encoded.extend_from_slice(part);
    };
    for attribute in attributes {
        let transport = match attribute.value {
            Value::Text(_) => 1,
            Value::Binary(_) => 2,
        };
        push(attribute.name.as_bytes(), None);
        push(attribute.data_type.as_bytes(), None);
        push(attribute.value_bytes(), Some(transport));
    }
    Md5Text::of(&encoded)
}

fn check_name(name: &str) -> Result<(), QueueError> {
    let lower = name.to_ascii_lowercase();
    let well_formed = !name.is_empty()
        && name.len() <= MAXIMUM_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..");
    if !well_formed || lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(refused(
            "The name of a message attribute can have up to 256 characters of A-Z, a-z, 0-9, \
             underscore, hyphen and single periods inside, and must not start with AWS. or Amazon.",
        ));
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn refused(reason: &str) -> QueueError {
    QueueError::new(ErrorCode::InvalidParameterValue, reason)
}
