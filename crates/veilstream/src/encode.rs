//! PostgreSQL's binary COPY format: a header, one tuple a row, a trailer.
//!
//! Source: PostgreSQL documentation, COPY, "Binary Format"; each type's form is that of its `recv`
//! function in `src/backend/utils/adt`. All numbers are big-endian.

use std::borrow::Cow;
use std::net::IpAddr;

/// What a binary COPY begins with: the signature, no flags, no header extension.
pub const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What a binary COPY ends with: a field count of -1.
pub const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The length of a NULL.
const NULL: i32 = -1;

/// The address families of `inet` (`src/include/utils/inet.h`); the second is one more than the
/// first whatever the system's own constants are.
const PGSQL_AF_INET: u8 = 2;
const PGSQL_AF_INET6: u8 = 3;

/// What comes before a single address: family, bits, "is a cidr" (0), length of the address.
const V4_HEAD: [u8; 4] = [PGSQL_AF_INET, 32, 0, 4];
const V6_HEAD: [u8; 4] = [PGSQL_AF_INET6, 128, 0, 16];

/// The only version of `jsonb`'s binary form: the text follows.
const JSONB_VERSION: u8 = 1;

/// A value that needs no mask, of one of PostgreSQL's types.
///
/// It has no `Debug` outside tests: even what is not masked belongs in no log.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Value<'b> {
    /// `text`, `varchar`
    Text(Cow<'b, str>),
    /// `int2`
    Int2(i16),
    /// `int4`
    Int4(i32),
    /// `int8`
    Int8(i64),
    /// `float8`
    Float8(f64),
    /// `numeric`, in its binary form.
    Numeric(Vec<u8>),
    /// `bool`
    Bool(bool),
    /// `date`: days since 2000-01-01.
    Date(i32),
    /// `timestamp`, `timestamptz`: microseconds since 2000-01-01 (UTC).
    Timestamp(i64),
    /// `uuid`
    Uuid([u8; 16]),
    /// `inet`: an address and how many of its bits are the network's.
    Inet {
        /// The address, host bits included.
        address: IpAddr,
        /// At most 32 or 128.
        bits: u8,
    },
    /// `jsonb`: a JSON text.
    Jsonb(&'b str),
    /// `bytea`
    Bytea(Vec<u8>),
}

impl Value<'_> {
    /// How many bytes the value takes, its length included.
    pub(crate) fn encoded_len(&self) -> usize {
        4 + match self {
            Self::Text(text) => text.len(),
            Self::Int2(_) => 2,
            Self::Int4(_) | Self::Date(_) => 4,
            Self::Int8(_)
            | Self::Float8(_)
            | Self::Timestamp(_)
            | Self::Inet {
                address: IpAddr::V4(_),
                ..
            } => 8,
            Self::Numeric(bytes) | Self::Bytea(bytes) => bytes.len(),
            Self::Bool(_) => 1,
            Self::Uuid(_) => 16,
            Self::Inet {
                address: IpAddr::V6(_),
                ..
            } => 20,
            Self::Jsonb(text) => 1 + text.len(),
        }
    }
}

/// One row, growing field by field.
pub(crate) struct Row {
    bytes: Vec<u8>,
}

impl Row {
    /// A row of `fields` fields with room for `capacity` bytes of them.
    pub(crate) fn new(fields: usize, capacity: usize) -> Self {
        let fields = i16::try_from(fields).expect("a table has at most 1,600 columns");
        let mut bytes = Vec::with_capacity(2 + capacity);
        bytes.extend_from_slice(&fields.to_be_bytes());
        Self { bytes }
    }

    /// Adds a NULL.
    pub(crate) fn null(&mut self) {
        self.bytes.extend_from_slice(&NULL.to_be_bytes());
    }

