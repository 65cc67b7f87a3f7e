//! The account that the server runs as.

use std::{
    fs::File,
    os::unix::{fs::fchown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use crate::Error;

/// Accounts that can own a cluster when we are root, best first.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// Who the server runs as: ourselves, or a stand-in for root.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    name: String,
    switch_to: Option<(u32, u32)>,
}

impl Account {
    /// Ourselves unless we are root, which PostgreSQL refuses to run as.
    pub(crate) fn choose() -> Result<Self, Error> {
        let own = id(&["-u"]).ok_or(Error::NoAccount)?;
        if own != "0" {
            return Ok(Self {
                name: id(&["-un"]).unwrap_or(own),
                switch_to: None,
            });
        }
        STAND_INS
            .iter()
            .find_map(|name| Self::stand_in(name))
            .ok_or(Error::NoAccount)
    }

    fn stand_in(name: &str) -> Option<Self> {
        let uid: u32 = id(&["-u", name])?.parse().ok()?;
        let gid: u32 = id(&["-g", name])?.parse().ok()?;
        (uid != 0).then(|| Self {
            name: name.to_owned(),
            switch_to: Some((uid, gid)),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs as this account, outside of any directory that it may not enter, and
    /// without the `PG*` variables that would bend it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        // Messages are matched and shown, so they are in one language.
        command.env("LC_ALL", "C").env_remove("LANGUAGE");
        if let Some((uid, gid)) = self.switch_to {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives an open file to this account.
    pub(crate) fn give(&self, file: &File) -> std::io::Result<()> {
        match self.switch_to {
            Some((uid, gid)) => fchown(file, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

/// What `id` says. The standard library cannot ask for the user id.
fn id(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id")
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
