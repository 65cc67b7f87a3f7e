//! The `mask` table of a column: which of its settings go together, and with the column's type.

use masking::{Alphabet, Canonical, DomainName, Format};

use super::{is_text, named};
use crate::config::{
    ColumnType, Mask,
    mask::{self, DomainMask, StatedMethod},
    mistake::{Mistakes, Place},
    section::{Entry, Section},
    spelling,
};

pub(in crate::config) const KEYS: &[&str] = &[
    "domain",
    "method",
    "canonical",
    "padded",
    "alphabet",
    "length",
    "text",
];

/// The names of `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Name {
    Siv,
    Hmac,
    Ip,
    Format,
    Drop,
    Redact,
}

pub(in crate::config) const NAMES: [(&str, Name); 6] = [
    ("siv", Name::Siv),
    ("hmac", Name::Hmac),
    ("ip", Name::Ip),
    ("format", Name::Format),
    ("drop", Name::Drop),
    ("redact", Name::Redact),
];

/// The names of `alphabet`.
pub(in crate::config) const ALPHABETS: [&str; 6] =
    ["digits", "hex", "lower", "upper", "letters", "alphanumeric"];

/// What a setting goes with, and how a message says so.
const BELONGS: [(&str, &[Name], &str); 6] = [
    ("domain", DOMAINS, "a method that makes tokens"),
    ("canonical", DOMAINS, "a method that makes tokens"),
    ("padded", &[Name::Siv], "method = \"siv\""),
    ("alphabet", &[Name::Format], "method = \"format\""),
    ("length", &[Name::Format], "method = \"format\""),
    ("text", &[Name::Redact], "method = \"redact\""),
];

const DOMAINS: &[Name] = &[Name::Siv, Name::Hmac, Name::Ip, Name::Format];

const WANTED_METHOD: &str = "\"siv\", \"hmac\", \"ip\", \"format\", \"drop\" or \"redact\"";
const WANTED_DOMAIN: &str = "the domain that the key set lists, as in \"ip\"";

/// A mistake was noted that leaves nothing to go on with.
struct Noted;

