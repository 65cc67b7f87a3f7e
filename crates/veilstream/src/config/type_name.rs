//! The names of column types that the file may use: PostgreSQL's own and their aliases.

use std::str::FromStr;

use thiserror::Error;

use super::ColumnType;
use super::spelling;

/// The types as messages list them, one name for each.
const LISTED: &str = "text, varchar, varchar(n), int2, int4, int8, float8, numeric, \
     numeric(precision,scale), bool, date, timestamp, timestamptz, uuid, inet, jsonb, bytea";

/// Every name, without arguments, and the type that it alone stands for (PostgreSQL, "Data
/// Types", table 8.1).
pub(super) const NAMES: [(&str, ColumnType); 25] = [
    ("text", ColumnType::Text),
    ("varchar", ColumnType::Varchar(None)),
    ("character varying", ColumnType::Varchar(None)),
    ("int2", ColumnType::Int2),
    ("smallint", ColumnType::Int2),
    ("int4", ColumnType::Int4),
    ("integer", ColumnType::Int4),
    ("int", ColumnType::Int4),
    ("int8", ColumnType::Int8),
    ("bigint", ColumnType::Int8),
    ("float8", ColumnType::Float8),
    ("double precision", ColumnType::Float8),
    ("numeric", ColumnType::Numeric(None)),
    ("decimal", ColumnType::Numeric(None)),
    ("bool", ColumnType::Bool),
    ("boolean", ColumnType::Bool),
    ("date", ColumnType::Date),
    ("timestamp", ColumnType::Timestamp),
    ("timestamp without time zone", ColumnType::Timestamp),
    ("timestamptz", ColumnType::Timestamptz),
    ("timestamp with time zone", ColumnType::Timestamptz),
    ("uuid", ColumnType::Uuid),
    ("inet", ColumnType::Inet),
    ("jsonb", ColumnType::Jsonb),
    ("bytea", ColumnType::Bytea),
];

/// The greatest n of `varchar(n)`, in characters (PostgreSQL, `MaxAttrSize`).
const GREATEST_LENGTH: u32 = 10_485_760;

/// The greatest precision of `numeric`, and of its scale on either side of 0, in digits
/// (PostgreSQL, "Arbitrary Precision Numbers").
const GREATEST_PRECISION: u16 = 1000;

/// Why a text names no column type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypeNameError {
    /// There is no such type, or it cannot be loaded.
    #[error("{name} is no type that can be loaded{hint}; there are {LISTED}")]
    Unknown {
        /// The name, in quotes, or its length when it is long.
        name: String,
        /// What was probably meant, if anything.
        hint: String,
    },
    /// The length of a `varchar` is no number, or out of bounds.
    #[error("varchar(n) takes an n from 1 to {GREATEST_LENGTH}")]
    Length,
    /// The precision or scale of a `numeric` is no number, or out of bounds.
    #[error(
        "numeric(precision,scale) takes a precision from 1 to {GREATEST_PRECISION} and a scale \
         from -{GREATEST_PRECISION} to {GREATEST_PRECISION}"
    )]
    Precision,
    /// Arguments in brackets on a type that takes none here.
    #[error("{0} takes nothing in brackets here; write {0}")]
    Arguments(ColumnType),
}

impl FromStr for ColumnType {
    type Err = TypeNameError;

    /// Reads a type as PostgreSQL spells it, in any case and with any spaces.
    fn from_str(text: &str) -> Result<Self, TypeNameError> {
        let unknown = || {
            let name = text.split('(').next().unwrap_or(text).trim();
            let hint = spelling::did_you_mean(name, NAMES.iter().map(|(name, _)| *name));
            TypeNameError::Unknown {
                name: spelling::quoted(text),
                hint,
            }
        };
        let (name, arguments) = split(text).ok_or_else(unknown)?;
        let named = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(unknown)?
            .1;
        let Some(arguments) = arguments else {
            return Ok(named);
        };
        match named {
            Self::Varchar(_) => length(&arguments).ok_or(TypeNameError::Length),
            Self::Numeric(_) => precision(&arguments).ok_or(TypeNameError::Precision),
            Self::Text
            | Self::Int2
            | Self::Int4
            | Self::Int8
            | Self::Float8
            | Self::Bool
            | Self::Date
            | Self::Timestamp
            | Self::Timestamptz
            | Self::Uuid
            | Self::Inet
            | Self::Jsonb
            | Self::Bytea => Err(TypeNameError::Arguments(named)),
        }
    }
}

