//! The admin server as the configuration sets it: what a run would stop at, and whether who is to act on the
//! quarantine can see it.

use super::{Finding, Subject};
use crate::{
    admin::{Operator, Token},
    startup::Settings,
};

const CHECK: &str = "admin";

/// Nothing where nothing is set.
pub(super) async fn examine(settings: &Settings) -> Option<Finding> {
    let admin = &settings.configuration().admin;
    if let Some(path) = &admin.token_file
        && let Err(reason) = Token::from_file(path)
    {
        let remedy = "correct the file, or name another one under [admin]";
        let reason = reason.to_string();
        return Some(Finding::error(
            CHECK,
            Subject::Configuration,
            reason,
            remedy,
        ));
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
