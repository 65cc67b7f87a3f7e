//! A configuration for events that nobody has described, for `veilstream init`: columns, types and
//! masks as a sample suggests them.
//!
//! What is proposed is tried: each column has several ways to be loaded, the tightest first, and
//! the decoder and the maskers themselves say which one takes all of the sample.

mod name;
mod shape;
mod text;

use std::collections::{HashMap, HashSet};

use masking::{Canonical, DomainSpec, Keyset, KeysetId, Method, Zeroizing};

use crate::{
    config::{Column, ColumnSource, ColumnType, Configuration, Conversion, DomainMask, Mask},
    decode::{Decoder, Envelope, Rejection, RejectionCode},
    inspect::{
        Choice, Concern, FieldName, FieldReport, NameHint, Report, Sample, Source, is_name,
        looks_like_data,
    },
    mask::Masking,
};
use shape::{Node, member};

pub use text::{Surroundings, Written};

/// A key that looks like no name of a program is one all the same where it is so often in the same
/// place, and in one in so many objects there.
const OFTEN: u64 = 3;
const ONE_IN: u64 = 4;
/// Whole numbers that are times by their field's name: seconds and milliseconds from 2001 to 2100.
const SECONDS: std::ops::RangeInclusive<i64> = 978_307_200..=4_133_980_799;
const MILLIS: std::ops::RangeInclusive<i64> = 978_307_200_000..=4_133_980_799_999;
/// Last words of such names.
const TIMES: [&str; 7] = ["at", "time", "timestamp", "ts", "date", "on", "when"];

/// A proposal, to be written with [`Proposal::to_toml`].
pub struct Proposal {
    columns: Vec<Proposed>,
    /// Events in the sample, and messages that are none.
    events: u64,
    not_objects: u64,
    /// Fields that were always null: what they are, nobody knows.
    always_null: Vec<String>,
    /// Whether there are fields that have no column, as their names may be data.
    has_hidden: bool,
}

/// One column.
struct Proposed {
    path: Vec<String>,
    name: String,
    /// What it can be, the first being what it is; never empty.
    ways: Vec<Way>,
    /// In how many events it is.
    seen: u64,
    required: bool,
    /// What it looks like, and why it is masked or not.
    looks: String,
    why: &'static str,
}

/// How a column can be loaded.
#[derive(Clone)]
enum Way {
    Clear(ColumnType, Conversion),
    Token(DomainSpec),
    Drop(ColumnType),
}

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// Nothing can be seen.
    #[error("no message of the sample is a JSON object: there is nothing to propose columns from")]
    NoEvents,
    /// There are objects, and nothing in them.
    #[error("no field of the sample has a value and a name to make a column of")]
    NoFields,
    /// The system gives no random bytes to try masks with.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// A fault of veilstream.
    #[error("what was proposed is no configuration, which is a fault of veilstream: {0}")]
    Unsound(String),
}

/// What `inspect` says of the fields, by path, and the paths of everything around them.
struct Seen {
    fields: HashMap<String, FieldReport>,
    places: HashSet<String>,
    /// Whether there is more than was looked at.
    left_out: bool,
    not_objects: u64,
}

impl Proposal {
    /// What the bodies of messages suggest.
    ///
    /// # Errors
    ///
    /// When there is nothing to make a column of.
    pub fn new(bodies: &[Zeroizing<String>]) -> Result<Self, ProposeError> {
        let mut root = Node::default();
        for body in bodies {
            if let Ok(event @ serde_json::Value::Object(_)) = serde_json::from_str(body) {
                root.add(event);
            }
        }
        if root.seen == 0 {
            return Err(ProposeError::NoEvents);
        }
        let mut seen = Seen::of(bodies, HashSet::new());
        let mut odd = HashSet::new();
        seen.odd_names("", &root, &mut odd);
        if !odd.is_empty() {
            seen = Seen::of(bodies, odd);
        }
        let mut proposal = Self {
            columns: Vec::new(),
            events: root.seen,
            not_objects: seen.not_objects,
            always_null: Vec::new(),
            has_hidden: false,
        };
        proposal.descend(&seen, &root, "", &mut Vec::new(), true);
        if proposal.columns.is_empty() {
            return Err(ProposeError::NoFields);
        }
        let mut taken = HashSet::new();
        for column in &mut proposal.columns {
            column.name = name::column(&column.path, &mut taken);
        }
        proposal.settle(bodies)?;
        Ok(proposal)
    }

