//! Options that several commands share, and how the environment completes them.

use std::path::PathBuf;

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use veilstream::{
    config::{Admin, Listen},
    startup::{Overrides, Settings, StartError, environment},
};

use super::exit::{Exit, Failure};

/// What the last words on standard output are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Text,
    /// For machines: the last line of standard output is JSON, logs are JSON too
    Json,
}

/// The options of `run`, and of what looks at what it would do.
#[derive(Args)]
pub(super) struct PipelineOptions {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    queue: QueueOptions,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// How results and logs are written
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// Which queue, and where.
#[derive(Args)]
pub(super) struct QueueOptions {
    /// The queue's URL; without one the queue `login-queue` is looked up
    #[arg(
        long,
        value_name = "URL",
        env = "VEILSTREAM_QUEUE_URL",
        hide_env_values = true
    )]
    queue_url: Option<String>,
    #[arg(
        long,
        value_name = "URL",
        help = "Address of the SQS service, for LocalStack, moto or a VPC endpoint \
                [env: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL]"
    )]
    endpoint_url: Option<String>,
}

/// Which configuration file.
#[derive(Args)]
pub(super) struct ConfigOption {
    /// Configuration file (TOML); without one the built-in pipeline `logins` runs
    #[arg(long, value_name = "FILE", env = "VEILSTREAM_CONFIG", value_parser = any_path())]
    config: Option<PathBuf>,
}

/// How to reach the database.
#[derive(Args)]
pub(super) struct DatabaseOptions {
    /// Connection URI or conninfo string; PG* variables and .pgpass complete it
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// The admin server of a run.
#[derive(Args)]
pub(super) struct AdminOption {
    /// Where the dashboard, metrics and health are served, or off [default: 127.0.0.1:8484 if that is
    /// free; with --once, off]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "VEILSTREAM_ADMIN_LISTEN",
        hide_env_values = true
    )]
    admin_listen: Option<Listen>,
}

/// Where the key set is.
#[derive(Args)]
pub(super) struct KeysetOptions {
    /// The key set's file
    #[arg(long, value_name = "FILE", env = "VEILSTREAM_KEYSET", value_parser = any_path())]
    keyset: Option<PathBuf>,
    /// The file of the passphrase that opens a key set wrapped by one
    #[arg(
        long,
        value_name = "FILE",
        env = "VEILSTREAM_PASSPHRASE_FILE",
        value_parser = any_path()
    )]
    passphrase_file: Option<PathBuf>,
}

impl ConfigOption {
    /// Where the worker of this configuration has its admin server; its environment beats the file, as for a
    /// run.
    pub(super) fn admin(self) -> Result<Admin, Failure> {
        let listen = environment("VEILSTREAM_ADMIN_LISTEN").map(|text| text.parse());
        let listen = listen.transpose().map_err(|form| {
            let wrong = anyhow::anyhow!("VEILSTREAM_ADMIN_LISTEN is no such address; write {form}");
            Failure::new(Exit::Usage, wrong)
        })?;
        let settings = Settings::new(Overrides {
            config: set_path(self.config),
            admin_listen: listen,
            ..Overrides::default()
        })?;
        Ok(settings.configuration().admin.clone())
    }
}

impl PipelineOptions {
    /// These options over the configuration file.
    pub(super) fn settings(self) -> Result<Settings, StartError> {
        self.settings_with(&AdminOption { admin_listen: None })
    }

    /// The same for a run.
    pub(super) fn settings_with(self, admin: &AdminOption) -> Result<Settings, StartError> {
        Settings::new(Overrides {
            admin_listen: admin.admin_listen,
            admin_database_url: environment("VEILSTREAM_ADMIN_DATABASE_URL"),
            config: set_path(self.config.config),
            database_url: set(self.database.database_url),
            keyset: set_path(self.keyset.keyset),
            passphrase_file: set_path(self.keyset.passphrase_file),
            ..self.queue.overrides()
        })
    }
}

impl QueueOptions {
    /// The settings for a command that needs only the queue, and no configuration yet.
    pub(super) fn settings(self) -> Result<Settings, StartError> {
        Settings::new(self.overrides())
    }

    fn overrides(self) -> Overrides {
        let endpoint_url = self
            .endpoint_url
            .or_else(|| environment("AWS_ENDPOINT_URL_SQS"))
            .or_else(|| environment("AWS_ENDPOINT_URL"));
        Overrides {
            queue_url: set(self.queue_url),
            endpoint_url,
            ..Overrides::default()
        }
    }
}

impl DatabaseOptions {
    /// The settings for commands that need only the database.
    pub(super) fn settings(self, config: ConfigOption) -> Result<Settings, StartError> {
        Settings::new(Overrides {
            config: set_path(config.config),
            database_url: set(self.database_url),
            ..Overrides::default()
        })
    }
}

impl KeysetOptions {
    /// The settings for commands that need only the key set.
    pub(super) fn settings(self, config: ConfigOption) -> Result<Settings, StartError> {
        Settings::new(Overrides {
            config: set_path(config.config),
            keyset: set_path(self.keyset),
            passphrase_file: set_path(self.passphrase_file),
            ..Overrides::default()
        })
    }

    /// The settings for commands that need key set and database.
    pub(super) fn settings_with(
        self,
        config: ConfigOption,
        database: DatabaseOptions,
    ) -> Result<Settings, StartError> {
        Settings::new(Overrides {
            config: set_path(config.config),
            database_url: set(database.database_url),
            keyset: set_path(self.keyset),
            passphrase_file: set_path(self.passphrase_file),
            ..Overrides::default()
        })
    }
}

/// How many entries to list at the most.
pub(super) fn at_most(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "it is a whole number, 1 or more".to_owned())
}

/// An empty variable of the environment counts as unset.
fn set(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// clap's own parser of paths refuses an empty one.
pub(super) fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn set_path(value: Option<PathBuf>) -> Option<PathBuf> {
    value.filter(|value| !value.as_os_str().is_empty())
}
