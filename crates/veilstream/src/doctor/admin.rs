//! The admin server as it is set: what a run would stop at, and whether who is to act on the quarantine can see
//! it.

use super::{Finding, Subject};
use crate::{
    admin::{Operator, Token},
    config::Listen,
    startup::Settings,
};

const CHECK: &str = "admin";

/// Nothing where nothing is set, or no server would be.
pub(super) async fn examine(settings: &Settings) -> Option<Finding> {
    let admin = &settings.configuration().admin;
    if admin.listen == Some(Listen::Off) {
        return None;
    }
    if let Some(path) = &admin.token_file
        && let Err(reason) = Token::from_file(path)
    {
        let remedy = "correct the file, or name another one under [admin]";
        return Some(error(reason.to_string(), remedy));
    }
    if let Some(address) = admin.exposed_at() {
        let detail = format!(
            "the admin server would be open to other machines at {address}, without a token"
        );
        let remedy = "set `token_file` under [admin], or listen on 127.0.0.1";
        return Some(error(detail, remedy));
    }
    let Some(url) = &admin.database_url else {
        let token = admin.token_file.as_ref()?;
        let detail = format!(
            "token {}; without admin.database_url the page shows counts only",
            token.display()
        );
        return Some(Finding::ok(CHECK, detail));
    };
    let operator = Operator::new(settings.with_database(url));
    Some(match operator.newest().await {
        Ok(_) => Finding::ok(CHECK, "the operator's connection sees the quarantine"),
        Err(reason) => Finding::warning(
            CHECK,
            format!("through admin.database_url the quarantine is not seen: {reason}"),
            "name a connection of the role veilstream_operator there; deploy/roles.sql makes it",
        ),
    })
}

fn error(detail: String, remedy: &str) -> Finding {
    Finding::error(CHECK, Subject::Configuration, detail, remedy)
}