    /// Proposes columns for the members of an object; `always` says whether all events have it.
    fn descend(
        &mut self,
        seen: &Seen,
        object: &Node,
        path: &str,
        tokens: &mut Vec<String>,
        always: bool,
    ) {
        for (key, node) in &object.members {
            let path = member(path, key);
            if !seen.shows(&path, Some(key.as_str())) {
                self.has_hidden |= node.nulls < node.seen;
                continue;
            }
            let always = always && node.seen == object.objects && node.nulls == 0;
            tokens.push(key.clone());
            if node.is_object() {
                let before = self.columns.len();
                self.descend(seen, node, &path, tokens, always);
                if self.columns.len() == before && !seen.shows_members(&path, node) {
                    let column = Proposed::object(seen, &path, tokens, node, always);
                    self.columns.push(column);
                }
            } else if node.has_container() {
                let column = Proposed::object(seen, &path, tokens, node, always);
                self.columns.push(column);
            } else if node.nulls == node.seen {
                self.always_null.push(path);
            } else if let Some(field) = seen.fields.get(&path) {
                self.columns
                    .push(Proposed::single(field, tokens, node, always));
            }
            tokens.pop();
        }
    }

    /// Loosens columns until all of the sample is loaded, but for what no column would take.
    fn settle(&mut self, bodies: &[Zeroizing<String>]) -> Result<(), ProposeError> {
        let keyset = self.keyset()?;
        loop {
            let mut loosened = false;
            let mut rows = self.rows(&keyset)?;
            for body in bodies {
                while let Err(rejection) = rows.try_body(body) {
                    if !self.loosen(&rejection) {
                        break;
                    }
                    loosened = true;
                    rows = self.rows(&keyset)?;
                }
            }
            if !loosened {
                return Ok(());
            }
        }
    }

    /// Makes the column at fault something that takes more; `false` where nothing does.
    fn loosen(&mut self, rejection: &Rejection) -> bool {
        let at_fault = |column: &&mut Proposed| Some(&*column.name) == rejection.column.as_deref();
        let column = self.columns.iter_mut().find(at_fault);
        let hopeless = matches!(
            rejection.code,
            RejectionCode::NulInText | RejectionCode::MissingField
        );
        match column {
            Some(column) if column.ways.len() > 1 && !hopeless => {
                column.ways.remove(0);
                true
            }
            Some(_) | None => false,
        }
    }

    /// A key set for the trial, with every domain that may be needed.
    fn keyset(&self) -> Result<Keyset, ProposeError> {
        let (mut id, mut root) = ([0; 8], Zeroizing::new([0; 32]));
        getrandom::fill(&mut id).map_err(ProposeError::Random)?;
        getrandom::fill(root.as_mut_slice()).map_err(ProposeError::Random)?;
        let mut domains: Vec<DomainSpec> = Vec::new();
        for way in self.columns.iter().flat_map(|column| &column.ways) {
            if let Way::Token(domain) = way
                && !domains.contains(domain)
            {
                domains.push(domain.clone());
            }
        }
        Keyset::create(
            KeysetId::new(id),
            root,
            "2000-01-01T00:00:00Z",
            domains,
            None,
        )
        .map_err(|error| ProposeError::Unsound(error.to_string()))
    }

    fn rows(&self, keyset: &Keyset) -> Result<Trial, ProposeError> {
        let columns: Vec<_> = self.columns.iter().map(Proposed::column).collect();
        let masking = Masking::new(&columns, keyset);
        Ok(Trial {
            decoder: Decoder::new(&columns),
            masking: masking.map_err(|error| ProposeError::Unsound(error.to_string()))?,
        })
    }

    /// The domains that the key set has to have.
    fn domains(&self) -> Vec<&DomainSpec> {
        let mut domains: Vec<&DomainSpec> = Vec::new();
        for column in &self.columns {
            if let Way::Token(domain) = column.way()
                && !domains.contains(&domain)
            {
                domains.push(domain);
            }
        }
        domains.sort_by(|one, other| one.name.cmp(&other.name));
        domains
    }
}

/// What makes rows, to see whether it does.
struct Trial {
    decoder: Decoder,
    masking: Masking,
}

impl Trial {
    fn try_body(&mut self, body: &str) -> Result<(), Rejection> {
        let envelope = Envelope {
            message_id: "",
            sent_at_millis: 0,
        };
        let decoded = self.decoder.decode(body, &envelope)?;
        self.masking.apply(decoded).map(drop)
    }
}

impl Proposed {
    /// The column of an object or array, loaded whole.
    fn object(seen: &Seen, path: &str, tokens: &[String], node: &Node, always: bool) -> Self {
        let (way, why) = match seen.worst_within(path, node) {
            Within::Harmless => (Way::Clear(ColumnType::Jsonb, Conversion::Natural), ""),
            Within::Sentences => (
                Way::Clear(ColumnType::Jsonb, Conversion::Natural),
                "there are sentences in it, which can name anybody: look whether they do",
            ),
            Within::Personal => (
                Way::Drop(ColumnType::Jsonb),
                "there is personal data in it, so it is not loaded; load single fields of it, or remove the mask if \
                 that is wrong",
            ),
            Within::Unknown => (
                Way::Drop(ColumnType::Jsonb),
                "its keys may be data, or not all of it was looked at, so it is not loaded; remove the mask if nothing \
                 in it is personal",
            ),
        };
        let looks = if node.arrays > 0 { "array" } else { "object" };
        Self {
            path: tokens.to_vec(),
            name: String::new(),
            required: always && !matches!(way, Way::Drop(_)),
            ways: vec![way],
            seen: node.seen - node.nulls,
            looks: looks.to_owned(),
            why,
        }
    }

