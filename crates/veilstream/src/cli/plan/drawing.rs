//! The plan for people: events and rows side by side in 80 columns.

use veilstream::{
    inspect::Source,
    plan::{EventField, Outcome, Plan, Planned, RowField},
};

use crate::cli::lines::{Colour, WIDTH, counted, escaped, shortened, width, wrapped};

/// Columns of either side, and what is between them.
const SIDE: usize = 38;
const BETWEEN: &str = " │ ";
/// Columns of a name, and of the space after it.
const NAME: usize = 19;
const COVERED: &str = "•••";
/// Of a token so many characters are shown, its last ones.
const TOKEN: usize = 8;

/// The whole plan, with colours where they are shown.
pub(super) fn draw(plan: &Plan, colours: bool) -> String {
    let mut drawing = Drawing {
        text: String::new(),
        colours,
    };
    for (place, message) in plan.messages.iter().enumerate() {
        drawing.message(place + 1, plan.sampled, message);
        drawing.text.push('\n');
    }
    let colour = if plan.loaded == plan.sampled && plan.personal_in_clear.is_empty() {
        Colour::Green
    } else {
        Colour::Yellow
    };
    for line in closing(plan) {
        for line in wrapped(&line, WIDTH) {
            drawing.line(&colour.paint(&line, colours));
        }
    }
    drawing.text
}

struct Drawing {
    text: String,
    colours: bool,
}

/// A name, a value and the value's colour.
type Cell = (String, String, Option<Colour>);

impl Drawing {
    fn message(&mut self, place: usize, of: usize, message: &Planned) {
        let (outcome, colour) = outcome(message);
        let title = format!("{place} of {of}  {}", escaped(&message.message_id));
        self.line(&Colour::Bold.paint(&shortened(&title, WIDTH), self.colours));
        for line in wrapped(&format!("→ {}", escaped(&outcome)), WIDTH) {
            self.line(&colour.paint(&line, self.colours));
        }
        if !message.event.is_empty() {
            let title = |text: &str| (text.to_owned(), String::new(), None);
            self.side_by_side(title("event"), title("row"));
        }
        let mut rest: Vec<&RowField> = message.row.iter().collect();
        for field in &message.event {
            let mut left = event_cell(field);
            if field.columns.is_empty() {
                let right = (String::new(), "not loaded".to_owned(), Some(Colour::Dim));
                self.side_by_side(left, right);
                continue;
            }
            for column in &field.columns {
                let position = rest.iter().position(|field| field.column == *column);
                let right = match position.map(|position| rest.remove(position)) {
                    Some(field) => row_cell(field),
                    None if message.column.as_ref() == Some(column) => {
                        let reason = message.reason.clone().unwrap_or_default();
                        (column.clone(), reason, Some(Colour::Red))
                    }
                    None => (column.clone(), "–".to_owned(), Some(Colour::Dim)),
                };
                self.side_by_side(std::mem::take(&mut left), right);
            }
        }
        for field in rest {
            self.side_by_side(Cell::default(), row_cell(field));
        }
    }

    fn side_by_side(&mut self, left: Cell, right: Cell) {
        let (left, right) = (self.side(left), self.side(right));
        self.line(&format!("{left}{BETWEEN}{right}"));
    }

