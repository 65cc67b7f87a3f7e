//! The proposal as a commented file.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use masking::{Canonical, DomainSpec};

use super::{Proposal, ProposeError, Proposed, Way, name};
use crate::{
    config::{Configuration, Conversion, TableName},
    inspect::portion,
};

/// Columns of a comment.
const WIDTH: usize = 100;

/// What the file says beside the columns.
pub struct Surroundings {
    /// The queue that was looked into.
    pub queue_url: String,
    /// The address of the SQS service, if it is not the queue's.
    pub endpoint_url: Option<String>,
    /// The table; without one it is named after the queue.
    pub table: Option<TableName>,
    /// The file that it is for, as commands name it.
    pub file: PathBuf,
}

/// A configuration, and what to do with it.
pub struct Written {
    /// The text of the file.
    pub toml: String,
    /// How many columns it has, and how many of them are masked.
    pub columns: (usize, usize),
    /// The commands that come next.
    pub next: Vec<String>,
}

impl Proposal {
    /// The text of the configuration file, which has been read and found sound.
    ///
    /// # Errors
    ///
    /// When it is not, by a fault of veilstream.
    pub fn to_toml(&self, around: &Surroundings) -> Result<Written, ProposeError> {
        let table = match &around.table {
            Some(table) => table.to_string(),
            None => name::table(&around.queue_url),
        };
        let pipeline = name::pipeline(table.rsplit('.').next().unwrap_or_default());
        let keyset = format!("{pipeline}-keyset.json");
        let next = self.next(&around.file, &keyset);
        let mut toml = self.head(&next);
        let endpoint = around.endpoint_url.as_ref();
        let endpoint = endpoint.map_or_else(String::new, |url| {
            format!("endpoint_url = {}\n", quoted(url))
        });
        let _ = write!(
            toml,
            "\n[queue]\nurl = {}\n{endpoint}\n# The database: DATABASE_URL says which, or --database-url.\n\n\
             [keyset]\nfile = {}\n\n[pipeline]\nname = {}\ntable = {}\n",
            quoted(&around.queue_url),
            quoted(&keyset),
            quoted(&pipeline),
            quoted(&table)
        );
        toml.push_str(&self.before_columns());
        for column in &self.columns {
            column.write(self.events, &mut toml);
        }
        toml.push_str(
            "\n# Of the message itself:\n# [[columns]]\n# name = \"message_sent_at\"\n# type = \"timestamptz\"\n\
             # from = \"sent_at\"\n",
        );
        let unsound = |problem: String| ProposeError::Unsound(problem);
        let read = Configuration::from_toml(&toml, &around.file);
        let read = read
            .map_err(|error| unsound(error.to_string()))?
            .pipeline
            .columns;
        let proposed: Vec<_> = self.columns.iter().map(Proposed::column).collect();
        if read != proposed {
            return Err(unsound("it reads otherwise than it was meant".to_owned()));
        }
        let masked = read.iter().filter(|column| column.mask.is_some()).count();
        Ok(Written {
            toml,
            columns: (read.len(), masked),
            next,
        })
    }

    /// The commands that make it run.
    fn next(&self, file: &Path, keyset: &str) -> Vec<String> {
        let keyset = file.parent().unwrap_or(Path::new("")).join(keyset);
        let mut create = format!("veilstream keys create {}", argument(&keyset));
        for domain in self.domains() {
            let _ = write!(create, " --domain {}", domain_argument(domain));
        }
        let file = argument(file);
        let commands = ["migrate", "check", "plan", "run"];
        let commands = commands.map(|command| format!("veilstream {command} --config {file}"));
        std::iter::once(create).chain(commands).collect()
    }

    fn head(&self, next: &[String]) -> String {
        let messages = messages(self.events);
        let mut head = comment(&format!(
            "Proposed by `veilstream init` from a sample of {messages}. Look through it: what a field holds tomorrow, \
             no sample of today can tell. What is masked here can be unmasked with the key set; what is dropped is \
             gone. All settings are in docs/configuration.md."
        ));
        head += "#\n";
        head += &comment(
            "Next (the first command asks for a passphrase, unless --kms or --plaintext is given):",
        );
        for command in next {
            let _ = writeln!(head, "#   {command}");
        }
        head
    }

