//! `veilstream check`: everything that a run needs, looked at without changing anything.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use serde::Serialize;
use veilstream::doctor::{self, Finding, Verdict};

use super::{
    TABLE_WIDTH,
    exit::{Exit, Failure},
    logging,
    options::{AdminOption, Output, PipelineOptions},
};

/// Where a finding's text begins, below its verdict.
const INDENT: &str = "       ";

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream check --config orders.toml && veilstream run --config orders.toml
  veilstream check --output json | jq '.findings[] | select(.verdict != \"ok\")'

Each line is ok, a warning or an error, with what to do about it. No message is received and no row
changed. It ends with 0 unless there is an error; then with the code of the first one.")]
pub(super) struct Arguments {
    /// Taken, as `run` does, so that one command line serves both; it changes nothing here
    #[arg(long, hide = true)]
    once: bool,
    /// The same
    #[arg(long, hide = true)]
    no_reject_limit: bool,
    #[command(flatten)]
    admin: AdminOption,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

#[derive(Serialize)]
struct Findings {
    ok: bool,
    findings: Vec<Finding>,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments {
        once: _,
        no_reject_limit: _,
        admin,
        pipeline,
    } = arguments;
    let output = pipeline.output;
    logging::start(output)?;
    let findings = match pipeline.settings_with(&admin) {
        Ok(settings) => doctor::examine(&settings).await,
        Err(error) => vec![Finding::failed("configuration", &error)],
    };
    // The first thing that is wrong gives the exit code: the later ones may follow from it.
    let exit = findings
        .iter()
        .find_map(|one| one.subject)
        .map_or(Exit::Done, Exit::from);
    print(findings, output)?;
    Ok(exit)
}

fn print(findings: Vec<Finding>, output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            let ok = findings.iter().all(|finding| finding.ok);
            let line =
                serde_json::to_string(&Findings { ok, findings }).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")
        }
        Output::Text => {
            // What is read by a program stays on one line.
            let width = stdout.is_terminal().then_some(usize::from(TABLE_WIDTH));
            let colours = logging::takes_colours(&stdout);
            for finding in &findings {
                stdout.write_all(rendered(finding, width, colours).as_bytes())?;
            }
            let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
            let [ok, warnings, errors] = [Verdict::Ok, Verdict::Warning, Verdict::Error].map(count);
            writeln!(stdout, "{ok} ok, warnings: {warnings}, errors: {errors}")
        }
    }
}

/// A finding for people, its lines no longer than `width` as far as its words allow.
fn rendered(finding: &Finding, width: Option<usize>, colours: bool) -> String {
    let (word, colour) = match finding.verdict {
        Verdict::Ok => ("ok", "\x1b[32m"),
        Verdict::Warning => ("warn", "\x1b[33m"),
        Verdict::Error => ("error", "\x1b[31m"),
    };
    let (colour, plain) = if colours {
        (colour, "\x1b[0m")
    } else {
        ("", "")
    };
    let mut lines = Vec::new();
    let detail = format!("{}: {}", finding.check, finding.detail);
    let remedy = finding
        .remedy
        .iter()
        .map(|remedy| format!("to do: {remedy}"));
    for text in std::iter::once(detail).chain(remedy) {
        for line in text.lines() {
            match width {
                Some(width) => wrap(line, width - INDENT.len(), &mut lines),
                None => lines.push(line.to_owned()),
            }
        }
    }
    let padding = INDENT.len() - word.len();
    format!(
        "{colour}{word}{plain}{:padding$}{}\n",
        "",
        lines.join(&format!("\n{INDENT}"))
    )
}

/// Breaks a line between words.
fn wrap(line: &str, width: usize, lines: &mut Vec<String>) {
    let mut current = String::new();
    for word in line.split_whitespace() {
        let length = current.chars().count() + 1 + word.chars().count();
        if !current.is_empty() && length > width {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines.push(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding {
            check: "dead-letter queue",
            ok: true,
            verdict: Verdict::Warning,
            detail: "there is none: ".to_owned() + &"what goes wrong ".repeat(8) + "\nagain",
            remedy: Some("make one".to_owned()),
            subject: None,
            is_passing: false,
        }
    }

    #[test]
    fn on_a_terminal_lines_are_broken_between_words_and_the_verdict_is_coloured() {
        let text = rendered(&finding(), Some(80), true);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[0].starts_with("\x1b[33mwarn\x1b[0m   dead-letter queue: there is none:"));
        assert!(
            lines[1].starts_with("       what") || lines[1].starts_with("       goes"),
            "{text}"
        );
        assert_eq!(lines[3..], ["       again", "       to do: make one"]);
        let longest = rendered(&finding(), Some(80), false);
        let longest = longest.lines().map(|line| line.chars().count()).max();
        assert!(
            longest.is_some_and(|longest| (60..=80).contains(&longest)),
            "{text}"
        );
    }

    #[test]
    fn for_a_program_a_line_stays_one() {
        let text = rendered(&finding(), None, false);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.ends_with("goes wrong ")),
            "{text}"
        );
    }
}
