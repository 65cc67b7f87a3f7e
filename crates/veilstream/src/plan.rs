//! What a run would make of messages, for `veilstream plan`: event and row side by side, what is
//! personal covered. Nothing is written.

mod row;

use std::collections::{BTreeMap, HashMap, HashSet};

use masking::Zeroizing;
use serde::Serialize;
use serde_json::Value;

use crate::{
    config::{Column, ColumnSource, ColumnType, Configuration},
    decode::Envelope,
    delivery::{Delivery, Unfit},
    inspect::{
        Choice, Concern, FieldReport, Loading, Report, Sample, Source, is_opaque, may_be_personal,
    },
    source::Message,
    startup::Rows,
};

/// A message that was looked at.
pub struct Taken {
    message_id: String,
    body: Zeroizing<String>,
    sent_at_millis: Result<i64, Unfit>,
}

impl Taken {
    /// Keeps what a plan needs of a message.
    pub fn new(message: &Message<'_>) -> Self {
        Self {
            message_id: message.message_id.as_ref().to_owned(),
            body: Zeroizing::new(message.body.as_ref().to_owned()),
            sent_at_millis: Delivery::sent_at_millis(message),
        }
    }
}

/// What would become of the messages of a sample.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Where it was taken.
    pub source: Source,
    /// How many messages were looked at.
    pub sampled: usize,
    /// Those that would be rows.
    pub loaded: usize,
    /// Those that would be rejected, by reason.
    pub rejected: BTreeMap<&'static str, usize>,
    /// Those that would be left in the queue.
    pub left: usize,
    /// Columns that would hold in clear what looks personal, or what can name anybody.
    pub personal_in_clear: Vec<String>,
    /// One by one.
    pub messages: Vec<Planned>,
}

/// What would become of one message.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The message's id.
    pub message_id: String,
    /// What it would become.
    pub outcome: Outcome,
    /// Why it would be rejected, or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The column at fault, or the pointer of a field of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The fields of the event: first those of the columns, in their order.
    pub event: Vec<EventField>,
    /// The columns of the row; none where there is no row.
    pub row: Vec<RowField>,
}

/// What a message would become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A row.
    Loaded,
    /// An entry of the quarantine, or, as the pipeline says, it would stay in the queue.
    Rejected,
    /// It would stay in the queue as it is.
    Left,
}

/// A field of an event.
#[derive(Debug, Serialize)]
pub struct EventField {
    /// Its JSON Pointer; what may be data in it is `*`.
    pub field: String,
    /// What it is in JSON, or `absent`.
    pub kind: &'static str,
    /// Its value; `None` where it is covered, or there is none.
    pub value: Option<String>,
    /// The columns that take it.
    pub columns: Vec<String>,
}

/// A column of a row.
#[derive(Debug, Serialize)]
pub struct RowField {
    /// Its name.
    pub column: String,
    /// What would be in it; `None` where it is covered, or NULL.
    pub value: Option<String>,
    /// Whether it would be in clear, and is covered as it looks personal.
    pub covered: bool,
}

impl Plan {
    /// What would become of the messages.
    pub fn new(
        configuration: &Configuration,
        mut rows: Rows,
        taken: Vec<Taken>,
        source: Source,
    ) -> Self {
        let pipeline = &configuration.pipeline;
        let mut sample = Sample::new(pipeline);
        for message in &taken {
            sample.add_event(&message.body);
        }
        let report = Report::new(&mut sample, source, pipeline);
        let cover = Cover::new(&report);
        let mut plan = Self {
            source: report.source,
            sampled: taken.len(),
            loaded: 0,
            rejected: BTreeMap::new(),
            left: 0,
            personal_in_clear: Vec::new(),
            messages: Vec::new(),
        };
        for message in taken {
            plan.add(&mut rows, &cover, message);
        }
        plan
    }

    fn add(&mut self, rows: &mut Rows, cover: &Cover, message: Taken) {
        let event = serde_json::from_str(&message.body).unwrap_or(Value::Null);
        let mut planned = Planned {
            message_id: message.message_id,
            outcome: Outcome::Left,
            reason: None,
            column: None,
            event: Vec::new(),
            row: Vec::new(),
        };
        let made = message.sent_at_millis.map(|sent_at_millis| {
            let envelope = Envelope {
                message_id: &planned.message_id,
                sent_at_millis,
            };
            let decoded = rows.decoder.decode(&message.body, &envelope);
            decoded.and_then(|decoded| rows.masking.apply(decoded))
        });
        let is_row = matches!(made, Ok(Ok(_)));
        planned.event = cover.event(&event, &rows.columns, is_row);
        match made {
            Ok(Ok(masked)) => {
                self.loaded += 1;
                planned.outcome = Outcome::Loaded;
                let fields = row::fields(masked.row());
                let columns = rows.columns.iter().zip(fields);
                planned.row = columns
                    .map(|(column, field)| cover.row_field(&event, column, field))
                    .collect();
                let looked_at = event.is_object();
                for field in planned
                    .row
                    .iter()
                    .filter(|field| looked_at && field.covered)
                {
                    if !self.personal_in_clear.contains(&field.column) {
                        self.personal_in_clear.push(field.column.clone());
                    }
                }
            }
            Ok(Err(rejection)) => {
                let code = rejection.code.as_str();
                *self.rejected.entry(code).or_default() += 1;
                planned.outcome = Outcome::Rejected;
                planned.reason = Some(code.to_owned());
                planned.column = rejection.column.map(|column| column.to_string());
            }
            Err(unfit) => {
                self.left += 1;
                planned.reason = Some(unfit.to_string());
            }
        }
        self.messages.push(planned);
    }
}