    /// Adds a value.
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.field(&[text.as_bytes()]),
            Value::Int2(number) => self.field(&[&number.to_be_bytes()]),
            Value::Int4(number) => self.field(&[&number.to_be_bytes()]),
            Value::Int8(number) => self.field(&[&number.to_be_bytes()]),
            Value::Float8(number) => self.field(&[&number.to_be_bytes()]),
            Value::Numeric(bytes) | Value::Bytea(bytes) => self.field(&[bytes]),
            Value::Bool(value) => self.field(&[&[u8::from(*value)]]),
            Value::Date(days) => self.field(&[&days.to_be_bytes()]),
            Value::Timestamp(micros) => self.field(&[&micros.to_be_bytes()]),
            Value::Uuid(bytes) => self.field(&[bytes]),
            Value::Inet { address, bits } => self.inet(*address, *bits),
            Value::Jsonb(text) => self.field(&[&[JSONB_VERSION], text.as_bytes()]),
        }
    }

    /// Adds a field that `write` appends; an error of it is passed on, the row is then useless.
    pub(crate) fn appended<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let start = self.bytes.len() + 4;
        self.null();
        write(&mut self.bytes)?;
        let length = self.bytes.len() - start;
        self.bytes[start - 4..start].copy_from_slice(&field_length(length));
        Ok(length)
    }

    /// Adds an `inet` of a single address, of which `write` appends the 4 or 16 bytes in network
    /// order; an error of it is passed on, the row is then useless.
    pub(crate) fn appended_address<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let written = self.appended(|bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(&V4_HEAD);
            write(bytes)?;
            let address = start + V4_HEAD.len();
            if bytes.len() - address > 4 {
                bytes[start..address].copy_from_slice(&V6_HEAD);
            }
            Ok(())
        });
        written.map(drop)
    }

    /// The row's bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Family, bits, "is a cidr" (0), length of the address, the address.
    fn inet(&mut self, address: IpAddr, bits: u8) {
        match address {
            IpAddr::V4(v4) => self.field(&[&[PGSQL_AF_INET, bits, 0, 4], &v4.octets()]),
            IpAddr::V6(v6) => self.field(&[&[PGSQL_AF_INET6, bits, 0, 16], &v6.octets()]),
        }
    }

    fn field(&mut self, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        self.bytes.extend_from_slice(&field_length(length));
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }
}

fn field_length(length: usize) -> [u8; 4] {
    i32::try_from(length)
        .expect("a field comes out of a message of 1 MiB at most")
        .to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Value<'static>> {
        vec![
            Value::Text("é".into()),
            Value::Int2(-2),
            Value::Int4(4),
            Value::Int8(8),
            Value::Float8(1.5),
            Value::Numeric(vec![0; 8]),
            Value::Bool(true),
            Value::Date(1),
            Value::Timestamp(-1),
            Value::Uuid([7; 16]),
            Value::Inet {
                address: [10, 0, 0, 1].into(),
                bits: 8,
            },
            Value::Inet {
                address: [0, 0, 0, 0, 0, 0, 0, 1].into(),
                bits: 128,
            },
            Value::Jsonb("{}"),
            Value::Bytea(Vec::new()),
        ]
    }

    #[test]
    fn the_length_is_known_beforehand() {
        for value in values() {
            let mut row = Row::new(1, 0);
            row.value(&value);
            assert_eq!(row.into_bytes().len(), 2 + value.encoded_len());
        }
    }

    #[test]
    fn an_appended_address_is_the_inet_of_one_address() {
        let addresses: [IpAddr; 2] = [
            [10, 0, 0, 1].into(),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
        ];
        for (address, bits) in addresses.into_iter().zip([32, 128]) {
            let (mut expected, mut appended) = (Row::new(1, 0), Row::new(1, 0));
            expected.value(&Value::Inet { address, bits });
            let written = appended.appended_address(|bytes| {
                match address {
                    IpAddr::V4(v4) => bytes.extend(v4.octets()),
                    IpAddr::V6(v6) => bytes.extend(v6.octets()),
                }
                Ok::<(), ()>(())
            });
            assert_eq!(written, Ok(()));
            assert_eq!(appended.into_bytes(), expected.into_bytes());
        }
    }

    #[test]
    fn a_row_is_a_tuple_of_the_copy_format() {
        let mut row = Row::new(4, 0);
        row.value(&Value::Text("ab".into()));
        row.null();
        row.value(&Value::Inet {
            address: [10, 0, 0, 1].into(),
            bits: 8,
        });
        let written = row.appended(|bytes| {
            bytes.extend_from_slice(b"token");
            Ok::<(), ()>(())
        });
        assert_eq!(written, Ok(5));
        let expected: &[&[u8]] = &[
            &[0, 4],
            &[0, 0, 0, 2],
            b"ab",
            &[255; 4],
            &[0, 0, 0, 8, 2, 8, 0, 4, 10, 0, 0, 1],
            &[0, 0, 0, 5],
            b"token",
        ];
        assert_eq!(row.into_bytes(), expected.concat());
    }
}
