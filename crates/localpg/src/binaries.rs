//! Where PostgreSQL's server binaries are.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Error;

/// The programs that a cluster cannot do without.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Oldest major release supported.
const OLDEST_MAJOR: u32 = 13;

/// Names the directory of the binaries; beats every search.
const OVERRIDE: &str = "VEILSTREAM_PG_BIN";

/// PostgreSQL's server binaries: where they are and which version they are.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
    version: String,
}

impl Binaries {
    /// Looks in `VEILSTREAM_PG_BIN`, or else on the `PATH`, in the usual places of Debian, Red Hat and
    /// Homebrew (the newest release there), and where `pg_config --bindir` points.
    ///
    /// # Errors
    ///
    /// If there are none, or they are older than PostgreSQL 13.
    pub fn find() -> Result<Self, Error> {
        let directory = search(&|name| std::env::var_os(name), Path::new("/"))?;
        let version = version(&directory.join("postgres"))?;
        let major = version
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        if major.parse::<u32>().is_ok_and(|major| major < OLDEST_MAJOR) {
            return Err(Error::TooOld { version, directory });
        }
        Ok(Self { directory, version })
    }

    /// The directory that holds them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The version they report, such as `15.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path of one of them, such as `pg_ctl`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The directory of the binaries, given the environment and the root of the file system.
fn search(environment: &dyn Fn(&str) -> Option<OsString>, root: &Path) -> Result<PathBuf, Error> {
    if let Some(directory) = environment(OVERRIDE).filter(|value| !value.is_empty()) {
        let directory = PathBuf::from(directory);
        return complete(&directory).ok_or(Error::OverrideWithoutBinaries { directory });
    }
    let path = environment("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find_map(|directory| complete(&directory));
    on_path
        .or_else(|| {
            usual_places(root)
                .iter()
                .find_map(|directory| complete(directory))
        })
        .or_else(|| pg_config(&path).and_then(|directory| complete(&directory)))
        .ok_or_else(|| Error::NoBinaries {
            searched: "PATH, /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin, Homebrew's postgresql@* \
                       and pg_config --bindir"
                .to_owned(),
            install: install_command(root),
        })
}

/// The real directory of the binaries if all of them can be reached through this one. Links are
/// followed, so that programs which are not linked there (`psql`) are found beside them.
fn complete(directory: &Path) -> Option<PathBuf> {
    if !NEEDED.iter().all(|name| directory.join(name).is_file()) {
        return None;
    }
    let real = directory
        .join("initdb")
        .canonicalize()
        .ok()?
        .parent()?
        .to_path_buf();
    if NEEDED.iter().all(|name| real.join(name).is_file()) {
        return Some(real);
    }
    std::path::absolute(directory).ok()
}

/// Every place where a packager puts the binaries, newest release first.
fn usual_places(root: &Path) -> Vec<PathBuf> {
    let families = [
        ("usr/lib/postgresql", ""),
        ("usr", "pgsql-"),
        ("opt/homebrew/opt", "postgresql"),
        ("usr/local/opt", "postgresql"),
        ("home/linuxbrew/.linuxbrew/opt", "postgresql"),
    ];
    families
        .iter()
        .flat_map(|(parent, prefix)| releases(&root.join(parent), prefix))
        .collect()
}

/// The `bin` directories of the entries `<prefix>[@]<release>` of `parent`, newest first.
fn releases(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let release = name.strip_prefix(prefix)?.trim_start_matches('@');
            let numbers: Vec<u32> = release.split('.').flat_map(str::parse).collect();
            // Homebrew's plain `postgresql` has no number; it may be any release.
            (!numbers.is_empty() || release.is_empty()).then(|| (numbers, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0));
    found.into_iter().map(|(_, directory)| directory).collect()
}

fn pg_config(path: &OsString) -> Option<PathBuf> {
    let program = std::env::split_paths(path).map(|directory| directory.join("pg_config"));
    let program = program.into_iter().find(|program| program.is_file())?;
    let output = Command::new(program)
        .arg("--bindir")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

fn install_command(root: &Path) -> &'static str {
    let has = |path: &str| root.join(path).exists();
    if has("usr/bin/apt-get") {
        "apt-get install postgresql"
    } else if has("usr/bin/dnf") {
        "dnf install postgresql-server"
    } else if has("opt/homebrew/bin/brew") || has("usr/local/bin/brew") {
        "brew install postgresql@17"
    } else {
        "with the system's package manager, as postgresql or postgresql-server"
    }
}

/// `15.14` out of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn version(postgres: &Path) -> Result<String, Error> {
    let output = Command::new(postgres)
        .arg("--version")
        .output()
        .map_err(Error::io(format!("run {} --version", postgres.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_once("(PostgreSQL) ")
        .map_or(text.as_ref(), |(_, rest)| rest);
    Ok(version
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn put_binaries(directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        for name in NEEDED {
            fs::write(directory.join(name), "").unwrap();
        }
    }

    #[test]
    fn nothing_found_says_how_to_install() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::write(root.path().join("usr/bin/apt-get"), "").unwrap();
        let error = search(&|_| None, root.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::NoBinaries { .. }), "{text}");
        assert!(text.contains("scripts/prerequisites"), "{text}");
        assert!(text.contains("apt-get install postgresql"), "{text}");
    }

    #[test]
    fn the_newest_release_of_a_packager_is_taken() {
        let root = tempfile::tempdir().unwrap();
        for release in ["9.6", "13", "17"] {
            put_binaries(
                &root
                    .path()
                    .join("usr/lib/postgresql")
                    .join(release)
                    .join("bin"),
            );
        }
        put_binaries(&root.path().join("usr/pgsql-18/bin"));
        let found = search(&|_| None, root.path()).unwrap();
        assert!(
            found.ends_with("usr/lib/postgresql/17/bin"),
            "{}",
            found.display()
        );
    }

    #[test]
    fn red_hat_and_homebrew_places_are_known() {
        for place in [
            "usr/pgsql-16/bin",
            "opt/homebrew/opt/postgresql@17/bin",
            "usr/local/opt/postgresql/bin",
        ] {
            let root = tempfile::tempdir().unwrap();
            put_binaries(&root.path().join(place));
            let found = search(&|_| None, root.path()).unwrap();
            assert!(found.ends_with(place), "{}", found.display());
        }
    }

    #[test]
    fn the_path_beats_the_usual_places_and_the_override_beats_both() {
        let root = tempfile::tempdir().unwrap();
        let [on_path, named] = ["on_path", "named"].map(|name| root.path().join(name));
        put_binaries(&on_path);
        put_binaries(&named);
        put_binaries(&root.path().join("usr/lib/postgresql/17/bin"));
        let path_only = |name: &str| (name == "PATH").then(|| on_path.clone().into_os_string());
        assert!(
            search(&path_only, root.path())
                .unwrap()
                .ends_with("on_path")
        );
        let both = |name: &str| match name {
            OVERRIDE => Some(named.clone().into_os_string()),
            other => path_only(other),
        };
        assert!(search(&both, root.path()).unwrap().ends_with("named"));
    }

    #[test]
    fn links_are_followed_to_the_real_directory() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real/bin");
        let links = root.path().join("links");
        put_binaries(&real);
        fs::create_dir_all(&links).unwrap();
        for name in NEEDED {
            std::os::unix::fs::symlink(real.join(name), links.join(name)).unwrap();
        }
        assert_eq!(complete(&links).unwrap(), real.canonicalize().unwrap());
    }
}
