//! What becomes of a field under a configuration.

use serde::Serialize;

use super::{finding::Finding, kind::Kind};
use crate::config::{Column, ColumnSource, ColumnType, Mask, Pipeline};

/// What becomes of a field, or became of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Loading {
    /// No column names it.
    NotLoaded,
    /// It is masked.
    Masked {
        /// The columns.
        columns: Vec<String>,
        /// The method, or `domain NAME` where the configuration leaves it to the key set.
        method: String,
    },
    /// A column of tokens, or one that the configuration masks, that holds values in clear all the
    /// same.
    Unmasked {
        /// The column.
        columns: Vec<String>,
        /// The method, as of a masked one.
        method: String,
    },
    /// It is there as it came.
    Clear {
        /// The columns.
        columns: Vec<String>,
    },
}

impl Loading {
    /// What becomes of a field of an event, given as a JSON Pointer. One within an object that a
    /// column takes whole goes where that goes.
    pub fn of_field(pipeline: &Pipeline, field: &str) -> Self {
        let taking = pipeline
            .columns
            .iter()
            .filter(|column| match &column.source {
                ColumnSource::Field(tokens) => is_within(field, &pointer(tokens)),
                ColumnSource::SentAt | ColumnSource::MessageId => false,
            });
        let (masked, clear): (Vec<&Column>, Vec<_>) = taking.partition(|one| one.mask.is_some());
        let names = |columns: &[&Column]| columns.iter().map(|one| one.name.clone()).collect();
        match (&clear[..], &masked[..]) {
            ([], []) => Self::NotLoaded,
            ([], [first, ..]) => Self::Masked {
                columns: names(&masked),
                method: method(first).unwrap_or_default(),
            },
            (_, _) => Self::Clear {
                columns: names(&clear),
            },
        }
    }

    /// What became of a column of a table that was sampled; `pipeline` is that which loads into
    /// this very table, if it is one.
    pub fn of_column(pipeline: Option<&Pipeline>, path: &str, finding: &Finding) -> Self {
        let name = path.split('/').next().unwrap_or(path);
        let columns = vec![name.to_owned()];
        let configured = pipeline
            .and_then(|pipeline| pipeline.columns.iter().find(|column| column.name == name));
        let by_token = finding
            .kind
            .is_token()
            .then(|| finding.kind.id().replace("_token", ""));
        match by_token.or_else(|| configured.and_then(method)) {
            None => Self::Clear { columns },
            Some(method) => {
                let is_in_clear = if finding.kind.is_token() {
                    finding.no_tokens.is_some()
                } else {
                    finding.kind != Kind::Nothing && configured.is_some_and(shows_tokens)
                };
                if is_in_clear {
                    Self::Unmasked { columns, method }
                } else {
                    Self::Masked { columns, method }
                }
            }
        }
    }

    /// Whether a column that it goes to is one of addresses.
    pub(super) fn is_inet(&self, pipeline: &Pipeline) -> bool {
        let columns = match self {
            Self::NotLoaded => return false,
            Self::Masked { columns, .. }
            | Self::Unmasked { columns, .. }
            | Self::Clear { columns } => columns,
        };
        let of_inet = |column: &Column| column.column_type == ColumnType::Inet;
        let mut columns_of_inet = pipeline.columns.iter().filter(|column| of_inet(column));
        columns_of_inet.any(|column| columns.contains(&column.name))
    }

    /// Whether it can be read.
    pub fn is_clear(&self) -> bool {
        match self {
            Self::Clear { .. } | Self::Unmasked { .. } => true,
            Self::NotLoaded | Self::Masked { .. } => false,
        }
    }
}

/// The name of a column's method, or of its domain where the configuration leaves the method to the key set.
fn method(column: &Column) -> Option<String> {
    let method = match column.mask.as_ref()? {
        Mask::Domain(mask) => match mask.method {
            Some(method) => method.least(mask.canonical).name().to_owned(),
            None => format!("domain {}", mask.domain),
        },
        Mask::Drop => "drop".to_owned(),
        Mask::Redact(_) => "redact".to_owned(),
    };
    Some(method)
}

/// Whether the tokens of a column can be told by their text. Where the configuration leaves the method to the key set,
/// they are taken to be of a method whose tokens can.
fn shows_tokens(column: &Column) -> bool {
    let is_text = matches!(
        column.column_type,
        ColumnType::Text | ColumnType::Varchar(_)
    );
    let is_marked = match &column.mask {
        Some(Mask::Domain(mask)) => mask
            .method
            .is_none_or(|method| method.least(mask.canonical).is_marked()),
        Some(Mask::Drop | Mask::Redact(_)) | None => false,
    };
    is_text && is_marked
}

/// The JSON Pointer of some reference tokens (RFC 6901).
fn pointer(tokens: &[String]) -> String {
    tokens.iter().fold(String::new(), |pointer, token| {
        pointer + "/" + &token.replace('~', "~0").replace('/', "~1")
    })
}

fn is_within(field: &str, outer: &str) -> bool {
    field
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Configuration, inspect::Concern};

    fn finding(kind: Kind) -> Finding {
        Finding {
            kind,
            share: None,
            some: vec![],
            no_tokens: None,
            hint: None,
            concern: Concern::None,
        }
    }

    #[test]
    fn fields_go_where_the_configuration_says() {
        let pipeline = Configuration::builtin().pipeline;
        let of = |field| Loading::of_field(&pipeline, field);
        let masked = Loading::Masked {
            columns: vec!["masked_ip".to_owned()],
            method: "domain ip".to_owned(),
        };
        let clear = Loading::Clear {
            columns: vec!["locale".to_owned()],
        };
        assert_eq!(of("/ip"), masked);
        assert_eq!(of("/locale"), clear);
        assert_eq!(of("/locale/language"), clear);
        assert_eq!(of("/locales"), Loading::NotLoaded);
        assert_eq!(of("/other"), Loading::NotLoaded);
        assert!(clear.is_clear() && !masked.is_clear());
    }

    #[test]
    fn columns_are_as_they_are_found() {
        let pipeline = Configuration::builtin().pipeline;
        let of = |column, kind| Loading::of_column(Some(&pipeline), column, &finding(kind));
        assert!(matches!(
            of("masked_ip", Kind::SivToken),
            Loading::Masked { .. }
        ));
        assert!(matches!(
            of("masked_ip", Kind::Nothing),
            Loading::Masked { .. }
        ));
        assert!(matches!(
            of("masked_ip", Kind::Ip),
            Loading::Unmasked { .. }
        ));
        assert!(matches!(
            of("locale", Kind::Category),
            Loading::Clear { .. }
        ));
        let elsewhere = Loading::of_column(None, "masked_ip", &finding(Kind::Ip));
        assert!(matches!(elsewhere, Loading::Clear { .. }));
        // Also where the configuration knows nothing of the column.
        let mixed = Finding {
            no_tokens: Some(0.01),
            ..finding(Kind::SivToken)
        };
        for pipeline in [Some(&pipeline), None] {
            let mixed = Loading::of_column(pipeline, "masked_ip", &mixed);
            assert!(matches!(mixed, Loading::Unmasked { .. }));
        }
    }
}
