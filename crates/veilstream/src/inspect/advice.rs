//! The method to choose for a field, and why.

use serde::Serialize;

use super::{
    finding::{Concern, Finding},
    kind::Kind,
    name::NameHint,
    statistics::Statistics,
};

/// From this share of the most frequent value on, it is told by counting whatever masks it.
const TOP_SHARE: f64 = 0.2;
/// So few values can be counted through as well.
const FEW: usize = 16;
/// From so many values on their frequencies mean something.
const ENOUGH: u64 = 20;

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Reversible tokens.
    Siv,
    /// One-way tokens.
    Hmac,
    /// An address for an address.
    Ip,
    /// NULL, or no column at all.
    Drop,
    /// A fixed text.
    Redact,
    /// As it is.
    Clear,
}

/// A recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The method.
    pub method: Choice,
    /// The canonical form to go with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<&'static str>,
    /// Why, in a short sentence without a value.
    pub why: &'static str,
}

/// What a field is about, however that was found.
enum Subject {
    Kind(Kind),
    Hint(NameHint),
}

impl Advice {
    /// What to do with a field, which goes into a column of type `inet` or into another one.
    pub fn of(finding: &Finding, statistics: &Statistics, into_inet: bool) -> Self {
        if finding.kind.is_token() {
            if finding.no_tokens.is_none() {
                return advice(Choice::Clear, "it is masked already");
            }
            let method = if finding.kind == Kind::HmacToken {
                Choice::Hmac
            } else {
                Choice::Siv
            };
            let why = "mask the values in clear among the tokens, and find who writes them";
            return advice(method, why);
        }
        if finding.concern == Concern::None {
            return unconcerned(finding.kind);
        }
        if finding.kind == Kind::FreeText && !finding.some.is_empty() {
            return advice(
                Choice::Redact,
                "texts that name people are nothing to join on",
            );
        }
        let subject = if finding.kind.is_personal() {
            Subject::Kind(finding.kind)
        } else if let Some((kind, _)) = finding.some.first() {
            Subject::Kind(*kind)
        } else if let Some(hint) = finding.hint {
            Subject::Hint(hint)
        } else {
            return unconcerned(finding.kind);
        };
        let wanted = by_subject(&subject, finding.kind);
        let masks = matches!(wanted.method, Choice::Siv | Choice::Hmac);
        let is_address = wanted.canonical == Some("ip");
        if masks && can_be_counted(statistics) {
            let why = "a few values are most of it, and can be counted under any mask; coarsen it if it is needed";
            return advice(Choice::Drop, why);
        }
        if into_inet && is_address {
            return advice(
                Choice::Ip,
                "the column stays one of addresses, and equal ones match",
            );
        }
        wanted
    }
}

fn advice(method: Choice, why: &'static str) -> Advice {
    Advice {
        method,
        canonical: None,
        why,
    }
}

fn siv(canonical: &'static str, why: &'static str) -> Advice {
    Advice {
        canonical: Some(canonical),
        ..advice(Choice::Siv, why)
    }
}

fn unconcerned(kind: Kind) -> Advice {
    match kind {
        Kind::FreeText => advice(
            Choice::Redact,
            "sentences can name anybody; redact it unless it is read",
        ),
        Kind::Nothing => advice(Choice::Clear, "there was no value to look at"),
        Kind::SivToken
        | Kind::HmacToken
        | Kind::Ip
        | Kind::Email
        | Kind::MacAddress
        | Kind::Coordinates
        | Kind::Phone
        | Kind::CardNumber
        | Kind::Iban
        | Kind::NationalId(_)
        | Kind::DateOfBirth
        | Kind::Uuid
        | Kind::Time
        | Kind::Number
        | Kind::Category
        | Kind::OpaqueId
        | Kind::Text => advice(Choice::Clear, "nothing personal was seen"),
    }
}

