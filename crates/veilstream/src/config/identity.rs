//! What makes two messages the same: `identity` and `identity_retention` of `[pipeline]`.

use std::time::Duration;

use super::duration;
use super::mistake::Mistakes;
use super::pointer;
use super::section::{Entry, Section};
use super::{Identity, IdentityOf, ValueIdentity};

const WANTED: &str = "\"message_id\", \"body_digest\", or the fields that make an event one, as in \
                      [\"/event_id\", \"/source\"]";
const RETENTION_WANTED: &str = "for how long an event is known again, in whole days from \"1d\" \
                                to \"3650d\", as in \"30d\"";

/// Ten years: what is kept longer is kept for ever.
const LONGEST_RETENTION_DAYS: u64 = 3_650;
const SECONDS_PER_DAY: u64 = 86_400;

/// What `identity` says by itself.
enum Stated {
    MessageId,
    Value(IdentityOf),
}

/// Reads both keys; `None` where one of them has a mistake.
pub(super) fn identity(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Identity> {
    match stated(section, mistakes) {
        Some(Stated::MessageId) => {
            if let Some(place) = section.place_at("identity_retention") {
                let problem = "the ledger knows a message id for as long as the queue keeps \
                               messages; remove this, or write identity = \"body_digest\" or the \
                               fields that make an event one";
                mistakes.add(&place, problem);
            }
            Some(Identity::MessageId)
        }
        Some(Stated::Value(of)) => {
            let retention_days = retention(section, mistakes)?;
            Some(Identity::Value(ValueIdentity { of, retention_days }))
        }
        None => {
            // Whatever is meant, a retention that is no duration is one mistake more.
            if section.has("identity_retention") {
                retention(section, mistakes);
            }
            None
        }
    }
}

fn stated(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Stated> {
    if !section.has("identity") {
        return Some(Stated::MessageId);
    }
    if let Some(pointers) = section.texts("identity", WANTED, mistakes) {
        let fields = fields(&pointers, mistakes)?;
        return Some(Stated::Value(IdentityOf::Fields(fields)));
    }
    let Entry { value, place } = section.text("identity", WANTED, mistakes)?;
    match value {
        "message_id" => Some(Stated::MessageId),
        "body_digest" => Some(Stated::Value(IdentityOf::Body)),
        _ => {
            let problem = if value.starts_with('/') {
                let field = value.escape_debug();
                format!("fields are a list; write identity = [\"{field}\"]")
            } else {
                format!("no identity; write {WANTED}")
            };
            mistakes.add(&place, problem);
            None
        }
    }
}

/// The fields, sorted: the same ones in another order are the same identity.
fn fields(
    pointers: &[Option<Entry<&str>>],
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<Vec<String>>> {
    let mut fields: Vec<Vec<String>> = Vec::with_capacity(pointers.len());
    for Entry { value, place } in pointers.iter().flatten() {
        match pointer::reference_tokens(value) {
            Ok(path) if fields.contains(&path) => {
                mistakes.add(place, "this field is there twice; remove one");
            }
            Ok(path) => fields.push(path),
            Err(problem) => mistakes.add(place, problem),
        }
    }
    fields.sort_unstable();
    (!fields.is_empty() && fields.len() == pointers.len()).then_some(fields)
}

fn retention(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<u16> {
    let wanted = RETENTION_WANTED;
    let Entry { value, place } = section.required_text("identity_retention", wanted, mistakes)?;
    let problem = match duration::parse(value) {
        Err(problem) => problem,
        Ok(retention) => match whole_days(retention) {
            Some(days) => return Some(days),
            None => format!("not whole days from 1 to {LONGEST_RETENTION_DAYS}; write {wanted}"),
        },
    };
    mistakes.add(&place, problem);
    None
}

fn whole_days(retention: Duration) -> Option<u16> {
    let seconds = retention.as_secs();
    let days = seconds / SECONDS_PER_DAY;
    if !seconds.is_multiple_of(SECONDS_PER_DAY) || !(1..=LONGEST_RETENTION_DAYS).contains(&days) {
        return None;
    }
    u16::try_from(days).ok()
}

impl IdentityOf {
    /// The JSON Pointers of the fields; none for the body.
    pub fn pointers(&self) -> Vec<String> {
        match self {
            Self::Body => Vec::new(),
            Self::Fields(fields) => fields.iter().map(|path| pointer::pointer(path)).collect(),
        }
    }
}

impl Identity {
    /// What an operator should know of the choice itself.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::MessageId => None,
            Self::Value(value) => match value.of {
                IdentityOf::Fields(_) => None,
                IdentityOf::Body => Some(format!(
                    "identity = \"body_digest\": two equal events that both really happened within {} \
                     days are loaded once. Where events have an id, name its field instead",
                    value.retention_days
                )),
            },
        }
    }

    /// What an operator should know of it beside a queue that keeps messages for so long.
    pub fn warning_beside(&self, message_retention: Duration) -> Option<String> {
        match self {
            Self::MessageId => None,
            Self::Value(value) => {
                let days = value.retention_days;
                let known = Duration::from_secs(u64::from(days) * SECONDS_PER_DAY);
                (known < message_retention).then(|| {
                    format!(
                        "identity_retention is {days} d, but the queue keeps messages for {:.1} d: an \
                         event that comes again after that is loaded again. Make it at least as long",
                        message_retention.as_secs_f64() / 86_400.0
                    )
                })
            }
        }
    }
}
