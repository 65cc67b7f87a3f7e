//! A row as PostgreSQL would show it, from its binary form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use uuid::Uuid;

use crate::config::ColumnType;

/// 2000-01-01, PostgreSQL's day 0, in seconds since 1970-01-01.
const EPOCH: i64 = 946_684_800;
const DAY: i64 = 86_400;
/// The sign of a negative `numeric`.
const NEGATIVE: u16 = 0x4000;

/// The fields of a tuple of binary COPY, NULL as `None`.
pub(super) fn fields(row: &[u8]) -> Vec<Option<&[u8]>> {
    let mut rest = row.get(2..).unwrap_or_default();
    let mut fields = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (field, after) = after
            .split_at_checked(length.unwrap_or(0))
            .unwrap_or_default();
        fields.push(length.map(|_| field));
        rest = after;
    }
    fields
}

/// The text of a field; `None` where the bytes are none of the type.
pub(super) fn text(column_type: ColumnType, bytes: &[u8]) -> Option<String> {
    Some(match column_type {
        ColumnType::Text | ColumnType::Varchar(_) => str::from_utf8(bytes).ok()?.to_owned(),
        ColumnType::Jsonb => str::from_utf8(bytes.get(1..)?).ok()?.to_owned(),
        ColumnType::Int2 => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        ColumnType::Int4 => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        ColumnType::Int8 => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        ColumnType::Float8 => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        ColumnType::Numeric(_) => numeric(bytes)?,
        ColumnType::Bool => (bytes == [1]).to_string(),
        ColumnType::Date => {
            let days = i32::from_be_bytes(bytes.try_into().ok()?);
            let seconds = i64::from(days) * DAY + EPOCH;
            let midnight = Timestamp::from_second(seconds).ok()?;
            midnight.strftime("%Y-%m-%d").to_string()
        }
        ColumnType::Timestamp => instant(bytes)?,
        ColumnType::Timestamptz => instant(bytes)? + "+00",
        ColumnType::Uuid => Uuid::from_slice(bytes).ok()?.to_string(),
        ColumnType::Inet => inet(bytes)?,
        ColumnType::Bytea => format!("\\x{}", hex::encode(bytes)),
    })
}

