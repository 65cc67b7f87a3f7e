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
        let messages = match self.events {
            1 => "1 message".to_owned(),
            events => format!("{events} messages"),
        };
        let mut head = comment(&format!(
            "Proposed by `veilstream init` from a sample of {messages}. Look through it: what a field holds tomorrow, \
             no sample of today can tell. What is masked here can be unmasked with the key set; what is dropped is \
             gone. All settings are in docs/configuration.md."
        ));
        head.push_str("#\n# Next (the first command asks for a passphrase, unless --kms or --plaintext says otherwise):\n");
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
        if self.has_hidden {
            notes += &comment(
                "No column is proposed for fields whose names change from event to event or may be data themselves, \
                 nor for arrays and objects that were always empty.",
            );
        }
        if !self.always_null.is_empty() {
            let fields: Vec<_> = self.always_null.iter().map(|field| quoted(field)).collect();
            let fields = fields.join(", ");
            notes += &comment(&format!("Always null, and without a column: {fields}."));
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
fn quoted(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use masking::Zeroizing;
    use serde_json::json;

    use super::*;

    fn written(events: impl IntoIterator<Item = serde_json::Value>) -> Written {
        let events = events
            .into_iter()
            .map(|event| Zeroizing::new(event.to_string()));
        let proposal = Proposal::new(&events.collect::<Vec<_>>()).unwrap();
        let around = Surroundings {
            queue_url: "http://localhost:4566/000000000000/web-clicks.fifo".to_owned(),
            endpoint_url: None,
            table: None,
            file: PathBuf::from("conf/click's.toml"),
        };
        proposal.to_toml(&around).unwrap()
    }

    /// A column as the file has it.
    fn column(written: &Written, path: &str) -> String {
        let columns = written.toml.split("[[columns]]\n").skip(1);
        let line = format!("path = {}\n", quoted(path));
        let mut columns = columns.filter(|column| column.contains(&line));
        let column = columns
            .next()
            .unwrap_or_else(|| panic!("no {path}: {}", written.toml));
        let lines = column
            .lines()
            .take_while(|line| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.filter(|line| !line.starts_with("path"));
        lines
            .map(|line| line.split("   #").next().unwrap_or(line))
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn types_and_masks_are_what_takes_the_whole_sample() {
        let event = |n: usize| {
            json!({
                "count": n, "big": if n == 7 { json!(1e20) } else { json!(n) }, "on": n.is_multiple_of(2),
                "mixed": if n.is_multiple_of(2) { json!(n) } else { json!("x") }, "created_at": 1_767_225_600 + n,
                "at": format!("2026-01-{:02}T10:00:00Z", n % 28 + 1), "day": format!("2026-01-{:02}", n % 28 + 1),
                "local": format!("2026-01-{:02}T10:00:00", n % 28 + 1), "app_version": format!("1.2.3.{n}"),
                "ref": format!("424cdd21-063a-43a7-b91b-7ca1a833af{n:02}"), "nothing": null,
                "tags": ["a", "b"], "ip": format!("192.0.2.{n}"), "email": format!("canary{n}@example.com"),
                "contact": if n == 3 { "none".to_owned() } else { format!("canary{n}@example.org") },
                "rare": if n < 10 { json!(1) } else { json!(null) }, "password": format!("canary{n}"), "device_id": format!("canary-{}", n % 2),
                "people": [{"name": "x", "email": format!("canary{n}@example.net")}],
                "by_login": {format!("canary{}", ["a", "b", "c"][n % 3].repeat(1 + n / 3)): 1},
            })
        };
        let written = written((0..50).map(event));
        for (path, expected) in [
            (
                "/count",
                "name = \"count\"; type = \"int8\"; required = true",
            ),
            (
                "/big",
                "name = \"big\"; type = \"numeric\"; required = true",
            ),
            ("/on", "name = \"on\"; type = \"bool\"; required = true"),
            (
                "/mixed",
                "name = \"mixed\"; type = \"text\"; required = true",
            ),
            (
                "/created_at",
                "name = \"created_at\"; type = \"timestamptz\"; convert = \"unix_seconds\"; required = true",
            ),
            (
                "/at",
                "name = \"at\"; type = \"timestamptz\"; required = true",
            ),
            (
                "/local",
                "name = \"local\"; type = \"timestamp\"; required = true",
            ),
            ("/day", "name = \"day\"; type = \"date\"; required = true"),
            (
                "/app_version",
                "name = \"app_version\"; type = \"text\"; required = true",
            ),
            ("/ref", "name = \"ref\"; type = \"uuid\"; required = true"),
            (
                "/tags",
                "name = \"tags\"; type = \"jsonb\"; required = true",
            ),
            (
                "/ip",
                "name = \"ip\"; type = \"text\"; mask = { domain = \"ip\", canonical = \"ip\" }; required = true",
            ),
            (
                "/email",
                "name = \"email\"; type = \"text\"; mask = { domain = \"email\", canonical = \"email\" }; required = true",
            ),
            (
                "/contact",
                "name = \"contact\"; type = \"text\"; mask = { domain = \"email_exact\", canonical = \"exact\" }; required = true",
            ),
            (
                "/device_id",
                "name = \"device_id\"; type = \"text\"; mask = { domain = \"device_id\", canonical = \"exact\" }; required = true",
            ),
            ("/rare", "name = \"rare\"; type = \"int8\""),
            (
                "/password",
                "name = \"password\"; type = \"text\"; mask = { method = \"drop\" }",
            ),
            (
                "/people",
                "name = \"people\"; type = \"jsonb\"; mask = { method = \"drop\" }",
            ),
            (
                "/by_login",
                "name = \"by_login\"; type = \"jsonb\"; mask = { method = \"drop\" }",
            ),
        ] {
            assert_eq!(column(&written, path), expected, "{}", written.toml);
        }
        assert!(!written.toml.contains("canary"), "{}", written.toml);
        assert!(
            written
                .toml
                .contains("Always null, and without a column: \"/nothing\".")
        );
        assert_eq!(written.columns, (19, 7));
        assert!(written.toml.contains("can be counted"), "{}", written.toml);
        let create = "veilstream keys create conf/web_clicks-keyset.json --domain device_id --domain email:email --domain email_exact \
                      --domain ip:ip";
        assert_eq!(written.next[0], create);
        assert_eq!(
            written.next[1],
            r"veilstream migrate --config 'conf/click'\''s.toml'"
        );
    }

    #[test]
    fn odd_names_that_come_often_are_fields_and_others_are_data() {
        let odd = [
            "Größe \"in\" cm",
            "user agent",
            "a/b~c",
            "\u{202e}x",
            &"long".repeat(30),
        ];
        let event = |n: usize| {
            let mut event = json!({format!("Zoë Canary{n}"): 1, "x": 1});
            for key in odd {
                event[key] = json!(n);
            }
            event
        };
        let written = written((0..12).map(event));
        assert_eq!(written.columns, (6, 0), "{}", written.toml);
        assert!(!written.toml.contains("Canary"), "{}", written.toml);
        assert!(
            written.toml.contains(r#"path = "/Größe \"in\" cm""#),
            "{}",
            written.toml
        );
        assert!(!written.toml.contains('\u{202e}') && written.toml.contains(r#""/\U0000202Ex""#));
        assert!(
            written.toml.contains("may be data themselves"),
            "{}",
            written.toml
        );
    }
}
