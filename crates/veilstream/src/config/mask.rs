//! How a personal field is masked: what the configuration says, and what follows from it for the column.

use std::fmt;

use masking::{Alphabet, Canonical, DomainName, DomainSpec, Form, Format, Method};

use super::ColumnType;

/// What becomes of a personal field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// The value becomes a token of a domain.
    Domain(DomainMask),
    /// The value goes nowhere: the column is NULL.
    Drop,
    /// A fixed text stands for every value; where there is no value the column is NULL.
    Redact(String),
}

/// A domain, and what the configuration expects of it.
///
/// The key set decides how the domain's values are masked. What is stated here is held against it at start, and a
/// difference is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainMask {
    /// The domain: equal values in one domain get equal tokens.
    pub domain: DomainName,
    /// The method, if it is stated.
    pub method: Option<StatedMethod>,
    /// The canonical form, if it is stated.
    pub canonical: Option<Canonical>,
}

/// A method as the configuration states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedMethod {
    /// `siv`
    Siv {
        /// Whether values are padded, if that is stated.
        padded: Option<bool>,
    },
    /// `hmac`
    Hmac,
    /// `ip`
    Ip,
    /// `format`, and the format if it is stated.
    Format(Option<Format>),
}

/// How long a `varchar` has to be for the tokens of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The length in characters.
    pub length: usize,
    /// Whether every token fits it; else it is just enough for the shortest.
    pub for_longest: bool,
}

impl DomainMask {
    /// The domain with whatever the configuration does not say.
    pub fn new(domain: DomainName) -> Self {
        Self {
            domain,
            method: None,
            canonical: None,
        }
    }

    /// Whether a domain of the key set is as stated.
    pub fn agrees(&self, found: &DomainSpec) -> bool {
        self.method.is_none_or(|method| method.agrees(found.method))
            && self
                .canonical
                .is_none_or(|canonical| canonical == found.canonical)
    }

    /// The domain as far as it is stated; with no method there is none. What is left out is what asks least of a
    /// column.
    pub fn stated(&self) -> Option<DomainSpec> {
        Some(DomainSpec {
            name: self.domain.clone(),
            method: self.method?.least(self.canonical),
            canonical: self.canonical.unwrap_or(Canonical::Exact),
        })
    }

    /// What is stated, as the configuration writes it.
    pub fn statement(&self) -> String {
        let method = self.method.map(|method| match method {
            StatedMethod::Siv {
                padded: Some(padded),
            } => written(Method::Siv { padded }),
            StatedMethod::Format(Some(format)) => written(Method::Format(format)),
            StatedMethod::Siv { padded: None }
            | StatedMethod::Hmac
            | StatedMethod::Ip
            | StatedMethod::Format(None) => name_written(method.least(self.canonical)),
        });
        let canonical = self.canonical.map(canonical_written);
        let stated: Vec<_> = method.into_iter().chain(canonical).collect();
        stated.join(", ")
    }
}

impl StatedMethod {
    /// The method that agrees, goes with the canonical form where one can, and asks least of a column.
    pub fn least(self, canonical: Option<Canonical>) -> Method {
        match self {
            Self::Siv { padded } => Method::Siv {
                padded: padded.unwrap_or(false),
            },
            Self::Hmac => Method::Hmac,
            Self::Ip => Method::Ip,
            Self::Format(Some(format)) => Method::Format(format),
            Self::Format(None) => {
                let alphabet = match canonical {
                    Some(Canonical::Phone) => Alphabet::Digits,
                    Some(Canonical::Uuid) => Alphabet::Hex,
                    Some(Canonical::Exact | Canonical::Text | Canonical::Ip | Canonical::Email)
                    | None => Alphabet::Alphanumeric,
                };
                let format = Format::new(alphabet, None);
                Method::Format(format.expect("no length stands for the least one"))
            }
        }
    }

    fn agrees(self, found: Method) -> bool {
        match (self, found) {
            (Self::Siv { padded: stated }, Method::Siv { padded }) => {
                stated.is_none_or(|stated| stated == padded)
            }
            (Self::Format(stated), Method::Format(format)) => {
                stated.is_none_or(|stated| stated == format)
            }
            (Self::Hmac, Method::Hmac) | (Self::Ip, Method::Ip) => true,
            (
                Self::Siv { .. } | Self::Hmac | Self::Ip | Self::Format(_),
                Method::Siv { .. } | Method::Hmac | Method::Ip | Method::Format(_),
            ) => false,
        }
    }
}

/// How a domain of the key set is masked, as the configuration would write it.
pub fn domain_written(domain: &DomainSpec) -> String {
    let method = written(domain.method);
    format!("{method}, {}", canonical_written(domain.canonical))
}

fn written(method: Method) -> String {
    let name = name_written(method);
    match method {
        Method::Siv { padded } => format!("{name}, padded = {padded}"),
        Method::Hmac | Method::Ip => name,
        Method::Format(format) => format!(
            "{name}, alphabet = \"{}\", length = {}",
            format.alphabet(),
            format.shortest()
        ),
    }
}

fn name_written(method: Method) -> String {
    format!("method = \"{method}\"")
}

fn canonical_written(canonical: Canonical) -> String {
    format!("canonical = \"{canonical}\"")
}

/// What a `varchar` needs for the tokens of a domain: room for the longest, or, where values have no longest, for
/// the shortest.
pub fn room(domain: &DomainSpec) -> Room {
    let longest = domain.longest_token();
    Room {
        length: longest.unwrap_or_else(|| domain.shortest_token()),
        for_longest: longest.is_some(),
    }
}

/// The column types that hold the tokens of a method, as messages list them.
pub fn fitting_types(method: Method, canonical: Canonical) -> String {
    let types = [
        (Form::Text, "text, varchar"),
        (Form::Bytes, "bytea"),
        (Form::Address, "inet"),
        (Form::Uuid, "uuid"),
    ];
    let fitting = types
        .into_iter()
        .filter(|(form, _)| method.has_form(canonical, *form))
        .map(|(_, types)| types);
    fitting.collect::<Vec<_>>().join(", ")
}

impl ColumnType {
    /// The form in which a column of this type holds tokens, if any method makes such.
    pub fn token_form(self) -> Option<Form> {
        match self {
            Self::Text | Self::Varchar(_) => Some(Form::Text),
            Self::Bytea => Some(Form::Bytes),
            Self::Inet => Some(Form::Address),
            Self::Uuid => Some(Form::Uuid),
            Self::Int2
            | Self::Int4
            | Self::Int8
            | Self::Float8
            | Self::Numeric(_)
            | Self::Bool
            | Self::Date
            | Self::Timestamp
            | Self::Timestamptz
            | Self::Jsonb => None,
        }
    }

    /// Whether so many characters of text fit.
    pub fn has_room(self, characters: usize) -> bool {
        match self.most_characters() {
            Some(most) => characters <= most,
            None => true,
        }
    }

    /// The most characters of text that a column of this type takes, where there is a limit.
    pub fn most_characters(self) -> Option<usize> {
        let Self::Varchar(Some(length)) = self else {
            return None;
        };
        Some(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.for_longest {
            "the longest"
        } else {
            "even the shortest"
        };
        write!(
            f,
            "{which} token of this domain has {} characters",
            self.length
        )
    }
}
