//! The trail in a file, for a key holder without the database: an entry a line, as JSON.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Anchor, Break, Chain, Entry, Moment, OFFLINE_LIMIT, Opening, hex::Hex};

/// Nobody but the owner may write the file.
const FORBIDDEN_MODE: u32 = 0o022;

/// Why a trail in a file was not written, or not found whole.
#[derive(Debug, thiserror::Error)]
pub enum TrailFileError {
    /// The system refused.
    #[error("trail {}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file's mode lets others write it.
    #[error("trail {0}: its mode {mode:04o} lets others write it; look through it, then run: \
             chmod 600 {0}", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is no entry.
    #[error(
        "trail {}: line {line} is no entry of a trail. Keep the file for whoever audits, and name \
         another one with --trail", path.display()
    )]
    NotAnEntry {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The last line has no end.
    #[error(
        "trail {}: its last line is cut off. Nothing was printed when that was written; keep the file \
         for whoever audits, and name another one with --trail", path.display()
    )]
    CutOff {
        /// The file.
        path: PathBuf,
    },
    /// The chain is broken.
    #[error(
        "trail {}: {fault}. Keep the file for whoever audits, and name another one with --trail",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        #[source]
        fault: Break,
    },
    /// The call opens too many tokens.
    #[error(
        "{asked} tokens are more than one call may open ({OFFLINE_LIMIT}): open fewer at a time"
    )]
    PerCall {
        /// Tokens of the call.
        asked: usize,
    },
}

/// Appends what is about to be printed, on disk when this returns. The file is made with mode 0600
/// where there is none, and locked against another process. May wait for that one: it blocks.
///
/// # Errors
///
/// When the trail is not on disk: the file is as it was before.
pub fn append(path: &Path, opening: &Opening) -> Result<Anchor, TrailFileError> {
    let asked = opening.tokens();
    if asked > OFFLINE_LIMIT {
        return Err(TrailFileError::PerCall { asked });
    }
    let unusable = |error| unusable(path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(unusable)?;
    refuse_open_to_others(path, &file)?;
    file.lock().map_err(unusable)?;
    let end = follow(path, &file, None)?;
    let (lines, end) = lines(opening, end).map_err(unusable)?;
    let before = file.stream_position().map_err(unusable)?;
    let written = file.write_all(&lines).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What was not written whole goes again, if it can; if not, the next call finds it.
        drop(file.set_len(before));
        return Err(unusable(error));
    }
    if before == 0 {
        // The name of a new file is on disk once its folder is.
        let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(unusable)?;
    }
    Ok(end)
}

/// Follows the chain from the first line to the last: the anchor of the last.
///
/// # Errors
///
/// When the file cannot be read or its chain is broken.
pub fn verify(path: &Path, expected: Option<Anchor>) -> Result<Anchor, TrailFileError> {
    let file = File::open(path).map_err(|error| unusable(path, error))?;
    // What another process is about to write is not yet looked at.
    file.lock_shared().map_err(|error| unusable(path, error))?;
    follow(path, &file, expected)
}

fn unusable(path: &Path, error: io::Error) -> TrailFileError {
    TrailFileError::Unusable {
        path: path.to_owned(),
        error,
    }
}

fn refuse_open_to_others(path: &Path, file: &File) -> Result<(), TrailFileError> {
    let metadata = file.metadata().map_err(|error| unusable(path, error))?;
    if !metadata.is_file() {
        return Err(unusable(path, io::Error::other("it is not a file")));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_MODE != 0 {
        let path = path.to_owned();
        return Err(TrailFileError::OpenToOthers { path, mode });
    }
    Ok(())
}

/// Reads the file to its end.
fn follow(path: &Path, file: &File, expected: Option<Anchor>) -> Result<Anchor, TrailFileError> {
    let broken = |fault| TrailFileError::Broken {
        path: path.to_owned(),
        fault,
    };
    let mut chain = Chain::new(expected);
    let mut reader = BufReader::new(file);
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let not_an_entry = || TrailFileError::NotAnEntry {
            path: path.to_owned(),
            line,
        };
        let read = reader.read_line(&mut text);
        let read = read.map_err(|error| {
            if error.kind() == io::ErrorKind::InvalidData {
                not_an_entry()
            } else {
                unusable(path, error)
            }
        })?;
        if read == 0 {
            break;
        }
        if !text.ends_with('\n') {
            let path = path.to_owned();
            return Err(TrailFileError::CutOff { path });
        }
        let entry: Entry = serde_json::from_str(&text).map_err(|_| not_an_entry())?;
        chain.follow(&entry).map_err(broken)?;
    }
    chain.finish().map_err(broken)
}

/// The lines of a call, and the anchor of the last.
fn lines(opening: &Opening, mut end: Anchor) -> io::Result<(Vec<u8>, Anchor)> {
    let mut lines = Vec::new();
    for (domain, fingerprints) in &opening.domains {
        let mut entry = Entry {
            seq: end.seq + 1,
            at: Moment::now(),
            action: opening.action.to_owned(),
            database_role: String::new(),
            os_user: opening.os_user.clone(),
            host: opening.host.clone(),
            reason: opening.reason.clone(),
            domain: domain.clone(),
            tokens: i32::try_from(fingerprints.len()).expect("the limit is far below"),
            fingerprints: fingerprints.iter().copied().collect(),
            previous: end.hash,
            hash: Hex([0; 32]),
        };
        entry.hash = entry.computed_hash();
        end = Anchor::after(Some(&entry));
        serde_json::to_writer(&mut lines, &entry)?;
        lines.push(b'\n');
    }
    Ok((lines, end))
}
