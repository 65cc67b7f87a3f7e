//! The report as a person reads it, in 80 columns.

use veilstream::inspect::{
    Advice, Choice, Concern, FieldReport, Loading, Looks, Report, Source, portion,
};

use crate::cli::lines::{Colour, WIDTH, counted, escaped, shortened, width, wrapped};

/// Cells of a bar.
const BAR: u8 = 7;
/// Eighths of a cell.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The whole report, with colours where they are shown.
pub(super) fn draw(report: &Report, colours: bool) -> String {
    let mut drawing = Drawing {
        text: String::new(),
        colours,
    };
    drawing.paragraph(&opening(report), "", "");
    for field in &report.fields {
        drawing.text.push('\n');
        drawing.field(field, &report.source);
    }
    drawing.text.push('\n');
    for note in notes(report) {
        drawing.paragraph(&note, "", "");
    }
    let colour = match (report.totals.personal_in_clear, report.fields.is_empty()) {
        (_, true) => Colour::Yellow,
        (0, false) => Colour::Green,
        (_, false) => Colour::Red,
    };
    let closing = wrapped(&closing(report), WIDTH);
    for line in closing {
        let line = drawing.painted(&line, colour);
        drawing.line(&line);
    }
    drawing.text
}

struct Drawing {
    text: String,
    colours: bool,
}

