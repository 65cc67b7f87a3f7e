//! The roles of deploy/roles.sql, and who logs in as a member of one.

use std::process::Command;

use crate::Database;

/// Runs deploy/roles.sql with psql, as its head says, for the table `user_logins`, and makes a member of
/// the group `veilstream_…`: the URL by which it connects.
///
/// # Panics
///
/// When psql fails.
pub async fn member(database: &Database, group: &str) -> String {
    let psql = localpg::Cluster::binaries()
        .expect("the binaries are there")
        .program("psql");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/roles.sql");
    let url = database.url();
    let output = Command::new(psql)
        .arg(&url)
        .args(["-v", "target=public.user_logins", "-X", "-q", "-f", file])
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{output:#?}");
    // Roles belong to the whole server, and each test has a database of its own.
    let (_, server) = url.rsplit_once('@').expect("a URL with a user");
    let (_, name) = url.rsplit_once('/').expect("a URL with a database");
    let role = format!("{group}_{name}");
    let sql =
        format!("CREATE ROLE {role} LOGIN PASSWORD 'of-the-member' IN ROLE veilstream_{group}");
    database.execute(&sql).await;
    format!("postgresql://{role}:of-the-member@{server}")
}
