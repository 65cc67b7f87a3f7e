//! The admin server as it is set: what a run would stop at, and whether who is to act on the quarantine can.

use masking::Keyset;

use super::{Finding, Subject, remedy};
use crate::{
    admin::Token,
    config::{Admin, Listen},
    load::{
        catalogue::{self, CatalogueError},
        quarantine::{self, Task},
        schema::SchemaError,
    },
    startup::{Settings, StartError, reading},
};

const CHECK: &str = "admin";
const OPERATOR: &str = "as the owner run deploy/roles.sql, then GRANT veilstream_operator to the role of \
                        admin.database_url";

/// Nothing where nothing is set, or no server would be. With a key set, masked columns are held against its
/// tokens.
pub(super) async fn examine(settings: &Settings, keyset: Option<&Keyset>) -> Vec<Finding> {
    let admin = &settings.configuration().admin;
    if admin.listen == Some(Listen::Off) {
        return Vec::new();
    }
    if let Some(error) = unfit(admin) {
        return vec![error];
    }
    match (&admin.database_url, &admin.token_file) {
        (None, None) => Vec::new(),
        (None, Some(token)) => vec![Finding::ok(
            CHECK,
            format!(
                "token {}; without admin.database_url the page shows counts only",
                token.display()
            ),
        )],
        (Some(url), token) => {
            let no_token = token.is_none().then(|| {
                Finding::warning(
                    CHECK,
                    "admin.database_url is set, and no token: nobody can replay or discard from the page",
                    "set `token_file` under [admin], or leave `database_url` out",
                )
            });
            let operator = operator(&settings.with_database(url), keyset).await;
            [operator].into_iter().chain(no_token).collect()
        }
    }
}

/// What a run would not start with.
fn unfit(admin: &Admin) -> Option<Finding> {
    if let Some(path) = &admin.token_file
        && let Err(reason) = Token::from_file(path)
    {
        let remedy = "correct the file, or name another one under [admin]";
        return Some(error(reason.to_string(), remedy));
    }
    let address = admin.exposed_at()?;
    let detail =
        format!("the admin server would be open to other machines at {address}, without a token");
    let remedy = "set `token_file` under [admin], or listen on 127.0.0.1";
    Some(error(detail, remedy))
}

/// What the connection of `admin.database_url` is good for.
async fn operator(settings: &Settings, keyset: Option<&Keyset>) -> Finding {
    match may_act(settings, keyset).await {
        Ok(()) => Finding::ok(
            CHECK,
            "the role of admin.database_url may list, replay and discard quarantined entries",
        ),
        Err(error) => Finding::warning(
            CHECK,
            format!(
                "from the page nothing can be done about the quarantine (admin.database_url): {error}"
            ),
            remedy_of(&error),
        ),
    }
}

/// Listing takes what replaying takes.
async fn may_act(settings: &Settings, keyset: Option<&Keyset>) -> Result<(), StartError> {
    let client = reading(&settings.database()?).await?;
    let mut lacking = Vec::new();
    for task in [Task::Replay, Task::Discard] {
        match quarantine::check_privileges(&client, task).await {
            Err(SchemaError::MissingPrivileges { privileges }) => lacking.extend(privileges),
            checked => checked?,
        }
    }
    lacking.sort_unstable();
    lacking.dedup();
    if !lacking.is_empty() {
        let privileges = lacking;
        return Err(SchemaError::MissingPrivileges { privileges }.into());
    }
    catalogue::fit(&client, &settings.configuration().pipeline, keyset).await?;
    Ok(())
}

/// That of a worker's connection, but where it would be about a worker.
fn remedy_of(error: &StartError) -> String {
    let remedy = if let StartError::Conninfo(_) = error {
        "correct `database_url` under [admin] (VEILSTREAM_ADMIN_DATABASE_URL); it looks like \
         postgresql://user@host:5432/database"
    } else if let StartError::Schema(SchemaError::Missing) = error {
        "name the database of the pipeline there"
    } else if let StartError::Schema(SchemaError::MissingPrivileges { .. }) = error {
        OPERATOR
    } else if let StartError::Catalogue(CatalogueError::Misfits { .. }) = error {
        "do as each line says; deploy/roles.sql grants veilstream_operator what it needs"
    } else {
        return remedy::remedy(error);
    };
    remedy.to_owned()
}

fn error(detail: String, remedy: &str) -> Finding {
    Finding::error(CHECK, Subject::Configuration, detail, remedy)
}