    /// The column of a field with single values.
    fn single(field: &FieldReport, tokens: &[String], node: &Node, always: bool) -> Self {
        let ways = match field.advice.method {
            Choice::Clear => clear(field, tokens, node),
            Choice::Drop => vec![Way::Drop(ColumnType::Text)],
            Choice::Siv | Choice::Hmac | Choice::Ip | Choice::Redact => masked(field),
        };
        let mut looks = field.looks_like.words.to_owned();
        if let Some(hint) = field.name_says.filter(|hint| hint.words() != looks) {
            looks = format!("{looks}; its name says {}", hint.words());
        }
        Self {
            path: tokens.to_vec(),
            name: String::new(),
            required: always && field.advice.method != Choice::Drop,
            ways,
            seen: node.seen - node.nulls,
            looks,
            why: match field.advice.method {
                Choice::Redact => "sentences can name anybody; drop it if nobody reads it",
                Choice::Hmac => "equal ones still match; method hmac if nobody is to get them back",
                Choice::Siv | Choice::Ip | Choice::Drop => field.advice.why,
                Choice::Clear => "",
            },
        }
    }

    /// What it is to be.
    fn way(&self) -> &Way {
        self.ways.first().expect("a column has a way to be loaded")
    }

    fn column(&self) -> Column {
        let (column_type, conversion, mask) = match self.way() {
            Way::Clear(column_type, conversion) => (*column_type, *conversion, None),
            Way::Drop(column_type) => (*column_type, Conversion::Natural, Some(Mask::Drop)),
            Way::Token(domain) => {
                let mask = DomainMask {
                    canonical: Some(domain.canonical),
                    ..DomainMask::new(domain.name.clone())
                };
                (
                    ColumnType::Text,
                    Conversion::Natural,
                    Some(Mask::Domain(mask)),
                )
            }
        };
        Column {
            name: self.name.clone(),
            source: ColumnSource::Field(self.path.clone()),
            column_type,
            conversion,
            required: self.required && mask != Some(Mask::Drop),
            mask,
        }
    }
}

/// Types for values in clear, the tightest first.
fn clear(field: &FieldReport, tokens: &[String], node: &Node) -> Vec<Way> {
    let is_only = |count| count + node.nulls == node.seen;
    let natural = |column_type| Way::Clear(column_type, Conversion::Natural);
    let mut ways = Vec::new();
    if is_only(node.numbers) {
        let name = name::snake(tokens.last().map_or("", String::as_str));
        let is_time = TIMES.contains(&name.rsplit('_').next().unwrap_or_default());
        let within = |times: &std::ops::RangeInclusive<i64>| {
            let range = node.range.filter(|_| is_time);
            range.is_some_and(|(least, greatest)| {
                times.contains(&least) && times.contains(&greatest)
            })
        };
        if within(&SECONDS) {
            ways.push(Way::Clear(ColumnType::Timestamptz, Conversion::UnixSeconds));
        } else if within(&MILLIS) {
            ways.push(Way::Clear(ColumnType::Timestamptz, Conversion::UnixMillis));
        }
        ways.extend([ColumnType::Int8, ColumnType::Numeric(None)].map(natural));
    } else if is_only(node.booleans) {
        ways.push(natural(ColumnType::Bool));
    } else if is_only(node.strings) {
        let times = [
            ColumnType::Timestamptz,
            ColumnType::Timestamp,
            ColumnType::Date,
        ];
        ways.extend(times.map(natural));
        // Digests can be read as UUIDs as well, and versions as addresses.
        if field.looks_like.kind == "uuid" {
            ways.push(natural(ColumnType::Uuid));
        }
        if !FieldName::new(tokens.iter().map(String::as_str)).is_version() {
            ways.push(natural(ColumnType::Inet));
        }
    }
    ways.push(natural(ColumnType::Text));
    ways
}

