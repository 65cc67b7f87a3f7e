//! The one place that decides, from a field's name and its values, what it is and whether that is
//! personal.

use super::{
    kind::Kind,
    name::{FieldName, NameHint},
    national_id::NationalId,
    statistics::Statistics,
    value::Pattern,
};

/// A kind is named when at least so much of the values match.
const NAMED: f64 = 0.8;
/// Above this share it is said that some match.
const SOME: f64 = 0.05;
/// Of what is hardly ever so by chance, so many are said however small their share is.
const HITS: u64 = 2;
/// Of numbers with the form of a check digit's scheme one in ten passes by chance: so much has to.
const NOT_BY_CHANCE: f64 = 0.5;
/// Nearly nine in ten random numbers of its form pass for an SSN, and all real ones do.
const SSN_NOT_BY_CHANCE: f64 = 0.95;
/// From so many values on they can contradict a name.
const ENOUGH: u64 = 20;

/// How much a field is about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// Not as far as can be seen.
    None,
    /// It stands for somebody, and says nothing by itself: a user's id, a hash.
    Pseudonym,
    /// It is, or can be looked up by anybody.
    Personal,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What most of its values are.
    pub kind: Kind,
    /// How much of the values are of that kind, over 0 to 1, where it is one that each value shows
    /// by itself.
    pub share: Option<f64>,
    /// Personal kinds that some of the values are of, and how much of them.
    pub some: Vec<(Kind, f64)>,
    /// The share of values that are no tokens, above 0 to 1, where others are.
    pub no_tokens: Option<f64>,
    /// What its name says.
    pub hint: Option<NameHint>,
    /// How much it is about people.
    pub concern: Concern,
}

impl Finding {
    /// Decides about a field; `this_year` is the current one, for people's age.
    pub fn of(name: &FieldName, statistics: &Statistics, this_year: i16) -> Self {
        let mut shares = shares(name, statistics, this_year);
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let named = shares.iter().position(|(_, share)| *share >= NAMED);
        let (kind, share) = match named.map(|place| shares.remove(place)) {
            Some((kind, share)) => (kind, Some(share)),
            None => (remaining(statistics), None),
        };
        shares.retain(|(other, share)| {
            let is_said = *share > SOME || (*share > 0.0 && hits(*other, statistics) >= HITS);
            other.is_personal() && is_said
        });
        // What looks like two things is the likelier one.
        if kind.is_personal() {
            shares.clear();
        }
        let hint = name
            .hint()
            .filter(|hint| !contradicts(kind, *hint, statistics));
        let no_tokens = no_tokens(statistics);
        let concern = if kind.is_token() && no_tokens.is_none() {
            Concern::None
        } else if kind.is_personal() || !shares.is_empty() || no_tokens.is_some() {
            Concern::Personal
        } else {
            hint.map_or(Concern::None, |hint| concern(hint, name))
        };
        Self {
            kind,
            share,
            some: shares,
            no_tokens,
            hint,
            concern,
        }
    }
}

/// How many values are of a kind that is hardly ever so by chance, once its check digits are.
fn hits(kind: Kind, statistics: &Statistics) -> u64 {
    let valid = |pattern| statistics.tally(pattern).valid;
    match kind {
        Kind::Email => valid(Pattern::Email) + valid(Pattern::EmailWithin),
        Kind::CardNumber => valid(Pattern::Card),
        Kind::Iban => valid(Pattern::Iban),
        Kind::SivToken
        | Kind::HmacToken
        | Kind::Ip
        | Kind::MacAddress
        | Kind::Coordinates
        | Kind::Phone
        | Kind::NationalId(_)
        | Kind::DateOfBirth
        | Kind::Uuid
        | Kind::Time
        | Kind::Number
        | Kind::Category
        | Kind::FreeText
        | Kind::OpaqueId
        | Kind::Text
        | Kind::Nothing => 0,
    }
}