fn instant(bytes: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    let instant = Timestamp::from_microsecond(micros.checked_add(EPOCH * 1_000_000)?).ok()?;
    Some(instant.strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}

fn inet(bytes: &[u8]) -> Option<String> {
    let (&[_, bits, _, _], address) = bytes.split_first_chunk::<4>()?;
    let (address, most) = if let Ok(v4) = <[u8; 4]>::try_from(address) {
        (IpAddr::from(Ipv4Addr::from(v4)), 32)
    } else {
        let v6 = <[u8; 16]>::try_from(address).ok()?;
        (IpAddr::from(Ipv6Addr::from(v6)), 128)
    };
    Some(if bits == most {
        address.to_string()
    } else {
        format!("{address}/{bits}")
    })
}

/// Number of groups, weight of the first, sign, digits after the point; then groups of four digits
/// (`numeric_send` in `src/backend/utils/adt/numeric.c`).
fn numeric(bytes: &[u8]) -> Option<String> {
    let (head, groups) = bytes.split_first_chunk::<8>()?;
    let word = |place: usize| u16::from_be_bytes([head[place], head[place + 1]]);
    let weight = i16::from_be_bytes([head[2], head[3]]);
    let group = |place: i32| {
        let place = usize::try_from(place).ok()?;
        let digits = groups.get(place * 2..place * 2 + 2)?;
        Some(u16::from_be_bytes([digits[0], digits[1]]))
    };
    let digits = |place| format!("{:04}", group(place).unwrap_or(0));
    let weight = i32::from(weight);
    let before: String = (0..=weight).map(digits).collect();
    let before = before.trim_start_matches('0');
    let scale = usize::from(word(6));
    let places = i32::try_from(scale.div_ceil(4)).ok()?;
    let mut after: String = (weight + 1..=weight + places).map(digits).collect();
    after.truncate(scale);
    let sign = if word(4) == NEGATIVE { "-" } else { "" };
    let before = if before.is_empty() { "0" } else { before };
    let point = if scale == 0 { "" } else { "." };
    Some(format!("{sign}{before}{point}{after}"))
}

#[cfg(test)]
mod tests {
    use masking::{Keyset, KeysetId, Zeroizing};

    use super::*;
    use crate::{
        config::{Column, Conversion},
        decode::{Decoder, Envelope, tests::column},
        mask::Masking,
    };

    fn shown(value: &str, column_type: ColumnType, conversion: Conversion) -> String {
        let columns = [Column {
            conversion,
            ..column("c", "v", column_type)
        }];
        let (id, root) = (KeysetId::new([7; 8]), Zeroizing::new([7; 32]));
        let keyset = Keyset::create(id, root, "2026-01-31T12:00:00Z", vec![], None).unwrap();
        let envelope = Envelope {
            message_id: "m",
            sent_at_millis: 0,
        };
        let body = format!("{{\"v\": {value}}}");
        let decoded = Decoder::new(&columns).decode(&body, &envelope).unwrap();
        let mut masking = Masking::new(&columns, &keyset).unwrap();
        let masked = masking.apply(decoded).unwrap();
        let fields = fields(masked.row());
        assert_eq!(fields.len(), 1);
        fields[0].map_or_else(
            || "NULL".to_owned(),
            |field| text(column_type, field).unwrap(),
        )
    }

    #[test]
    fn values_are_shown_as_postgresql_shows_them() {
        for (value, column_type, expected) in [
            ("null", ColumnType::Int8, "NULL"),
            ("\"é\"", ColumnType::Text, "é"),
            ("-7", ColumnType::Int2, "-7"),
            ("70000", ColumnType::Int4, "70000"),
            (
                "-9223372036854775808",
                ColumnType::Int8,
                "-9223372036854775808",
            ),
            ("1.5e2", ColumnType::Float8, "150"),
            ("0", ColumnType::Numeric(None), "0"),
            ("129.90", ColumnType::Numeric(None), "129.90"),
            ("-0.00012", ColumnType::Numeric(None), "-0.00012"),
            (
                "12345678.000100",
                ColumnType::Numeric(None),
                "12345678.000100",
            ),
            ("120000", ColumnType::Numeric(None), "120000"),
            ("1e-9", ColumnType::Numeric(None), "0.000000001"),
            ("2.345", ColumnType::Numeric(Some((5, 2))), "2.35"),
            ("true", ColumnType::Bool, "true"),
            ("\"1999-12-31\"", ColumnType::Date, "1999-12-31"),
            (
                "\"2026-11-22T14:52:29.5+01:00\"",
                ColumnType::Timestamptz,
                "2026-11-22 13:52:29.5+00",
            ),
            (
                "\"0001-01-01T00:00:00\"",
                ColumnType::Timestamp,
                "0001-01-01 00:00:00",
            ),
            (
                "\"424CDD21-063a-43a7-b91b-7ca1a833afae\"",
                ColumnType::Uuid,
                "424cdd21-063a-43a7-b91b-7ca1a833afae",
            ),
            ("\"192.0.2.1/24\"", ColumnType::Inet, "192.0.2.1/24"),
            ("\"2001:db8::1\"", ColumnType::Inet, "2001:db8::1"),
            ("[1, {\"a\": 2}]", ColumnType::Jsonb, "[1, {\"a\": 2}]"),
            ("\"wP/u\"", ColumnType::Bytea, "\\xc0ffee"),
        ] {
            assert_eq!(
                shown(value, column_type, Conversion::Natural),
                expected,
                "{value}"
            );
        }
        let time = shown(
            "1767225600500",
            ColumnType::Timestamptz,
            Conversion::UnixMillis,
        );
        assert_eq!(time, "2026-01-01 00:00:00.5+00");
    }

    #[test]
    fn bytes_of_another_type_are_no_value() {
        for column_type in [
            ColumnType::Int8,
            ColumnType::Numeric(None),
            ColumnType::Inet,
        ] {
            assert_eq!(text(column_type, &[1, 2, 3]), None);
        }
        assert_eq!(fields(&[0, 1, 0, 0]), Vec::<Option<&[u8]>>::new());
    }
}