/// The name in small letters with single spaces, and what stands in brackets after it.
fn split(text: &str) -> Option<(String, Option<Vec<&str>>)> {
    let (name, arguments) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inside = rest.trim_end().strip_suffix(')')?;
            (name, Some(inside.split(',').map(str::trim).collect()))
        }
    };
    let words: Vec<&str> = name.split_whitespace().collect();
    Some((words.join(" ").to_ascii_lowercase(), arguments))
}

fn length(arguments: &[&str]) -> Option<ColumnType> {
    let [length] = arguments else { return None };
    let length = length
        .parse()
        .ok()
        .filter(|n| (1..=GREATEST_LENGTH).contains(n))?;
    Some(ColumnType::Varchar(Some(length)))
}

fn precision(arguments: &[&str]) -> Option<ColumnType> {
    let (precision, scale) = match arguments {
        [precision] => (precision, 0),
        [precision, scale] => (precision, scale.parse::<i16>().ok()?),
        _ => return None,
    };
    let precision = precision
        .parse()
        .ok()
        .filter(|p| (1..=GREATEST_PRECISION).contains(p))?;
    if scale.unsigned_abs() > GREATEST_PRECISION {
        return None;
    }
    Some(ColumnType::Numeric(Some((precision, scale))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_in_any_case_and_spacing() {
        for (name, expected) in NAMES {
            let spaced = format!("  {}\t", name.to_uppercase().replace(' ', "  "));
            assert_eq!(name.parse(), Ok(expected), "{name}");
            assert_eq!(spaced.parse(), Ok(expected), "{spaced}");
        }
    }

    #[test]
    fn what_a_type_displays_is_read_as_that_type() {
        let with_arguments = [
            ColumnType::Varchar(Some(1)),
            ColumnType::Varchar(Some(GREATEST_LENGTH)),
            ColumnType::Numeric(Some((1000, -1000))),
            ColumnType::Numeric(Some((12, 2))),
        ];
        for expected in NAMES.iter().map(|(_, named)| *named).chain(with_arguments) {
            assert_eq!(expected.to_string().parse(), Ok(expected));
        }
    }

    #[test]
    fn arguments_are_read_and_held_to_postgresqls_bounds() {
        let varchar = |n| Ok(ColumnType::Varchar(Some(n)));
        assert_eq!("Character  Varying ( 12 )".parse(), varchar(12));
        assert_eq!("VARCHAR(10485760)".parse(), varchar(10_485_760));
        assert_eq!("numeric(5)".parse(), Ok(ColumnType::Numeric(Some((5, 0)))));
        assert_eq!(
            "decimal( 12 , 2 )".parse(),
            Ok(ColumnType::Numeric(Some((12, 2))))
        );
        for bad in [
            "varchar(0)",
            "varchar(10485761)",
            "varchar()",
            "varchar(x)",
            "varchar(1,2)",
        ] {
            assert_eq!(
                bad.parse::<ColumnType>(),
                Err(TypeNameError::Length),
                "{bad}"
            );
        }
        for bad in [
            "numeric(0)",
            "numeric(1001)",
            "numeric(5,1001)",
            "numeric()",
            "numeric(1,2,3)",
        ] {
            assert_eq!(
                bad.parse::<ColumnType>(),
                Err(TypeNameError::Precision),
                "{bad}"
            );
        }
        let refused = "timestamp(3)".parse::<ColumnType>();
        assert_eq!(
            refused,
            Err(TypeNameError::Arguments(ColumnType::Timestamp))
        );
    }

    #[test]
    fn other_types_are_refused_with_the_list_and_what_was_meant() {
        for bad in [
            "json",
            "text[]",
            "char(3)",
            "float4",
            "varchar(12",
            "",
            "serial",
            "varchr(32)",
        ] {
            let problem = bad.parse::<ColumnType>().unwrap_err().to_string();
            assert!(problem.contains(LISTED), "{bad}: {problem}");
        }
        let problem = "json".parse::<ColumnType>().unwrap_err().to_string();
        assert!(
            problem.starts_with("`json` is no type that can be loaded (did you mean `jsonb`?)")
        );
        let problem = "varchr(32)".parse::<ColumnType>().unwrap_err().to_string();
        assert!(problem.contains("(did you mean `varchar`?)"), "{problem}");
    }
}
