//! The `[admin]` section of the file.

use std::net::SocketAddr;
use std::path::Path;

use super::connection::connection_string;
use super::mistake::Mistakes;
use super::section::Section;
use super::{Admin, Listen};

pub(super) const ADMIN_KEYS: &[&str] = &["listen", "token_file", "database_url"];
/// How an address is written.
pub(super) const LISTEN_FORM: &str = "an address and a port, as in \"127.0.0.1:8484\", or \"off\"";

/// Reads `[admin]`; a relative path starts at `folder`.
pub(super) fn admin(root: &Section<'_>, folder: &Path, mistakes: &mut Mistakes<'_>) -> Admin {
    let wanted = "[admin] with listen, token_file and database_url under it";
    let Some(section) = root.section("admin", ADMIN_KEYS, wanted, mistakes) else {
        return Admin::default();
    };
    let listen = section.text("listen", LISTEN_FORM, mistakes);
    let listen = listen.and_then(|entry| {
        let listen = entry.value.parse();
        if listen.is_err() {
            mistakes.add(
                &entry.place,
                format!("no such address; write {LISTEN_FORM}"),
            );
        }
        listen.ok()
    });
    let wanted = "the path of a file that holds the token, as in \"/run/secrets/admin-token\"";
    let token_file = section.text("token_file", wanted, mistakes);
    let token_file = token_file.map(|entry| folder.join(entry.value));
    let wanted = "a connection URI of the role veilstream_operator";
    let database_url = section.text("database_url", wanted, mistakes);
    if let Some(entry) = &database_url
        && let Err(problem) = connection_string(entry.value)
    {
        mistakes.add(&entry.place, format!("{problem}; write {wanted}"));
    }
    let admin = Admin {
        listen,
        token_file,
        database_url: database_url.map(|entry| entry.value.to_owned()),
    };
    if admin.exposed_at().is_some()
        && let Some(place) = section.place_at("listen")
    {
        mistakes.add(
            &place,
            "other machines reach this address; write token_file as well, so that only who has the token \
             sees anything",
        );
    }
    admin
}

impl std::str::FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address: Result<SocketAddr, _> = text.parse();
        address.map(Self::At).map_err(|_| LISTEN_FORM)
    }
}
