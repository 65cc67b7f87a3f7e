//! A JSON value becomes one of the column's type.
//!
//! Only text that spells a value of the type without loss is taken; what is doubtful is a
//! [`RejectionCode::BadConversion`].

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::json::{Json, Kind};
use super::numeric::{Decimal, Spelling};
use super::rejection::RejectionCode;
use super::time::{Instant, Offset};
use super::{inet, jsonb, time};
use crate::config::{ColumnType, Conversion};
use crate::encode::Value;

/// Base64 with the standard alphabet (RFC 4648, section 4), padded or not, bits left over zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `value` as a `column_type`.
///
/// # Errors
///
/// `BadConversion`, `TooLong` and `NulInText`.
pub(super) fn convert(
    value: Json<'_>,
    column_type: ColumnType,
    conversion: Conversion,
) -> Result<Value<'_>, RejectionCode> {
    let converted = match conversion {
        Conversion::Natural => return natural(value, column_type),
        Conversion::VersionDigits => version_digits(value).and_then(|n| integer(n, column_type)),
        Conversion::VersionOrdered => version_ordered(value).and_then(|n| integer(n, column_type)),
        Conversion::UnixSeconds => unix_time(value, 6, column_type),
        Conversion::UnixMillis => unix_time(value, 3, column_type),
        Conversion::Hex if column_type == ColumnType::Bytea => {
            string(value).and_then(|text| hex(&text)).map(Value::Bytea)
        }
        Conversion::Hex => None,
    };
    converted.ok_or(RejectionCode::BadConversion)
}

/// The time a message was sent, for a column with [`ColumnSource::SentAt`].
///
/// # Errors
///
/// `BadConversion` outside the years 0001 to 9999, and for a type that holds no time.
///
/// [`ColumnSource::SentAt`]: crate::config::ColumnSource::SentAt
pub(super) fn sent_at(
    unix_millis: i64,
    column_type: ColumnType,
) -> Result<Value<'static>, RejectionCode> {
    let converted = if column_type == ColumnType::Int8 {
        Some(Value::Int8(unix_millis))
    } else {
        Instant::from_unix_millis(unix_millis).and_then(|instant| of_instant(instant, column_type))
    };
    converted.ok_or(RejectionCode::BadConversion)
}

/// A message's id, for a column with
/// [`ColumnSource::MessageId`](crate::config::ColumnSource::MessageId).
///
/// # Errors
///
/// `TooLong`, and `BadConversion` for what is no UUID, or a type that holds no id.
pub(super) fn message_id(
    id: &str,
    column_type: ColumnType,
) -> Result<Value<'static>, RejectionCode> {
    if let ColumnType::Varchar(limit) = column_type {
        text(Cow::Owned(id.to_owned()), limit)
    } else if column_type == ColumnType::Text {
        text(Cow::Owned(id.to_owned()), None)
    } else if column_type == ColumnType::Uuid {
        uuid(id).ok_or(RejectionCode::BadConversion)
    } else {
        Err(RejectionCode::BadConversion)
    }
}