    /// What is not among the columns, and why.
    fn before_columns(&self) -> String {
        let mut notes = String::new();
        match self.not_objects {
            0 => {}
            1 => {
                notes += &comment(
                    "1 message of the sample is no JSON object: such ones go to quarantine.",
                );
            }
            several => {
                notes += &comment(&format!(
                    "{several} messages of the sample are no JSON objects: such ones go to quarantine."
                ));
            }
        }
        if self.not_seen > 0 {
            notes += &comment(&format!(
                "{} of the sample could not be looked at, for a number beyond the range of a double, such as 1e400: \
                 what is only there has no column.",
                messages(self.not_seen)
            ));
        }
        if self.has_hidden {
            notes += &comment(
                "No column is proposed for fields whose names change from event to event or may be data themselves, \
                 for arrays and objects that were always empty, nor for more than 200 fields.",
            );
        }
        if !self.always_null.is_empty() {
            let fields: Vec<_> = self.always_null.iter().map(|field| quoted(field)).collect();
            let fields = fields.join(", ");
            notes += &comment(&format!(
                "Always null or empty, and without a column: {fields}."
            ));
        }
        if notes.is_empty() {
            notes
        } else {
            format!("\n{notes}")
        }
    }
}

impl Proposed {
    fn write(&self, events: u64, toml: &mut String) {
        let column = self.column();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sample has at most thousands of messages"
        )]
        let share = self.seen as f64 / events as f64;
        let share = if self.seen == events {
            "all".to_owned()
        } else {
            portion(share)
        };
        let mut why = format!("In {share} of the sample; {}.", self.looks);
        let becomes = match self.way() {
            Way::Clear(..) => "In clear",
            Way::Token(_) => "Masked",
            Way::Drop(_) => "Dropped",
        };
        if !self.why.is_empty() {
            let _ = write!(why, " {becomes}: {}.", self.why);
        }
        let _ = write!(
            toml,
            "\n{}[[columns]]\nname = {}\ntype = \"{}\"\npath = {}\n",
            comment(&why),
            quoted(&column.name),
            column.column_type,
            quoted(&column.source.pointer().unwrap_or_default())
        );
        match column.conversion {
            Conversion::UnixSeconds | Conversion::UnixMillis => {
                let _ = writeln!(toml, "convert = \"{}\"", column.conversion);
            }
            Conversion::Natural
            | Conversion::VersionDigits
            | Conversion::VersionOrdered
            | Conversion::Hex => {}
        }
        match self.way() {
            Way::Clear(..) => {}
            Way::Drop(_) => toml.push_str("mask = { method = \"drop\" }\n"),
            Way::Token(DomainSpec {
                name, canonical, ..
            }) => {
                let _ = writeln!(
                    toml,
                    "mask = {{ domain = \"{name}\", canonical = \"{canonical}\" }}"
                );
            }
        }
        if column.required {
            toml.push_str("required = true   # a message without it goes to quarantine\n");
        }
    }
}

fn messages(count: u64) -> String {
    match count {
        1 => "1 message".to_owned(),
        several => format!("{several} messages"),
    }
}

/// A domain as `keys create` takes it.
fn domain_argument(domain: &DomainSpec) -> String {
    if domain.canonical == Canonical::Exact {
        domain.name.to_string()
    } else {
        format!("{}:{}", domain.name, domain.canonical)
    }
}

/// A path as a shell takes it.
fn argument(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// A basic string of TOML, without what would steer a terminal or hide in an editor.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_alphanumeric() || c == ' ' || c.is_ascii_punctuation() => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted + "\""
}

/// A comment, broken between words.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line != "#" {
            lines.push_str(&line);
            lines.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}