/// What is shown of events that would be rows: what the configuration loads in clear, and does not look
/// personal. Of others nothing is: they are unlike the sample that vouches for a field.
struct Cover {
    /// Fields as `inspect` names them, and what is shown of them.
    fields: HashMap<String, Shown>,
    /// Their pointers, and those of all objects and arrays around them.
    places: HashSet<String>,
}

/// What is shown of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// What is no different from what it looks like in the sample.
    Values,
    /// Ids that mean nothing elsewhere.
    Ids,
    Nothing,
}

impl Cover {
    fn new(report: &Report) -> Self {
        let shown = |field: &FieldReport| match (&field.loading, field.concern) {
            (Loading::Clear { .. }, Concern::None) if field.advice.method == Choice::Clear => {
                Shown::Values
            }
            (Loading::Clear { .. }, Concern::Pseudonym) => Shown::Ids,
            _ => Shown::Nothing,
        };
        let fields = report.fields.iter();
        Self {
            fields: fields
                .map(|field| (field.field.clone(), shown(field)))
                .collect(),
            places: report.places(),
        }
    }

    /// The fields that columns take, then the others.
    fn event(&self, event: &Value, columns: &[Column], is_row: bool) -> Vec<EventField> {
        let mut fields: Vec<EventField> = Vec::new();
        if !event.is_object() {
            return fields;
        }
        for column in columns {
            let (ColumnSource::Field(tokens), Some(pointer)) =
                (&column.source, column.source.pointer())
            else {
                continue;
            };
            let value = member(event, tokens);
            if let Some(field) = fields.iter_mut().find(|field| field.field == pointer) {
                field.columns.push(column.name.clone());
                continue;
            }
            let open = value.filter(|value| is_row && self.is_open(&pointer, value));
            fields.push(EventField {
                kind: value.map_or("absent", kind),
                value: open.map(text),
                columns: vec![column.name.clone()],
                field: pointer,
            });
        }
        let mut others = Vec::new();
        self.others("", event, &fields, &mut others);
        fields.extend(others);
        fields
    }

    /// The fields that no column takes: they are there, and no more is said of them.
    fn others(&self, path: &str, value: &Value, taken: &[EventField], found: &mut Vec<EventField>) {
        if taken.iter().any(|field| field.field == path) {
            return;
        }
        if let Value::Object(members) = value
            && !members.is_empty()
        {
            for (key, value) in members {
                let place = self.place(path, key);
                self.others(
                    &place.unwrap_or_else(|| format!("{path}/*")),
                    value,
                    taken,
                    found,
                );
            }
        } else if !found.iter().any(|field| field.field == path) {
            found.push(EventField {
                field: path.to_owned(),
                kind: kind(value),
                value: None,
                columns: Vec::new(),
            });
        }
    }

    fn row_field(&self, event: &Value, column: &Column, field: Option<&[u8]>) -> RowField {
        let mut value = field.and_then(|field| row::text(column.column_type, field));
        if let (ColumnType::Jsonb, ColumnSource::Field(tokens)) =
            (column.column_type, &column.source)
        {
            // As jsonb keeps it, which of equal keys has the last one: what was looked at.
            value = value.and_then(|_| Some(member(event, tokens)?.to_string()));
        }
        let covered = match &column.source {
            ColumnSource::Field(tokens) if column.mask.is_none() && field.is_some() => {
                let of_event = member(event, tokens);
                let pointer = column.source.pointer().unwrap_or_default();
                !of_event.is_some_and(|value| self.is_open(&pointer, value))
            }
            ColumnSource::Field(_) | ColumnSource::SentAt | ColumnSource::MessageId => false,
        };
        RowField {
            column: column.name.clone(),
            value: value.filter(|_| !covered),
            covered,
        }
    }

    /// The pointer of a member, if its key is one that may be shown.
    fn place(&self, path: &str, key: &str) -> Option<String> {
        let place = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        (key != "*" && self.places.contains(&place)).then_some(place)
    }

    /// Whether all of a value may be shown.
    fn is_open(&self, path: &str, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(elements) => {
                let path = format!("{path}/*");
                elements.iter().all(|element| self.is_open(&path, element))
            }
            Value::Object(members) => members.iter().all(|(key, value)| {
                let place = self.place(path, key);
                place.is_some_and(|place| self.is_open(&place, value))
            }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let text = text(value);
                let is_shown = match self.fields.get(path) {
                    Some(Shown::Values) => true,
                    Some(Shown::Ids) => is_opaque(&text),
                    Some(Shown::Nothing) | None => false,
                };
                is_shown && !may_be_personal(path, &text)
            }
        }
    }
}

/// What is at a path of an event; elements of arrays are not reached.
fn member<'v>(event: &'v Value, tokens: &[String]) -> Option<&'v Value> {
    let mut tokens = tokens.iter();
    tokens.try_fold(event, |value, token| value.as_object()?.get(token))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A string's characters; of anything else its JSON text.
fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