fn by_subject(subject: &Subject, kind: Kind) -> Advice {
    match subject {
        Subject::Kind(Kind::Ip) | Subject::Hint(NameHint::Ip) => siv(
            "ip",
            "one address, one token, however it is spelt; method ip where readers need an address",
        ),
        Subject::Kind(Kind::Email) | Subject::Hint(NameHint::Email) => siv(
            "email",
            "equal people still match, and the address can be had back",
        ),
        Subject::Kind(Kind::Phone) | Subject::Hint(NameHint::Phone) => siv(
            "phone",
            "equal people still match, however the number is spelt",
        ),
        Subject::Kind(Kind::CardNumber) => advice(
            Choice::Hmac,
            "equal cards still match, and nobody gets a number back",
        ),
        Subject::Hint(NameHint::Card) => {
            advice(Choice::Drop, "what proves a card belongs in no table")
        }
        Subject::Kind(Kind::Iban) | Subject::Hint(NameHint::Iban) => advice(
            Choice::Siv,
            "equal accounts still match, and payments can have it back",
        ),
        Subject::Kind(Kind::NationalId(_)) | Subject::Hint(NameHint::NationalId) => advice(
            Choice::Hmac,
            "it is hardly ever needed back; method format where readers check its form",
        ),
        Subject::Kind(Kind::DateOfBirth) | Subject::Hint(NameHint::Birth) => advice(
            Choice::Drop,
            "there are so few days that they can be counted; load the year at the most",
        ),
        Subject::Kind(Kind::Coordinates) | Subject::Hint(NameHint::Location) => advice(
            Choice::Drop,
            "places tell people apart, and tokens cannot be near each other; coarsen it",
        ),
        Subject::Hint(NameHint::Secret) => advice(Choice::Drop, "a secret belongs in no table"),
        Subject::Hint(NameHint::PersonName | NameHint::Address) => siv(
            "text",
            "equal ones still match; drop it if nobody joins on it",
        ),
        Subject::Kind(Kind::MacAddress) | Subject::Hint(NameHint::Device) => advice(
            Choice::Siv,
            "equal devices still match; hmac if never needed back",
        ),
        Subject::Hint(NameHint::User) if kind == Kind::Uuid => siv(
            "uuid",
            "a pseudonym: clear is defensible, a token also hides it from other tables",
        ),
        Subject::Hint(NameHint::User) => advice(
            Choice::Siv,
            "a pseudonym: clear is defensible, a token also hides it from other tables",
        ),
        Subject::Kind(
            Kind::SivToken
            | Kind::HmacToken
            | Kind::Uuid
            | Kind::Time
            | Kind::Number
            | Kind::Category
            | Kind::FreeText
            | Kind::OpaqueId
            | Kind::Text
            | Kind::Nothing,
        ) => unconcerned(kind),
    }
}

/// Whether so few values make up most of the field that their frequencies tell them.
fn can_be_counted(statistics: &Statistics) -> bool {
    statistics.values() >= ENOUGH
        && (statistics.top_share() >= Some(TOP_SHARE) || statistics.distinct() <= FEW)
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;
    use crate::inspect::name::FieldName;

    fn advised(name: &str, value: impl Fn(usize) -> String) -> (Choice, Option<&'static str>) {
        let hasher = RandomState::new();
        let mut statistics = Statistics::default();
        for place in 0..100 {
            statistics.add(&value(place), &hasher);
        }
        let finding = Finding::of(&FieldName::new([name]), &statistics, 2026);
        let advice = Advice::of(&finding, &statistics, name == "inet");
        (advice.method, advice.canonical)
    }

    #[test]
    fn the_method_fits_the_field() {
        let word = |place| format!("Word{place}");
        let few = |place| format!("Word{}", place % 3);
        let email = |place| format!("a{place}@example.com");
        let ip = |place| format!("192.0.2.{place}");
        for (name, advised, expected) in [
            ("x", advised("x", email), (Choice::Siv, Some("email"))),
            ("x", advised("x", ip), (Choice::Siv, Some("ip"))),
            (
                "surname",
                advised("surname", word),
                (Choice::Siv, Some("text")),
            ),
            ("surname", advised("surname", few), (Choice::Drop, None)),
            // What goes into a column of addresses stays one.
            ("inet", advised("inet", ip), (Choice::Ip, None)),
            ("ssn", advised("ssn", word), (Choice::Hmac, None)),
            ("password", advised("password", word), (Choice::Drop, None)),
            (
                "cvc",
                advised("cvc", |n| n.to_string()),
                (Choice::Drop, None),
            ),
            ("dob", advised("dob", word), (Choice::Drop, None)),
            ("locale", advised("locale", few), (Choice::Clear, None)),
            (
                "comment",
                advised("comment", |n| format!("it is no {n}")),
                (Choice::Redact, None),
            ),
            ("user_id", advised("user_id", word), (Choice::Siv, None)),
        ] {
            assert_eq!(advised, expected, "{name}");
        }
    }
}
