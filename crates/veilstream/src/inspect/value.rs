//! What a single value looks like.

use std::net::{IpAddr, Ipv6Addr};

use jiff::{Timestamp, civil};

use super::{national_id::NationalId, payment};

/// Something that a value can look like. One value can look like several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A token of method `siv`.
    SivToken,
    /// A token of method `hmac`.
    HmacToken,
    Uuid,
    Email,
    /// An email address within a longer text.
    EmailWithin,
    Ip,
    /// The address of a network interface.
    Mac,
    /// Latitude and longitude.
    Coordinates,
    /// A phone number that is spelt as nothing else is.
    Phone,
    /// What is a phone number if the field's name says so.
    PhoneDigits,
    Card,
    Iban,
    NationalId(NationalId),
    Date,
    /// What is a date if the field's name says so.
    DateDigits,
    /// A point in time, or a time of day.
    Time,
    Number,
    Boolean,
    /// Several words.
    Words,
}

impl Pattern {
    /// How many patterns there are.
    pub(super) const COUNT: usize = 18 + NationalId::ALL.len();

    /// The pattern's place in a table of them all.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::SivToken => 0,
            Self::HmacToken => 1,
            Self::Uuid => 2,
            Self::Email => 3,
            Self::EmailWithin => 4,
            Self::Ip => 5,
            Self::Phone => 6,
            Self::PhoneDigits => 7,
            Self::Card => 8,
            Self::Iban => 9,
            Self::Date => 10,
            Self::Time => 11,
            Self::Number => 12,
            Self::Boolean => 13,
            Self::Words => 14,
            Self::Mac => 15,
            Self::Coordinates => 16,
            Self::DateDigits => 17,
            Self::NationalId(scheme) => 18 + scheme as usize,
        }
    }
}

/// What a value looks like.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Every pattern whose form it has, and whether it is valid.
    pub(super) patterns: Vec<(Pattern, bool)>,
    /// The year, if it is a date without a time of day.
    pub(super) year: Option<i16>,
}

impl Looks {
    /// Looks at a value.
    pub(super) fn of(text: &str) -> Self {
        let mut looks = Self::default();
        let text = text.trim();
        for (pattern, is_it) in [
            (Pattern::SivToken, is_token(text, "vs1s.")),
            (Pattern::HmacToken, is_token(text, "vs1h.")),
            (Pattern::Uuid, is_uuid(text)),
            (Pattern::Email, is_email(text)),
            (Pattern::EmailWithin, has_email(text)),
            (Pattern::Ip, is_ip(text)),
            (Pattern::Mac, is_mac(text)),
            (Pattern::Coordinates, is_coordinates(text)),
            (Pattern::DateDigits, is_date_digits(text)),
            (Pattern::Phone, is_phone(text)),
            (Pattern::PhoneDigits, is_phone_digits(text)),
            (Pattern::Number, is_number(text)),
            (Pattern::Boolean, matches!(text, "true" | "false")),
            (Pattern::Words, text.split_whitespace().nth(2).is_some()),
        ] {
            looks.add(pattern, is_it.then_some(true));
        }
        looks.add(Pattern::Card, payment::card(text));
        looks.add(Pattern::Iban, payment::iban(text));
        for scheme in NationalId::ALL {
            looks.add(Pattern::NationalId(scheme), scheme.check(text));
        }
        looks.year = date(text).map(civil::Date::year);
        looks.add(Pattern::Date, looks.year.map(|_| true));
        looks.add(Pattern::Time, is_time(text).then_some(true));
        looks
    }

    fn add(&mut self, pattern: Pattern, valid: Option<bool>) {
        self.patterns.extend(valid.map(|valid| (pattern, valid)));
    }

    /// Whether it can be told from other values by itself, as a key of an object that is one, not
    /// a name.
    pub(super) fn is_data(&self) -> bool {
        self.patterns.iter().any(|(pattern, valid)| {
            *valid
                && match pattern {
                    Pattern::Words
                    | Pattern::Boolean
                    | Pattern::PhoneDigits
                    | Pattern::DateDigits => false,
                    Pattern::SivToken
                    | Pattern::HmacToken
                    | Pattern::Uuid
                    | Pattern::Email
                    | Pattern::EmailWithin
                    | Pattern::Ip
                    | Pattern::Mac
                    | Pattern::Coordinates
                    | Pattern::Phone
                    | Pattern::Card
                    | Pattern::Iban
                    | Pattern::NationalId(_)
                    | Pattern::Date
                    | Pattern::Time
                    | Pattern::Number => true,
                }
        })
    }
}