/// Reads the mask of a column; `None` when there is none, or when it has a mistake that leaves none.
pub(super) fn mask(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Entry<Mask>> {
    let wanted = "mask = { domain = \"ip\" }";
    let section = section.section("mask", KEYS, wanted, mistakes)?;
    let place = section.place().clone();
    let Ok(name) = method_name(&section, mistakes) else {
        // What goes with it cannot be judged; a bad name beside it is told at once all the same.
        domain(&section, mistakes);
        let _ = canonical(&section, mistakes);
        return None;
    };
    check_settings(&section, name, mistakes);
    let mask = match name {
        Some(Name::Drop) => Some(Mask::Drop),
        Some(Name::Redact) => redact(&section, mistakes),
        None | Some(Name::Siv | Name::Hmac | Name::Ip | Name::Format) => {
            if !section.has("domain") {
                section.required_text("domain", WANTED_DOMAIN, mistakes);
            }
            let domain = domain(&section, mistakes);
            let method = name.map_or(Ok(None), |name| method(&section, name, mistakes));
            let canonical = canonical(&section, mistakes);
            domain_mask(domain, method, canonical, mistakes)
        }
    };
    Some(Entry {
        value: mask?,
        place,
    })
}

fn method_name(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Result<Option<Name>, Noted> {
    if !section.has("method") {
        return Ok(None);
    }
    let entry = section.text("method", WANTED_METHOD, mistakes);
    let Entry { value, place } = entry.ok_or(Noted)?;
    if let Some((_, name)) = NAMES.into_iter().find(|(name, _)| *name == value) {
        return Ok(Some(name));
    }
    let hint = spelling::did_you_mean(value, NAMES.iter().map(|(name, _)| *name));
    let quoted = spelling::quoted(value);
    let problem = format!("{quoted} is no method{hint}; write {WANTED_METHOD}");
    mistakes.add(&place, problem);
    Err(Noted)
}

/// Notes each setting that says nothing beside this method, or without one.
fn check_settings(section: &Section<'_>, name: Option<Name>, mistakes: &mut Mistakes<'_>) {
    for (key, methods, with) in BELONGS {
        let belongs = match name {
            Some(name) => methods.contains(&name),
            None => methods == DOMAINS,
        };
        if let Some(place) = section.place_at(key).filter(|_| !belongs) {
            let problem = format!("{key} goes with {with}; remove it, or write that method");
            mistakes.add(&place, problem);
        }
    }
}

/// What is stated of a method that makes tokens; `None` for one that does not.
fn method(
    section: &Section<'_>,
    name: Name,
    mistakes: &mut Mistakes<'_>,
) -> Result<Option<StatedMethod>, Noted> {
    Ok(match name {
        Name::Siv => {
            let padded = section
                .has("padded")
                .then(|| section.flag("padded", mistakes));
            Some(StatedMethod::Siv { padded })
        }
        Name::Hmac => Some(StatedMethod::Hmac),
        Name::Ip => Some(StatedMethod::Ip),
        Name::Format => Some(StatedMethod::Format(format(section, mistakes)?)),
        Name::Drop | Name::Redact => None,
    })
}

/// The format, if one is stated.
fn format(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Result<Option<Format>, Noted> {
    let wanted = "the least number of symbols, as in length = 9";
    let length = section.count("length", wanted, mistakes);
    let wanted = "\"digits\", \"hex\", \"lower\", \"upper\", \"letters\" or \"alphanumeric\"";
    let Some(place) = section.place_at("alphabet") else {
        let Some(place) = section.place_at("length") else {
            return Ok(None);
        };
        let problem = format!("a length counts symbols of an alphabet; add alphabet = {wanted}");
        mistakes.add(&place, problem);
        return Err(Noted);
    };
    let alphabet = section.text("alphabet", wanted, mistakes).ok_or(Noted)?;
    let alphabet: Alphabet = named(&alphabet, ALPHABETS, mistakes).ok_or(Noted)?;
    if section.has("length") && length.is_none() {
        return Err(Noted);
    }
    let shortest = length.as_ref().map(|entry| entry.value);
    Format::new(alphabet, shortest)
        .map(Some)
        .map_err(|problem| {
            let place = length.map_or(place, |entry| entry.place);
            mistakes.add(&place, problem.to_string());
            Noted
        })
}

fn redact(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Mask> {
    let wanted = "the text that stands for every value, as in \"***\"";
    let Entry { value, place } = section.required_text("text", wanted, mistakes)?;
    if value.contains('\0') {
        mistakes.add(&place, "a text with NUL in it; PostgreSQL takes none");
        return None;
    }
    Some(Mask::Redact(value.to_owned()))
}

fn domain(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<DomainName> {
    let entry = section.text("domain", WANTED_DOMAIN, mistakes)?;
    named(&entry, [], mistakes)
}

fn canonical(
    section: &Section<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Result<Option<Entry<Canonical>>, Noted> {
    if !section.has("canonical") {
        return Ok(None);
    }
    let words = ["exact", "ip", "email", "uuid", "phone", "text"];
    let wanted = "the form that the key set has, as in \"ip\", or leave it out";
    let entry = section.text("canonical", wanted, mistakes).ok_or(Noted)?;
    let value = named(&entry, words, mistakes).ok_or(Noted)?;
    Ok(Some(Entry {
        value,
        place: entry.place,
    }))
}

fn domain_mask(
    domain: Option<DomainName>,
    method: Result<Option<StatedMethod>, Noted>,
    canonical: Result<Option<Entry<Canonical>>, Noted>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Mask> {
    let (method, canonical) = (method.ok()?, canonical.ok()?);
    if let (Some(method), Some(Entry { value, place })) = (method, &canonical)
        && let Err(problem) = method.least(Some(*value)).check(*value)
    {
        mistakes.add(place, problem.to_string());
        return None;
    }
    Some(Mask::Domain(DomainMask {
        domain: domain?,
        method,
        canonical: canonical.map(|entry| entry.value),
    }))
}

/// Notes a column whose type cannot hold what its mask writes, or always would be too short for it.
pub(super) fn check_type(
    column_type: ColumnType,
    mask: &Mask,
    place: &Place,
    mistakes: &mut Mistakes<'_>,
) {
    match mask {
        Mask::Drop => {}
        Mask::Redact(text) => check_text(column_type, text, place, mistakes),
        Mask::Domain(mask) => check_tokens(column_type, mask, place, mistakes),
    }
}

fn check_text(column_type: ColumnType, text: &str, place: &Place, mistakes: &mut Mistakes<'_>) {
    let length = text.chars().count();
    if !is_text(column_type) {
        let problem = format!(
            "redact writes a text, into text or varchar, not into {column_type}; change the type, or mask with drop"
        );
        mistakes.add(place, problem);
    } else if !column_type.has_room(length) {
        let problem =
            format!("{column_type} is too short: the text to write has {length} characters");
        mistakes.add(place, problem);
    }
}

fn check_tokens(
    column_type: ColumnType,
    mask: &DomainMask,
    place: &Place,
    mistakes: &mut Mistakes<'_>,
) {
    let Some(form) = column_type.token_form() else {
        let problem = format!(
            "a token goes into text, varchar, bytea, uuid or inet, by its method, not into {column_type}; change the \
             type, or mask with drop"
        );
        mistakes.add(place, problem);
        return;
    };
    let Some(domain) = mask.stated() else { return };
    // A canonical form that is not stated may be the one that allows it.
    let canonical = mask.canonical.unwrap_or(Canonical::Uuid);
    if !domain.method.has_form(canonical, form) {
        let types = mask::fitting_types(domain.method, canonical);
        let problem = format!(
            "method {} makes tokens for {types}, not for {column_type}; change the type, or the domain",
            domain.method
        );
        mistakes.add(place, problem);
    }
    let room = mask::room(&domain);
    if !column_type.has_room(room.length) {
        let problem = format!("{column_type} is too short: {room}; varchar(256) holds most");
        mistakes.add(place, problem);
    }
}