    /// A cell, as wide as a side.
    fn side(&self, (name, value, colour): Cell) -> String {
        let name = shortened(&escaped(&name), NAME);
        let value = shortened(&escaped(&value), SIDE - NAME - 1);
        let gap = " ".repeat(NAME + 1 - width(&name));
        let after = " ".repeat(SIDE - NAME - 1 - width(&value));
        let value = match colour {
            Some(colour) => colour.paint(&value, self.colours),
            None => value,
        };
        format!("{name}{gap}{value}{after}")
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

fn event_cell(field: &EventField) -> Cell {
    let (value, colour) = match (&field.value, field.kind) {
        (Some(value), _) => (value.clone(), None),
        (None, "absent" | "null") => (field.kind.to_owned(), Some(Colour::Dim)),
        (None, kind) => (format!("{COVERED} {kind}"), Some(Colour::Dim)),
    };
    (field.field.clone(), value, colour)
}

fn row_cell(field: &RowField) -> Cell {
    let (value, colour) = match &field.value {
        Some(value) if is_token(value) => {
            let cut = value.chars().count() - TOKEN;
            let end: String = value.chars().skip(cut).collect();
            (format!("…{end}"), Some(Colour::Green))
        }
        Some(value) => (value.clone(), None),
        None if field.covered => (format!("{COVERED} in clear"), Some(Colour::Red)),
        None => ("NULL".to_owned(), Some(Colour::Dim)),
    };
    (field.column.clone(), value, colour)
}

/// Whether it is a text token of method `siv` or `hmac`.
fn is_token(value: &str) -> bool {
    value.starts_with("vs1") && value.len() > 2 * TOKEN
}

fn outcome(message: &Planned) -> (String, Colour) {
    let reason = message.reason.as_deref().unwrap_or_default();
    match message.outcome {
        Outcome::Loaded => ("would be loaded".to_owned(), Colour::Green),
        Outcome::Left => (format!("would stay in the queue: {reason}"), Colour::Yellow),
        Outcome::Rejected => {
            let column = message.column.as_ref();
            let column = column.map_or_else(String::new, |column| format!(" in column {column}"));
            (format!("would be rejected: {reason}{column}"), Colour::Red)
        }
    }
}

fn closing(plan: &Plan) -> Vec<String> {
    if plan.sampled == 0 {
        return vec!["There is no message to be had in the queue.".to_owned()];
    }
    let mut parts = vec![format!("{} would be loaded", plan.loaded)];
    if !plan.rejected.is_empty() {
        let reasons = plan.rejected.iter();
        let reasons: Vec<_> = reasons
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        let rejected: usize = plan.rejected.values().sum();
        parts.push(format!("{rejected} rejected ({})", reasons.join(", ")));
    }
    if plan.left > 0 {
        parts.push(format!("{} left in the queue", plan.left));
    }
    let messages = counted(plan.sampled as u64, "message");
    let mut lines = vec![format!("{messages}: {}.", parts.join(", "))];
    if !plan.personal_in_clear.is_empty() {
        let columns: Vec<_> = plan
            .personal_in_clear
            .iter()
            .map(|one| escaped(one))
            .collect();
        lines.push(format!(
            "In clear, and it looks personal or can be: {}. `veilstream inspect` says what to do.",
            columns.join(", ")
        ));
    }
    if let Source::Queue {
        not_given_back,
        out_of_time,
        ..
    } = &plan.source
    {
        let given_back = plan.sampled.saturating_sub(*not_given_back);
        lines.push(format!(
            "{given_back} given back to the queue; nothing was changed."
        ));
        if *out_of_time {
            lines.push("The time was up before the sample was complete.".to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let long = "Straße ".repeat(20);
        let field = |value: Option<&str>, columns: &[&str]| EventField {
            field: format!("/{long}"),
            kind: "text",
            value: value.map(str::to_owned),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        };
        let cell = |column: &str, value: Option<&str>, covered| RowField {
            column: column.to_owned(),
            value: value.map(str::to_owned),
            covered,
        };
        let loaded = Planned {
            message_id: "\u{1b}[31m".repeat(30),
            outcome: Outcome::Loaded,
            reason: None,
            column: None,
            event: vec![field(Some(&long), &["a", &long]), field(None, &[])],
            row: vec![
                cell("a", Some(&long), false),
                cell(&long, Some("vs1s.AAAAAAAAAAAAAAAAAAAAAAAAAAAA"), false),
                cell("sent_at", None, true),
            ],
        };
        let rejected = Planned {
            message_id: "m".to_owned(),
            outcome: Outcome::Rejected,
            reason: Some("missing_field".to_owned()),
            column: Some(long.clone()),
            event: vec![field(None, &["a", &long])],
            row: vec![],
        };
        let plan = Plan {
            source: Source::Queue {
                url: "http://localhost/q".to_owned(),
                not_given_back: 1,
                out_of_time: true,
            },
            sampled: 2,
            loaded: 1,
            rejected: [("missing_field", 1)].into(),
            left: 0,
            personal_in_clear: vec![long],
            messages: vec![loaded, rejected],
        };
        let drawn = draw(&plan, false);
        for line in drawn.lines() {
            assert!(width(line) <= WIDTH, "{line}");
        }
        assert!(!drawn.contains('\x1b') && draw(&plan, true).contains("\x1b[31m"));
        assert!(
            drawn.contains("••• text") && drawn.contains("••• in clear"),
            "{drawn}"
        );
        assert!(drawn.contains("2 messages: 1 would be loaded, 1 rejected (1 missing_field)."));
    }
}