impl Drawing {
    fn field(&mut self, field: &FieldReport, source: &Source) {
        let (becomes, colour) = becomes(field, source);
        let name = shortened(&escaped(&field.field), WIDTH / 2);
        let becomes = shortened(&becomes, WIDTH - 2 - width(&name));
        let gap = WIDTH.saturating_sub(width(&name) + width(&becomes));
        let painted = [
            self.painted(&name, Colour::Bold),
            " ".repeat(gap),
            self.painted(&becomes, colour),
        ];
        self.line(&painted.concat());
        self.paragraph(&described(field, source), "  ", "  ");
        if field.values > 0 {
            self.line(&format!("  {}", bars(field)));
        }
        if let Some(advice) = advised(field) {
            self.paragraph(&advice, "  → ", "    ");
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A paragraph whose first line begins with one text, and the others with another as wide.
    fn paragraph(&mut self, text: &str, first: &str, others: &str) {
        let mut before = first;
        for line in wrapped(text, WIDTH - width(first)) {
            self.line(&format!("{before}{line}"));
            before = others;
        }
    }

    fn painted(&self, text: &str, colour: Colour) -> String {
        colour.paint(text, self.colours)
    }
}

fn opening(report: &Report) -> String {
    let sampled = report.sampled;
    match &report.source {
        Source::Queue { url, .. } => {
            let not_objects = match report.not_objects {
                0 => String::new(),
                1 => "; 1 is no JSON object".to_owned(),
                several => format!("; {several} are no JSON objects"),
            };
            let messages = counted(sampled, "message");
            format!("A sample of {messages} from {url}{not_objects}.")
        }
        Source::Table { table, .. } => {
            format!(
                "A sample of {} of {}.",
                counted(sampled, "row"),
                escaped(table)
            )
        }
    }
}

/// What becomes of a field, in the fewest words.
fn becomes(field: &FieldReport, source: &Source) -> (String, Colour) {
    let is_queue = matches!(source, Source::Queue { .. });
    let named = |columns: &[String]| {
        let columns = columns.iter().map(|column| escaped(column));
        columns.collect::<Vec<_>>().join(", ")
    };
    let worry = match field.concern {
        Concern::None => Colour::Dim,
        Concern::Pseudonym => Colour::Yellow,
        Concern::Personal => Colour::Red,
    };
    match &field.loading {
        Loading::NotLoaded => ("not loaded".to_owned(), Colour::Dim),
        Loading::Masked { columns, method } if is_queue => (
            format!("masked ({method}): {}", named(columns)),
            Colour::Green,
        ),
        Loading::Masked { method, .. } => (format!("masked ({method})"), Colour::Green),
        Loading::Unmasked { method, .. } if field.no_tokens.is_some() => (
            format!("in part in clear, though masked ({method})"),
            Colour::Red,
        ),
        Loading::Unmasked { method, .. } => (
            format!("in clear, though masked ({method}) is configured"),
            Colour::Red,
        ),
        Loading::Clear { columns } if is_queue => (format!("in clear: {}", named(columns)), worry),
        Loading::Clear { .. } => ("in clear".to_owned(), worry),
    }
}

/// What the values look like, what the name says, how long they are and how many lack.
fn described(field: &FieldReport, source: &Source) -> String {
    let mut said = vec![match field.looks_like.share {
        Some(share) => format!("{} {}", field.looks_like.words, portion(share)),
        None => field.looks_like.words.to_owned(),
    }];
    let some = field.some_look_like.iter();
    said.extend(some.map(|Looks { words, share, .. }| {
        format!(
            "{} look like this: {words}",
            portion(share.unwrap_or_default())
        )
    }));
    let is_table = matches!(source, Source::Table { .. });
    if let Some(share) = field.no_tokens.filter(|_| is_table) {
        said.push(format!("{} are no tokens", portion(share)));
    }
    let is_masked = match &field.loading {
        Loading::Masked { method, .. } => method != "drop" && method != "redact",
        Loading::NotLoaded | Loading::Unmasked { .. } | Loading::Clear { .. } => false,
    };
    if !is_table && is_masked && matches!(field.looks_like.kind, "siv_token" | "hmac_token") {
        said.push("tokens are rejected here (already_masked)".to_owned());
    }
    let known = field.looks_like.share.is_some() && field.concern == Concern::Personal;
    if let (Some(hint), false) = (field.name_says, known) {
        said.push(format!("its name says {}", hint.words()));
    }
    if let Some(lengths) = field.lengths {
        said.push(match &field.shape {
            Some(shape) if lengths.max > 1 => format!("all of the shape {shape}"),
            _ if lengths.min == lengths.max => counted(lengths.max as u64, "character"),
            _ => format!(
                "{} to {} characters, median {}",
                lengths.min, lengths.max, lengths.median
            ),
        });
    }
    for (count, what) in [(field.nulls, "null"), (field.absent, "absent")] {
        if count > 0 {
            said.push(format!("{count} times {what}").replace("1 times ", "once "));
        }
    }
    said.join("; ")
}

/// Distinct rate, entropy and top share, as bars and numbers.
fn bars(field: &FieldReport) -> String {
    let rate = field.distinct_rate.unwrap_or_default();
    let top = field.top_share.unwrap_or_default();
    let (bits, bound) = (field.entropy_bits, field.entropy_bound_bits);
    let of_bound = if bound > 0.0 { bits / bound } else { 0.0 };
    let capped = if field.distinct_is_capped { "+" } else { "" };
    format!(
        "distinct {} {:<6}  entropy {} {:<17}  top {} {}",
        bar(rate),
        format!("{}{capped}", percent(rate)),
        bar(of_bound),
        format!("{bits:.1} of {bound:.1} bits"),
        bar(top),
        percent(top),
    )
}

/// What to do, where there is something to do: of what is masked, only that no mask is enough.
fn advised(field: &FieldReport) -> Option<String> {
    let is_masked = matches!(field.loading, Loading::Masked { .. });
    let Advice {
        method,
        canonical,
        why,
    } = &field.advice;
    let method = match method {
        Choice::Siv | Choice::Hmac | Choice::Ip if is_masked => return None,
        Choice::Siv => "siv",
        Choice::Hmac => "hmac",
        Choice::Ip => "ip",
        Choice::Drop => "drop",
        Choice::Redact => "redact",
        Choice::Clear => return None,
    };
    let canonical = canonical.map_or_else(String::new, |form| format!(", canonical = \"{form}\""));
    Some(format!("{method}{canonical}: {why}"))
}

fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.fields_left_out {
        notes.push(
            "There are more fields, or deeper ones, than are looked at: the rest was left out."
                .to_owned(),
        );
    }
    match &report.source {
        Source::Queue { out_of_time, .. } => {
            if *out_of_time {
                notes.push("The time was up before the sample was complete.".to_owned());
            }
        }
        Source::Table {
            unreadable,
            configured,
            ..
        } => {
            if !configured {
                notes.push(
                    "The configuration does not load into this table: tokens of methods ip and format, and bytes and \
                     UUIDs, cannot be told from values in clear."
                        .to_owned(),
                );
            }
            if !unreadable.is_empty() {
                let columns: Vec<_> = unreadable.iter().map(|column| escaped(column)).collect();
                notes.push(format!("The role may not read {}.", columns.join(", ")));
            }
        }
    }
    notes
}

fn closing(report: &Report) -> String {
    let (is, are) = match report.source {
        Source::Queue { .. } => ("would be loaded in clear", "would be loaded in clear"),
        Source::Table { .. } => ("is in clear", "are in clear"),
    };
    if report.fields.is_empty() {
        return "There was nothing to look at.".to_owned();
    }
    let mut closing = match report.totals.personal_in_clear {
        0 => format!("Nothing that looks personal {is}"),
        1 => format!("1 field looks personal and {is}"),
        several => format!("{several} fields look personal and {are}"),
    };
    let pseudonyms = report.totals.pseudonyms_in_clear;
    if pseudonyms > 0 {
        let with = match report.totals.personal_in_clear {
            0 => "but for",
            1 => "and with it",
            _ => "and with them",
        };
        closing = format!(
            "{closing}, {with} {}",
            counted(pseudonyms as u64, "pseudonym")
        );
    }
    closing + "."
}

/// A share over 0 to 1 as a bar of a fixed width.
fn bar(share: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is clamped to a few dozens"
    )]
    let eighths = (share.clamp(0.0, 1.0) * f64::from(BAR * 8)).round() as usize;
    let full = eighths / 8;
    let bar = format!("{}{}", "█".repeat(full), EIGHTHS[eighths % 8]);
    let rest = usize::from(BAR) - width(&bar);
    bar + &"·".repeat(rest)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use veilstream::{config::Configuration, inspect::Sample, sample::login_events};

    use super::*;

    fn report(bodies: impl IntoIterator<Item = String>) -> Report {
        let pipeline = Configuration::builtin().pipeline;
        let mut sample = Sample::new(&pipeline);
        for body in bodies {
            sample.add_event(&body);
        }
        let source = Source::Queue {
            url: "http://localhost:4566/000000000000/login-queue".to_owned(),
            not_given_back: 0,
            out_of_time: false,
        };
        Report::new(&mut sample, source, &pipeline)
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let long = "x".repeat(60);
        let body = |n| {
            format!(
                r#"{{"locale": "person{n}@example.com", "{long}": {{"{long}": "some words of {n}"}}}}"#
            )
        };
        for report in [
            report((0..50).map(body)),
            report(login_events().take(50)),
            report([]),
        ] {
            for line in draw(&report, false).lines() {
                assert!(width(line) <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn colours_are_only_where_they_are_shown() {
        let report = report(login_events().take(20));
        assert!(!draw(&report, false).contains('\x1b'));
        assert!(draw(&report, true).contains("\x1b[32m"));
    }

    #[test]
    fn the_last_line_counts() {
        let last = |report: &Report| draw(report, false).lines().last().map(str::to_owned);
        let none = "Nothing that looks personal would be loaded in clear, but for 1 pseudonym.";
        let drawn = draw(&report(login_events().take(20)), false);
        let words = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.ends_with(none), "{drawn}");
        let one = report((0..9).map(|n| format!(r#"{{"locale": "p{n}@example.com"}}"#)));
        let expected = "1 field looks personal and would be loaded in clear.";
        assert_eq!(last(&one).as_deref(), Some(expected));
        let nothing = last(&report([]));
        assert_eq!(nothing.as_deref(), Some("There was nothing to look at."));
    }

    #[test]
    fn bars_have_one_width() {
        for share in [0.0, 0.01, 0.5, 0.99, 1.0, 7.0] {
            assert_eq!(width(&bar(share)), usize::from(BAR), "{share}");
        }
    }
}
