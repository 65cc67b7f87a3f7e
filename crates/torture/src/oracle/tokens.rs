//! Each row's tokens against those that `veilstream mask` makes of the values that were sent, and
//! some of them opened.

use anyhow::{Result, ensure};

use super::{
    Violations,
    landed::{Landed, logins},
};
use crate::stage::{Sent, Stage};

/// So many rows' tokens are opened.
const OPENED: usize = 200;

pub(super) async fn check(
    stage: &Stage,
    sent: &[Sent],
    landed: &Landed,
    violations: &mut Violations,
) -> Result<()> {
    let logins = logins(sent);
    let mut rows = Vec::with_capacity(landed.rows.len());
    for row in &landed.rows {
        // One that was never sent is a violation already.
        if let Some((_, login)) = logins.get(row.user_id.as_str()) {
            rows.push((row, *login));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let ips = tokens(stage, "ip", rows.iter().map(|(_, login)| login.ip.as_str())).await?;
    let devices = rows.iter().map(|(_, login)| login.device_id.as_str());
    let devices = tokens(stage, "device_id", devices).await?;
    let mut wrong = Vec::new();
    for (((row, _), ip), device) in rows.iter().zip(&ips).zip(&devices) {
        if row.masked_ip != *ip || row.masked_device_id != *device {
            wrong.push(row.user_id.clone());
        }
    }
    violations.add_all("have a token of another value", &wrong);

    let step = rows.len().div_ceil(OPENED);
    let sample = || rows.iter().step_by(step);
    let opened = sample().map(|(row, _)| format!("{}\n{}\n", row.masked_ip, row.masked_device_id));
    let opened: String = opened.collect();
    let trail = stage.file("trail.jsonl");
    let arguments = [
        "unmask",
        "--reason",
        "torture",
        "--offline",
        "--trail",
        &trail,
    ];
    let values = stage.veilstream(&arguments, &opened).await?;
    let values: Vec<_> = values.lines().collect();
    let expected: Vec<_> = sample()
        .flat_map(|(_, login)| [login.ip.as_str(), login.device_id.as_str()])
        .collect();
    if values != expected {
        violations.add("tokens do not open to the values that were sent");
    }
    Ok(())
}

/// The tokens of values, in one call.
async fn tokens(
    stage: &Stage,
    domain: &str,
    values: impl Iterator<Item = &str>,
) -> Result<Vec<String>> {
    let mut count = 0;
    let mut input = String::new();
    for value in values {
        input.push_str(value);
        input.push('\n');
        count += 1;
    }
    let tokens = stage
        .veilstream(&["mask", "--domain", domain], &input)
        .await?;
    let tokens: Vec<_> = tokens.lines().map(str::to_owned).collect();
    ensure!(
        tokens.len() == count,
        "`mask` gave {} tokens for {count} values",
        tokens.len()
    );
    Ok(tokens)
}
