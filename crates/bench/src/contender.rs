//! Who does the job: veilstream, and what others would use or write instead.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::{measurement::Settings, queue::Kind};

/// A key for the peers' masks, for nothing but this: how long masking takes does not depend on it.
const MASK_KEY: &str = "\
    6d61736b2d6b6579206f66207468652062656e63686d61726b732c20666f7220\
    6e6f7468696e6720627574207468697320616e6420736978747966206f75722e";

/// One of those that are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Veilstream,
    /// `src/bin/floor.rs`
    Floor,
    /// `peers/vector.yaml`
    Vector,
    /// `peers/well_made.py`
    WellMade,
    /// `peers/common_loop.py`
    CommonLoop,
}

/// Where a contender finds everything.
pub(crate) struct Place<'a> {
    pub(crate) queue_url: String,
    pub(crate) endpoint_url: String,
    pub(crate) database_url: String,
    /// A folder of its own.
    pub(crate) folder: &'a Path,
}

impl Contender {
    /// All, in the order of the report.
    pub(crate) const ALL: [Self; 5] = [
        Self::Veilstream,
        Self::Floor,
        Self::Vector,
        Self::WellMade,
        Self::CommonLoop,
    ];

    /// What the report calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Veilstream => "veilstream",
            Self::Floor => "floor: aws-sdk-sqs and COPY",
            Self::Vector => "Vector",
            Self::WellMade => "Python, well made",
            Self::CommonLoop => "Python, a message at a time",
        }
    }

    /// What a reader has to know of its line.
    pub(crate) fn remark(self) -> &'static str {
        match self {
            Self::Veilstream => "each message once, masked",
            Self::Floor => "not masked; twice after a crash",
            Self::Vector => "one-way mask; twice after a crash",
            Self::WellMade | Self::CommonLoop => "masked; twice after a crash",
        }
    }

    /// How many messages it gets where the fast ones get so many: the slow ones need not all to show
    /// their rate.
    pub(crate) fn messages(self, kind: Kind, most: usize) -> usize {
        match self {
            // It deletes in series.
            Self::Vector if kind == Kind::DISTANT => most.min(10_000),
            Self::Veilstream | Self::Floor | Self::Vector => most,
            Self::WellMade => most.min(20_000),
            Self::CommonLoop => most.min(2_000),
        }
    }

    /// Why it cannot run on this machine, if it cannot.
    pub(crate) fn obstacle(self, settings: &Settings) -> Option<String> {
        match self {
            Self::Veilstream | Self::Floor => None,
            Self::Vector => (!settings.vector.exists()).then(|| "not on this machine".to_owned()),
            Self::WellMade | Self::CommonLoop => (!settings.python.exists()).then(|| {
                let python = settings.python.display();
                format!("{python} is not there: `make bench` makes it")
            }),
        }
    }

    /// What has to be done once before it runs, beyond the table that all of them find.
    pub(crate) async fn prepare(self, settings: &Settings, place: &Place<'_>) -> Result<()> {
        match self {
            Self::Veilstream => {
                let keyset = place.keyset().display().to_string();
                let steps: [&[&str]; 2] =
                    [&["keys", "create", &keyset, "--plaintext"], &["migrate"]];
                for arguments in steps {
                    let mut command = place.command(&settings.veilstream);
                    let output = command.args(arguments).output().await?;
                    ensure!(
                        output.status.success(),
                        "veilstream {arguments:?}: {}",
                        String::from_utf8_lossy(&output.stderr)
                    );
                }
                Ok(())
            }
            Self::Floor | Self::Vector | Self::WellMade | Self::CommonLoop => Ok(()),
        }
    }

    /// The command that does the job; none of them ends by itself.
    pub(crate) fn command(self, settings: &Settings, place: &Place<'_>) -> Command {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let (program, arguments): (PathBuf, Vec<PathBuf>) = match self {
            Self::Veilstream => (settings.veilstream.clone(), vec!["run".into()]),
            Self::Floor => (settings.floor.clone(), Vec::new()),
            Self::Vector => (
                settings.vector.clone(),
                vec![
                    "--quiet".into(),
                    "--config".into(),
                    peers.join("vector.yaml"),
                ],
            ),
            Self::WellMade => (settings.python.clone(), vec![peers.join("well_made.py")]),
            Self::CommonLoop => (settings.python.clone(), vec![peers.join("common_loop.py")]),
        };
        let mut command = place.command(&program);
        command.args(arguments);
        command
    }
}

impl Place<'_> {
    fn keyset(&self) -> PathBuf {
        self.folder.join("keyset.json")
    }

    /// A program that knows the place, and nothing of whoever started this one.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("QUEUE_URL", &self.queue_url)
            .env("VEILSTREAM_QUEUE_URL", &self.queue_url)
            .env("AWS_ENDPOINT_URL", &self.endpoint_url)
            .env("DATABASE_URL", &self.database_url)
            .env("VEILSTREAM_KEYSET", self.keyset())
            .env("MASK_KEY", MASK_KEY)
            .env("DATA_DIR", self.folder)
            .env("HOME", self.folder)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // Vector 0.57 and later take nothing from the environment otherwise; its configuration is ours.
            .env("VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION", "true")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}