/// The text form of a value: a string's characters, the JSON spelling of a number or boolean.
///
/// # Errors
///
/// `BadConversion` for an object or array, `NulInText`.
pub(super) fn text_form(value: Json<'_>) -> Result<Cow<'_, str>, RejectionCode> {
    let text = scalar(value).ok_or(RejectionCode::BadConversion)?;
    without_nul(text)
}

/// `text`, unless it holds U+0000.
///
/// # Errors
///
/// `NulInText`.
pub(super) fn without_nul(text: Cow<'_, str>) -> Result<Cow<'_, str>, RejectionCode> {
    if text.as_bytes().contains(&0) {
        Err(RejectionCode::NulInText)
    } else {
        Ok(text)
    }
}

fn natural(value: Json<'_>, column_type: ColumnType) -> Result<Value<'_>, RejectionCode> {
    let converted = match column_type {
        ColumnType::Text => return text(text_form(value)?, None),
        ColumnType::Varchar(limit) => return text(text_form(value)?, limit),
        ColumnType::Jsonb => {
            jsonb::check(value.raw())?;
            Some(Value::Jsonb(value.raw()))
        }
        ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => number(value)
            .and_then(|text| plain_integer(&text))
            .and_then(|n| integer(n, column_type)),
        ColumnType::Float8 => number(value)
            .and_then(|text| float(&text))
            .map(Value::Float8),
        ColumnType::Numeric(precision_and_scale) => number(value)
            .and_then(|text| Decimal::parse(&text)?.encode(precision_and_scale))
            .map(Value::Numeric),
        ColumnType::Bool => boolean(value).map(Value::Bool),
        ColumnType::Date => string(value)
            .and_then(|text| time::parse_date(&text))
            .map(Value::Date),
        ColumnType::Timestamp => timestamp(value, Offset::Optional),
        ColumnType::Timestamptz => timestamp(value, Offset::Required),
        ColumnType::Uuid => string(value).and_then(|text| uuid(&text)),
        ColumnType::Inet => string(value).and_then(|text| inet::parse(&text)),
        ColumnType::Bytea => string(value)
            .and_then(|text| BASE64.decode(text.as_bytes()).ok())
            .map(Value::Bytea),
    };
    converted.ok_or(RejectionCode::BadConversion)
}

/// The text of anything but an object or array.
fn scalar(value: Json<'_>) -> Option<Cow<'_, str>> {
    (value.kind() != Kind::Container).then(|| value.text())
}

fn string(value: Json<'_>) -> Option<Cow<'_, str>> {
    (value.kind() == Kind::String).then(|| value.text())
}

/// The text of a number, or of a string that may spell one.
fn number(value: Json<'_>) -> Option<Cow<'_, str>> {
    matches!(value.kind(), Kind::Number | Kind::String).then(|| value.text())
}

fn text(text: Cow<'_, str>, limit: Option<u32>) -> Result<Value<'_>, RejectionCode> {
    let text = without_nul(text)?;
    if limit.is_some_and(|limit| longer_than(&text, limit)) {
        return Err(RejectionCode::TooLong);
    }
    Ok(Value::Text(text))
}

/// Whether `text` has more than `limit` characters.
fn longer_than(text: &str, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Hardly any text has as many bytes as it may have characters.
    text.len() > limit && text.chars().nth(limit).is_some()
}

/// `-?digits`: what spells a whole number in any other way is refused.
fn plain_integer(text: &str) -> Option<i64> {
    let plain = is_digits(text.strip_prefix('-').unwrap_or(text));
    if plain { text.parse().ok() } else { None }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn integer(number: i64, column_type: ColumnType) -> Option<Value<'static>> {
    if column_type == ColumnType::Int2 {
        i16::try_from(number).ok().map(Value::Int2)
    } else if column_type == ColumnType::Int4 {
        i32::try_from(number).ok().map(Value::Int4)
    } else {
        (column_type == ColumnType::Int8).then_some(Value::Int8(number))
    }
}

/// The nearest double; as in PostgreSQL, a number that would become infinite is refused, and one
/// that would become 0 without being it.
fn float(text: &str) -> Option<f64> {
    let spelling = Spelling::of(text)?;
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && (number != 0.0 || spelling.is_zero())).then_some(number)
}

fn boolean(value: Json<'_>) -> Option<bool> {
    let text = matches!(value.kind(), Kind::Bool | Kind::String).then(|| value.text())?;
    match text.as_ref() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn timestamp(value: Json<'_>, offset: Offset) -> Option<Value<'static>> {
    let text = string(value)?;
    Instant::parse(&text, offset).map(|instant| Value::Timestamp(instant.micros()))
}

fn unix_time(value: Json<'_>, power: u8, column_type: ColumnType) -> Option<Value<'static>> {
    of_instant(
        Instant::from_unix_text(&number(value)?, power)?,
        column_type,
    )
}

fn of_instant(instant: Instant, column_type: ColumnType) -> Option<Value<'static>> {
    if column_type == ColumnType::Date {
        return Some(Value::Date(instant.days()));
    }
    matches!(column_type, ColumnType::Timestamp | ColumnType::Timestamptz)
        .then_some(Value::Timestamp(instant.micros()))
}

/// Hyphenated or plain, in braces or as a URN, in either case.
fn uuid(text: &str) -> Option<Value<'static>> {
    uuid::Uuid::try_parse(text)
        .ok()
        .map(|uuid| Value::Uuid(uuid.into_bytes()))
}

/// The ASCII digits of a version, joined.
fn version_digits(value: Json<'_>) -> Option<i64> {
    let text = number(value)?;
    let mut joined = None;
    for digit in text.bytes().filter(u8::is_ascii_digit) {
        let sum = joined.unwrap_or(0_i64).checked_mul(10)?;
        joined = Some(sum.checked_add(i64::from(digit - b'0'))?);
    }
    joined
}

/// `major[.minor[.patch]]`, digits only, the latter two at most 999.
fn version_ordered(value: Json<'_>) -> Option<i64> {
    let text = number(value)?;
    let mut parts = text.split('.');
    let part = |text: &str| {
        if is_digits(text) {
            text.parse::<i64>().ok()
        } else {
            None
        }
    };
    let small = |text: &str| part(text).filter(|number| *number <= 999);
    let major = part(parts.next()?)?;
    let minor = parts.next().map_or(Some(0), small)?;
    let patch = parts.next().map_or(Some(0), small)?;
    if parts.next().is_some() {
        return None;
    }
    major
        .checked_mul(1_000_000)?
        .checked_add(minor * 1_000 + patch)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests;
