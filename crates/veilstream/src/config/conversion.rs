//! The conversions that the file can ask for, and the column types that each is for.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::spelling;
use super::{ColumnType, Conversion};

/// The names of the file. The natural conversion has none: it is what happens without one.
pub(super) const NAMES: [(&str, Conversion); 5] = [
    ("version_digits", Conversion::VersionDigits),
    ("version_ordered", Conversion::VersionOrdered),
    ("unix_seconds", Conversion::UnixSeconds),
    ("unix_millis", Conversion::UnixMillis),
    ("hex", Conversion::Hex),
];

/// A text that names no conversion.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{name} is no conversion{hint}; there are version_digits, version_ordered, unix_seconds, \
     unix_millis, hex; without one the column's type decides"
)]
pub struct UnknownConversion {
    name: String,
    hint: String,
}

impl FromStr for Conversion {
    type Err = UnknownConversion;

    fn from_str(name: &str) -> Result<Self, UnknownConversion> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, conversion)| *conversion)
            .ok_or_else(|| UnknownConversion {
                name: spelling::quoted(name),
                hint: spelling::did_you_mean(name, NAMES.iter().map(|(known, _)| *known)),
            })
    }
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Natural => "natural",
            Self::VersionDigits => "version_digits",
            Self::VersionOrdered => "version_ordered",
            Self::UnixSeconds => "unix_seconds",
            Self::UnixMillis => "unix_millis",
            Self::Hex => "hex",
        })
    }
}

impl Conversion {
    /// Whether it makes values of this type.
    pub fn fits(self, column_type: ColumnType) -> bool {
        match self {
            Self::Natural => true,
            Self::VersionDigits | Self::VersionOrdered => {
                matches!(
                    column_type,
                    ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8
                )
            }
            Self::UnixSeconds | Self::UnixMillis => matches!(
                column_type,
                ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz
            ),
            Self::Hex => column_type == ColumnType::Bytea,
        }
    }

    /// The types it is for, in words for messages.
    pub(super) fn fitting_types(self) -> &'static str {
        match self {
            Self::Natural => "every type",
            Self::VersionDigits | Self::VersionOrdered => "int2, int4 and int8",
            Self::UnixSeconds | Self::UnixMillis => "date, timestamp and timestamptz",
            Self::Hex => "bytea",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_displayed() {
        for (name, conversion) in NAMES {
            assert_eq!(name.parse(), Ok(conversion));
            assert_eq!(conversion.to_string(), name);
        }
        let problem = "version_digit"
            .parse::<Conversion>()
            .unwrap_err()
            .to_string();
        assert!(
            problem.contains("did you mean `version_digits`?"),
            "{problem}"
        );
    }
}