/// The shortest token holds version, key id and 16 bytes in base64.
fn is_token(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|encoded| {
        encoded.len() >= 28
            && encoded
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

/// Only with hyphens: 32 hexadecimal digits alone are a digest as well.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// An address as people have them (the dot-atom of RFC 5321 section 4.1.2, at a domain with a
/// top-level one of letters), not all that the RFC allows; also as it is in a URL.
fn is_email(text: &str) -> bool {
    const FILES: [&str; 9] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "pdf",
    ];
    let at = if text.contains('@') { "@" } else { "%40" };
    let Some((local, domain)) = text.split_once(at) else {
        return false;
    };
    let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_dotted = !local.is_empty()
        && local.len() <= 64
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    let Some((host, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    is_dotted
        && domain.len() <= 255
        && host.split('.').all(is_label)
        && top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic)
        && !FILES.contains(&top.to_ascii_lowercase().as_str())
}

fn has_email(text: &str) -> bool {
    let mut words = text
        .split(|c: char| c.is_whitespace() || ",;:<>()[]\"'=?&".contains(c))
        .map(|word| word.trim_end_matches(['.', '!', '?']))
        .filter(|word| word.len() < text.len());
    words.any(is_email)
}

/// An address, or a list of them as in `X-Forwarded-For`; with a port, or as PostgreSQL spells
/// `inet`; one of version 6 also with its zone (RFC 4007 section 11).
fn is_ip(text: &str) -> bool {
    let is_one = |text: &str| {
        let text = text.trim();
        let address = text.split_once('/').map_or(text, |(address, bits)| {
            if bits.parse::<u8>().is_ok_and(|bits| bits <= 128) {
                address
            } else {
                ""
            }
        });
        let zoned = address
            .split_once('%')
            .is_some_and(|(address, zone)| !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok());
        zoned || address.parse::<IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
    };
    !text.is_empty() && text.len() <= 512 && text.split(',').all(is_one)
}

/// Six octets with one separator (IEEE 802); not the address of nobody or of all.
fn is_mac(text: &str) -> bool {
    let is = |separator: char| {
        let octets: Vec<&str> = text.split(separator).collect();
        let is_octet =
            |octet: &&str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
        let of_nobody = |nobody: &str| {
            octets
                .iter()
                .all(|octet| octet.eq_ignore_ascii_case(nobody))
        };
        octets.len() == 6 && octets.iter().all(is_octet) && !of_nobody("00") && !of_nobody("ff")
    };
    is(':') || is('-')
}

/// Decimal degrees, with four places at least (some ten metres): two other numbers have fewer.
fn is_coordinates(text: &str) -> bool {
    let is_angle = |text: &str, most: f64| {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        unsigned.split_once('.').is_some_and(|(degrees, places)| {
            (1..=3).contains(&degrees.len())
                && places.len() >= 4
                && digits(degrees)
                && digits(places)
        }) && unsigned.parse::<f64>().is_ok_and(|angle| angle <= most)
    };
    text.split_once(',').is_some_and(|(latitude, longitude)| {
        is_angle(latitude.trim_end(), 90.0) && is_angle(longitude.trim_start(), 180.0)
    })
}

/// International spelling (ITU-T E.164: up to 15 digits), or that of North America with its
/// separators (the first digits of area and exchange are 2 to 9).
fn is_phone(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let separators = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    if let Some(rest) = text.strip_prefix('+') {
        return (8..=15).contains(&digits.len()) && rest.chars().all(separators);
    }
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { 'd' } else { c })
        .collect();
    let american = [
        "ddd-ddd-dddd",
        "(ddd) ddd-dddd",
        "(ddd)ddd-dddd",
        "ddd.ddd.dddd",
    ];
    american.contains(&shape.as_str()) && digits[0] >= b'2' && digits[3] >= b'2'
}

fn is_phone_digits(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" -./()+".contains(&byte))
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// A date without a time of day, or at midnight as programs write it.
fn date(text: &str) -> Option<civil::Date> {
    let numbers: Vec<&str> = text.split(['-', '.', '/']).collect();
    if let [first, second, third] = numbers[..] {
        let of = |year: &str, month: &str, day: &str| {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let sized = year.len() == 4 && month.len() <= 2 && day.len() <= 2;
            (sized && [year, month, day].into_iter().all(digits))
                .then(|| {
                    let (year, month, day) = (year.parse(), month.parse(), day.parse());
                    civil::Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
                })
                .flatten()
        };
        let plain = of(first, second, third)
            .or_else(|| of(third, second, first))
            .or_else(|| of(third, first, second));
        if plain.is_some() {
            return plain;
        }
    }
    let moment = moment(text)?;
    (moment.time() == civil::Time::midnight()).then(|| moment.date())
}

/// A date as `YYYYMMDD` (ISO 8601, basic format) on which somebody who lives may be born.
fn is_date_digits(text: &str) -> bool {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && matches!(&text[..2], "19" | "20")
        && date(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])).is_some()
}

/// A date and a time of day, with or without its offset.
fn moment(text: &str) -> Option<civil::DateTime> {
    let dated = text.len() > 10 && text.as_bytes().get(4) == Some(&b'-');
    let moment = || {
        text.trim_end_matches('Z')
            .parse::<civil::DateTime>()
            .ok()
            .or_else(|| {
                let offset = jiff::tz::TimeZone::UTC;
                Some(text.parse::<Timestamp>().ok()?.to_zoned(offset).datetime())
            })
    };
    dated.then(moment).flatten()
}

/// A moment, a time of day, or seconds or milliseconds since 1970 of the years 2001 to 2036.
fn is_time(text: &str) -> bool {
    let epoch = |number: i64| {
        matches!(number, 1_000_000_000..2_100_000_000)
            || matches!(number, 1_000_000_000_000..2_100_000_000_000)
    };
    let of_day = |text: &str| {
        let clock = text.as_bytes().first().is_some_and(u8::is_ascii_digit) && text.contains(':');
        clock && text.len() <= 18 && text.parse::<civil::Time>().is_ok()
    };
    text.parse().is_ok_and(epoch) || of_day(text) || moment(text).is_some()
}

#[cfg(test)]
mod tests;