/// Tokens of the domain that a field belongs to: in its canonical form, as it is, or none.
fn masked(field: &FieldReport) -> Vec<Way> {
    let form = match field.advice.canonical {
        Some(form) => form.parse().unwrap_or(Canonical::Exact),
        None if field.advice.method == Choice::Redact => Canonical::Text,
        None => Canonical::Exact,
    };
    let (base, usual) = domain(field);
    let mut forms = vec![form];
    if form != Canonical::Exact {
        forms.push(Canonical::Exact);
    }
    let token = |form: Canonical| {
        let name = if form == usual {
            base.to_owned()
        } else {
            format!("{base}_{form}")
        };
        Some(Way::Token(DomainSpec {
            name: name.parse().ok()?,
            method: Method::Siv { padded: false },
            canonical: form,
        }))
    };
    let mut ways: Vec<_> = forms.into_iter().filter_map(token).collect();
    ways.push(Way::Drop(ColumnType::Text));
    ways
}

/// The domain of a field, and the form that it usually has: fields of one kind share their tokens.
fn domain(field: &FieldReport) -> (&'static str, Canonical) {
    let by_form = match field.advice.canonical {
        Some("ip") => Some(("ip", Canonical::Ip)),
        Some("email") => Some(("email", Canonical::Email)),
        Some("phone") => Some(("phone", Canonical::Phone)),
        Some(_) | None => None,
    };
    let by_kind = match field.looks_like.kind {
        "card_number" => Some("card"),
        "iban" => Some("iban"),
        "national_id" => Some("national_id"),
        "mac_address" => Some("device_id"),
        _ => None,
    };
    let by_name = || match field.name_says {
        Some(NameHint::PersonName) => ("person_name", Canonical::Text),
        Some(NameHint::Address) => ("address", Canonical::Text),
        Some(NameHint::Device) => ("device_id", Canonical::Exact),
        Some(NameHint::User) => ("user_id", Canonical::Exact),
        Some(NameHint::Iban) => ("iban", Canonical::Exact),
        Some(NameHint::NationalId) => ("national_id", Canonical::Exact),
        Some(
            NameHint::Ip
            | NameHint::Email
            | NameHint::Phone
            | NameHint::Card
            | NameHint::Birth
            | NameHint::Location
            | NameHint::Secret,
        )
        | None => ("free_text", Canonical::Text),
    };
    by_form
        .or(by_kind.map(|name| (name, Canonical::Exact)))
        .unwrap_or_else(by_name)
}

/// The worst that is within an object or array.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    Harmless,
    Sentences,
    Personal,
    Unknown,
}

impl Seen {
    fn of(bodies: &[Zeroizing<String>], names: HashSet<String>) -> Self {
        let mut sample = Sample::knowing(names);
        for body in bodies {
            sample.add_event(body);
        }
        let mut pipeline = Configuration::builtin().pipeline;
        // Nothing is loaded yet.
        pipeline.columns.clear();
        let source = Source::Queue {
            url: String::new(),
            not_given_back: 0,
            out_of_time: false,
        };
        let report = Report::new(&mut sample, source, &pipeline);
        let places = report.places();
        let fields = report.fields.into_iter();
        Self {
            left_out: report.fields_left_out,
            not_objects: report.not_objects,
            fields: fields.map(|field| (field.field.clone(), field)).collect(),
            places,
        }
    }

    /// Whether a place is known to be a field's and no piece of data; `key` is that of a member.
    fn shows(&self, path: &str, key: Option<&str>) -> bool {
        key != Some("*") && self.places.contains(path)
    }

    /// Whether any member of an object is shown.
    fn shows_members(&self, path: &str, node: &Node) -> bool {
        let mut within = node.within(path);
        within.any(|(path, key, _)| key.is_some() && self.shows(&path, key))
    }

    /// Keys that have not the form of names in programs, and come too often to be anything else.
    fn odd_names(&self, path: &str, node: &Node, odd: &mut HashSet<String>) {
        for (path, key, within) in node.within(path) {
            if let Some(key) = key
                && !self.shows(&path, Some(key))
                && within.seen >= OFTEN
                && within.seen * ONE_IN >= node.objects
                && !looks_like_data(key)
            {
                odd.insert(key.to_owned());
            }
            self.odd_names(&path, within, odd);
        }
    }

    fn worst_within(&self, path: &str, node: &Node) -> Within {
        if self.left_out {
            return Within::Unknown;
        }
        let scalars = node.nulls + node.booleans + node.numbers + node.strings;
        let own = match self.fields.get(path) {
            None if scalars > 0 => Within::Unknown,
            None => Within::Harmless,
            Some(field) => match field.concern {
                Concern::Personal => Within::Personal,
                Concern::None if field.advice.method == Choice::Redact => Within::Sentences,
                Concern::None | Concern::Pseudonym => Within::Harmless,
            },
        };
        let within = node.within(path).map(|(path, key, node)| {
            let is_empty = !node.has_values() && key.is_some_and(is_name);
            if key.is_none() || is_empty || self.shows(&path, key) {
                self.worst_within(&path, node)
            } else {
                Within::Unknown
            }
        });
        within.fold(own, Within::max)
    }
}
