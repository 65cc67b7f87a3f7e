//! The `[queue]`, `[database]` and `[keyset]` sections of the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mistake::Mistakes;
use super::section::{Entry, Section};
use super::{Database, Fleets, Queue, address, duration, spelling};
use crate::source::{LONGEST_POSSIBLE_LEASE, Protocol};

pub(super) const QUEUE_KEYS: &[&str] = &[
    "url",
    "endpoint_url",
    "region",
    "longest_lease",
    "protocol",
    "most_receivers",
    "most_deleters",
];
/// More than anybody needs: the memory budget has room for 4,000 messages, ten to a receiver.
pub(super) const MOST_OF_A_FLEET: u16 = 1_000;
pub(super) const DATABASE_KEYS: &[&str] = &["url"];
pub(super) const KEYSET_KEYS: &[&str] = &["file", "passphrase_file"];

/// The names of `protocol`; `None` is what is found out.
pub(super) const PROTOCOLS: [(&str, Option<Protocol>); 3] = [
    ("auto", None),
    ("json", Some(Protocol::Json)),
    ("query", Some(Protocol::Query)),
];

/// Reads `[queue]`.
pub(super) fn queue(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Queue {
    let wanted = "[queue] with url, endpoint_url, region, longest_lease, protocol, most_receivers \
                  and most_deleters under it";
    let Some(section) = root.section("queue", QUEUE_KEYS, wanted, mistakes) else {
        return Queue::default();
    };
    let wanted = "the queue's URL, as in \
                  \"https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue\"";
    let url = section.text("url", wanted, mistakes);
    check(url.as_ref(), address::check_queue_url, wanted, mistakes);
    let wanted = "the address of the SQS service, as in \"http://localhost:4566\"";
    let endpoint_url = section.text("endpoint_url", wanted, mistakes);
    check(
        endpoint_url.as_ref(),
        address::check_endpoint_url,
        wanted,
        mistakes,
    );
    let wanted = "an AWS region, as in \"eu-central-1\"";
    let region = section.text("region", wanted, mistakes);
    check(region.as_ref(), region_name, wanted, mistakes);
    Queue {
        url: owned(url),
        endpoint_url: owned(endpoint_url),
        region: owned(region),
        longest_lease: longest_lease(&section, mistakes),
        protocol: protocol(&section, mistakes),
        fleets: fleets(&section, mistakes),
    }
}

fn fleets(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Fleets {
    let mut most = |key, default| {
        let wanted = "how many there may be at once, from 1 to 1000";
        let Some(Entry { value, place }) = section.count(key, wanted, mistakes) else {
            return default;
        };
        if !(1..=MOST_OF_A_FLEET).contains(&value) {
            mistakes.add(
                &place,
                format!("not from 1 to {MOST_OF_A_FLEET}; write {wanted}"),
            );
        }
        value
    };
    let default = Fleets::default();
    Fleets {
        receivers: most("most_receivers", default.receivers),
        deleters: most("most_deleters", default.deleters),
    }
}

/// `None` is "auto".
fn protocol(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Protocol> {
    let wanted = "\"auto\", \"json\" or \"query\"";
    let Entry { value, place } = section.text("protocol", wanted, mistakes)?;
    if let Some((_, protocol)) = PROTOCOLS.iter().find(|(word, _)| *word == value) {
        return *protocol;
    }
    let hint = spelling::did_you_mean(value, PROTOCOLS.map(|(word, _)| word));
    mistakes.add(&place, format!("no protocol of SQS{hint}; write {wanted}"));
    None
}

fn longest_lease(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    let Entry { value, place } = section.text("longest_lease", duration::FORM, mistakes)?;
    match duration::parse(value) {
        Ok(time) if time <= LONGEST_POSSIBLE_LEASE => return Some(time),
        Ok(_) => mistakes.add(
            &place,
            "SQS hides a message for 12h at the most; write less",
        ),
        Err(problem) => mistakes.add(&place, problem),
    }
    None
}

/// Reads `[database]`.
pub(super) fn database(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Database {
    let wanted = "[database] with url under it";
    let Some(section) = root.section("database", DATABASE_KEYS, wanted, mistakes) else {
        return Database::default();
    };
    let wanted = "a connection URI, as in \
                  \"postgresql://veilstream@db.example.com/app?sslmode=verify-full\"";
    let url = section.text("url", wanted, mistakes);
    check(url.as_ref(), connection_string, wanted, mistakes);
    Database { url: owned(url) }
}

/// Reads `[keyset]`: the paths of the key set and of the passphrase's file, which start at `folder` when they are
/// relative.
pub(super) fn keyset(
    root: &Section<'_>,
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> (Option<PathBuf>, Option<PathBuf>) {
    let wanted = "[keyset] with file and passphrase_file under it";
    let Some(section) = root.section("keyset", KEYSET_KEYS, wanted, mistakes) else {
        return (None, None);
    };
    let wanted = "the key set's path, as in \"keyset.json\"";
    let file = section.text("file", wanted, mistakes);
    let wanted = "the path of a file that holds the passphrase, as in \"/run/secrets/passphrase\"";
    let passphrase_file = section.text("passphrase_file", wanted, mistakes);
    let path = |entry: Entry<&str>| folder.join(entry.value);
    (file.map(path), passphrase_file.map(path))
}

/// Notes what `rule` has against the value, without repeating it.
fn check(
    entry: Option<&Entry<&str>>,
    rule: impl FnOnce(&str) -> Result<(), &'static str>,
    wanted: &str,
    mistakes: &mut Mistakes<'_>,
) {
    if let Some((entry, problem)) = entry.and_then(|e| Some((e, rule(e.value).err()?))) {
        mistakes.add(&entry.place, format!("{problem}; write {wanted}"));
    }
}

/// The value without its place.
pub(super) fn owned(entry: Option<Entry<&str>>) -> Option<String> {
    entry.map(|entry| entry.value.to_owned())
}

fn region_name(region: &str) -> Result<(), &'static str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.chars().all(fits) {
        Ok(())
    } else {
        Err("no AWS region")
    }
}

/// Only tells the two notations from something else; what they say is parsed by the loader.
pub(super) fn connection_string(url: &str) -> Result<(), &'static str> {
    let uri = url.starts_with("postgresql://") || url.starts_with("postgres://");
    if (uri || (url.contains('=') && !url.contains("://"))) && !url.contains('\0') {
        Ok(())
    } else {
        Err("neither a postgresql:// URI nor key=value pairs")
    }
}
