//! Rows, quarantine and ledger, as they are in the database at the end.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::Violations;
use crate::{
    event::{Expected, Login},
    stage::{Sent, Stage},
};

/// In the order in which the rows came.
const ROWS: &str = "SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version, \
    create_date = ANY (ARRAY[(now() AT TIME ZONE 'UTC')::date, \
    ((now() - interval '1 hour') AT TIME ZONE 'UTC')::date]) FROM user_logins ORDER BY arrival";
const QUARANTINE: &str = "SELECT message_id, reason, column_name FROM veilstream.quarantine";
const LEDGER: &str = "SELECT count(*) FROM veilstream.ledger";

/// Everything that came to the database.
pub(super) struct Landed {
    pub(super) rows: Vec<Row>,
    quarantine: Vec<(String, String, Option<String>)>,
    ledger: usize,
}

pub(super) struct Row {
    pub(super) user_id: String,
    device_type: Option<String>,
    pub(super) masked_ip: String,
    pub(super) masked_device_id: String,
    locale: Option<String>,
    app_version: Option<i32>,
    /// Sent within the last hour, by its date.
    is_of_today: bool,
}

pub(super) struct Counts {
    pub(super) rows: usize,
    pub(super) quarantined: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
}

impl Landed {
    pub(super) async fn read(stage: &Stage) -> Result<Self> {
        let client = stage.connect().await?;
        let rows = client.query(ROWS, &[]).await?;
        let rows = rows.iter().map(|row| Row {
            user_id: row.get(0),
            device_type: row.get(1),
            masked_ip: row.get(2),
            masked_device_id: row.get(3),
            locale: row.get(4),
            app_version: row.get(5),
            is_of_today: row.get(6),
        });
        let quarantine = client.query(QUARANTINE, &[]).await?;
        let quarantine = quarantine
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)));
        let ledger: i64 = client.query_one(LEDGER, &[]).await?.get(0);
        Ok(Self {
            rows: rows.collect(),
            quarantine: quarantine.collect(),
            ledger: usize::try_from(ledger)?,
        })
    }

    /// Every message is in exactly one place, the right one, with the right values.
    pub(super) fn hold_against(
        &self,
        sent: &[Sent],
        queued: usize,
        violations: &mut Violations,
    ) -> Counts {
        let (mut doubled, mut unknown, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        let logins = logins(sent);
        let mut loaded = HashSet::new();
        for row in &self.rows {
            match logins.get(row.user_id.as_str()) {
                None => unknown.push(row.user_id.clone()),
                Some(_) if !loaded.insert(row.user_id.as_str()) => {
                    doubled.push(row.user_id.clone());
                }
                Some((_, login)) if !row.is(login) => wrong.push(row.user_id.clone()),
                Some(_) => {}
            }
        }
        let by_id: HashMap<_, _> = sent
            .iter()
            .map(|sent| (sent.message_id.as_str(), &sent.expected))
            .collect();
        let mut quarantined = HashSet::new();
        for (id, reason, column) in &self.quarantine {
            let found = (reason.as_str(), column.as_deref());
            match by_id.get(id.as_str()) {
                None => unknown.push(id.clone()),
                Some(_) if !quarantined.insert(id.as_str()) => doubled.push(id.clone()),
                Some(Expected::Quarantine { reason, column }) if (*reason, *column) == found => {}
                Some(expected) => wrong.push(format!("{id} as {found:?}, not {expected:?}")),
            }
        }
        let landed = loaded.len() + quarantined.len();
        let lost = sent.len().saturating_sub(landed + queued);
        // While the queue holds some, nobody can tell which of those that are missing are lost.
        if queued == 0 {
            let is_there = |sent: &&Sent| {
                quarantined.contains(sent.message_id.as_str())
                    || matches!(&sent.expected, Expected::Row(login) if loaded.contains(login.user_id.as_str()))
            };
            let missing = sent.iter().filter(|sent| !is_there(sent));
            let missing: Vec<_> = missing.map(|sent| sent.message_id.clone()).collect();
            violations.add_all("are lost", &missing);
        }
        violations.add_all("are there twice", &doubled);
        violations.add_all("are there and were never sent", &unknown);
        violations.add_all("have wrong values, or are in the wrong place", &wrong);
        let accounted = self.rows.len() + self.quarantine.len() + queued;
        if accounted != sent.len() {
            let (rows, quarantined) = (self.rows.len(), self.quarantine.len());
            violations.add(format!(
                "{rows} rows, {quarantined} quarantined and {queued} in the queue are not the {} \
                 messages that were sent",
                sent.len()
            ));
        }
        if self.ledger != sent.len() {
            violations.add(format!(
                "the ledger has {} keys for {} messages",
                self.ledger,
                sent.len()
            ));
        }
        Counts {
            rows: self.rows.len(),
            quarantined: self.quarantine.len(),
            lost,
            doubled: doubled.len(),
        }
    }

    /// Of each group, rows came in the order in which their messages were sent.
    pub(super) fn hold_order(&self, sent: &[Sent], violations: &mut Violations) {
        let logins = logins(sent);
        let mut last: HashMap<usize, usize> = HashMap::new();
        let mut wrong = Vec::new();
        for row in &self.rows {
            let Some((place, _)) = logins.get(row.user_id.as_str()) else {
                continue;
            };
            let Some(group) = sent[*place].group else {
                continue;
            };
            let before = last.insert(group, *place);
            if before.is_some_and(|before| before > *place) {
                wrong.push(format!("{} of group {group}", row.user_id));
            }
        }
        violations.add_all("came after a later message of their group", &wrong);
    }
}

impl Row {
    /// Whether it holds the values of an event; its tokens are another matter.
    fn is(&self, login: &Login) -> bool {
        self.device_type.as_deref() == login.device_type
            && self.locale.as_deref() == login.locale
            && self.app_version == login.app_version
            && self.is_of_today
    }
}

/// The messages that are to be rows by `user_id`, with their places.
pub(super) fn logins(sent: &[Sent]) -> HashMap<&str, (usize, &Login)> {
    let rows = sent.iter().enumerate().filter_map(|(place, sent)| {
        let Expected::Row(login) = &sent.expected else {
            return None;
        };
        Some((login.user_id.as_str(), (place, login)))
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