/// A share over 0 to 1 in percent; a small one is not said to be none.
pub fn portion(share: f64) -> String {
    if share > 0.995 && share < 1.0 {
        "over 99 %".to_owned()
    } else if share < 0.005 {
        "under 1 %".to_owned()
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

/// The share of values in clear among tokens: whoever masks a field means all of it. A few tokens
/// among other values make no masked field.
fn no_tokens(statistics: &Statistics) -> Option<f64> {
    let tokens = statistics.share(Pattern::SivToken) + statistics.share(Pattern::HmacToken);
    let valid = |pattern| statistics.tally(pattern).valid;
    let all = valid(Pattern::SivToken) + valid(Pattern::HmacToken) == statistics.filled();
    (tokens > SOME && !all).then_some(1.0 - tokens)
}

/// What a name alone makes of a field.
pub(super) fn concern(hint: NameHint, name: &FieldName) -> Concern {
    match hint {
        NameHint::User => Concern::Pseudonym,
        NameHint::Secret => Concern::Personal,
        NameHint::Ip
        | NameHint::Email
        | NameHint::Phone
        | NameHint::Card
        | NameHint::Iban
        | NameHint::NationalId
        | NameHint::Birth
        | NameHint::PersonName
        | NameHint::Address
        | NameHint::Location
        | NameHint::Device => {
            if name.is_derived() {
                Concern::Pseudonym
            } else {
                Concern::Personal
            }
        }
    }
}

/// The kinds that single values show, each with its share.
fn shares(name: &FieldName, statistics: &Statistics, this_year: i16) -> Vec<(Kind, f64)> {
    let hint = name.hint();
    let certain = |pattern, enough| {
        let tally = statistics.tally(pattern);
        if tally.certainty() >= enough {
            statistics.share(pattern)
        } else {
            0.0
        }
    };
    // A single number proves nothing where one in ten passes, unless the name speaks for it.
    let by_check_digit = |pattern, says| {
        let proof = hint == Some(says) || statistics.tally(pattern).valid >= 2;
        if proof {
            certain(pattern, NOT_BY_CHANCE)
        } else {
            0.0
        }
    };
    let phone = match hint {
        Some(NameHint::Phone) => statistics.share(Pattern::PhoneDigits),
        _ => 0.0,
    };
    let ip = if name.is_version() {
        0.0
    } else {
        statistics.share(Pattern::Ip)
    };
    let birth = is_birth(hint, statistics, this_year);
    let digits = if hint == Some(NameHint::Birth) {
        statistics.share(Pattern::DateDigits)
    } else {
        0.0
    };
    let date = statistics.share(Pattern::Date) + digits;
    let email = email(statistics);
    let mut shares = vec![
        (Kind::SivToken, statistics.share(Pattern::SivToken)),
        (Kind::HmacToken, statistics.share(Pattern::HmacToken)),
        (Kind::Uuid, statistics.share(Pattern::Uuid)),
        (Kind::Email, email),
        (Kind::Ip, ip),
        (Kind::MacAddress, statistics.share(Pattern::Mac)),
        (Kind::Coordinates, statistics.share(Pattern::Coordinates)),
        (Kind::Phone, statistics.share(Pattern::Phone).max(phone)),
        // Country, length and a remainder of 97 are right by chance in one of thousands.
        (Kind::Iban, certain(Pattern::Iban, NOT_BY_CHANCE)),
        (
            Kind::CardNumber,
            by_check_digit(Pattern::Card, NameHint::Card),
        ),
        (Kind::DateOfBirth, if birth { date } else { 0.0 }),
    ];
    shares.extend(NationalId::ALL.map(|scheme| {
        let pattern = Pattern::NationalId(scheme);
        let share = match scheme {
            NationalId::UsSsn => certain(pattern, SSN_NOT_BY_CHANCE),
            NationalId::UkNino => certain(pattern, NOT_BY_CHANCE),
            NationalId::DeTaxId
            | NationalId::FrNir
            | NationalId::EsDni
            | NationalId::ItFiscalCode
            | NationalId::InAadhaar => by_check_digit(pattern, NameHint::NationalId),
        };
        (Kind::NationalId(scheme), share)
    }));
    let time = date.max(statistics.share(Pattern::Time));
    shares.push((Kind::Time, if birth { 0.0 } else { time }));
    shares
}

/// The share of addresses, and of longer texts that hold one: these are never what the field is.
fn email(statistics: &Statistics) -> f64 {
    let alone = statistics.share(Pattern::Email);
    let any = alone + statistics.share(Pattern::EmailWithin);
    if alone >= NAMED {
        alone
    } else {
        any.min(NAMED - f64::EPSILON)
    }
}

/// Dates are of birth if the name says so, or if their years are spread as those of people.
fn is_birth(hint: Option<NameHint>, statistics: &Statistics, this_year: i16) -> bool {
    if hint == Some(NameHint::Birth) {
        return true;
    }
    let [early, middle, late] = match statistics.years() {
        Some(years) if statistics.tally(Pattern::Date).valid >= 10 => years,
        _ => return false,
    };
    let oldest = this_year - 110;
    early >= oldest && late <= this_year && late - early >= 15 && middle <= this_year - 15
}

/// What the values are where no single one shows it.
fn remaining(statistics: &Statistics) -> Kind {
    let filled = statistics.filled();
    if filled == 0 {
        return Kind::Nothing;
    }
    let distinct = statistics.distinct() as u64;
    let again_and_again = filled >= ENOUGH && distinct <= 32 && distinct * 4 <= filled;
    if statistics.share(Pattern::Boolean) >= NAMED {
        Kind::Category
    } else if statistics.share(Pattern::Number) >= NAMED {
        Kind::Number
    } else if again_and_again {
        Kind::Category
    } else if statistics.share(Pattern::Words) >= 0.3 {
        Kind::FreeText
    } else if statistics.share(Pattern::Words) < SOME
        && statistics.distinct_rate() > Some(0.5)
        && statistics
            .lengths()
            .is_some_and(|lengths| lengths.median >= 8)
    {
        Kind::OpaqueId
    } else {
        Kind::Text
    }
}

/// Whether the values are clearly not what the name says: `email` can be a yes or a no, `ip` an
/// abbreviation of something else.
fn contradicts(kind: Kind, hint: NameHint, statistics: &Statistics) -> bool {
    if statistics.share(Pattern::Boolean) >= NAMED {
        return true;
    }
    let matching = match hint {
        NameHint::Ip => statistics.share(Pattern::Ip),
        NameHint::Email => statistics
            .share(Pattern::Email)
            .max(statistics.share(Pattern::EmailWithin)),
        NameHint::Phone => statistics.share(Pattern::PhoneDigits),
        NameHint::Card
        | NameHint::Iban
        | NameHint::NationalId
        | NameHint::Birth
        | NameHint::PersonName
        | NameHint::Address
        | NameHint::Location
        | NameHint::Secret
        | NameHint::Device
        | NameHint::User => return false,
    };
    let is_something_else = matches!(kind, Kind::Category | Kind::Number | Kind::Time);
    statistics.filled() >= ENOUGH && is_something_else && matching <= SOME
}

#[cfg(test)]
mod tests;
