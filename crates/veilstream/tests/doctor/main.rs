//! `veilstream check` on real servers: what is wrong is found, named, and said what to do about.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod database;
mod healthy;
mod queue;
mod settings;

use serde_json::Value;
use testkit::Binary;

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// What a check found: its exit code and its findings.
struct Checked {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Checked {
    async fn with(binary: &Binary, arguments: &[&str]) -> Self {
        let arguments = [&["check", "--output", "json"], arguments].concat();
        let finished = binary.run(&arguments).await;
        let summary = finished.summary();
        let findings = summary["findings"].as_array().unwrap().clone();
        let sound = findings.iter().all(|one| one["verdict"] != "error");
        assert_eq!(summary["ok"], sound, "{finished:#?}");
        for one in &findings {
            assert_eq!(one["ok"], one["verdict"] != "error", "{one}");
            assert_eq!(one["remedy"].is_null(), one["verdict"] == "ok", "{one}");
        }
        Self {
            code: finished.code,
            findings,
        }
    }

    async fn by(binary: &Binary) -> Self {
        Self::with(binary, &[]).await
    }

    /// THEN this check has this verdict, names this, and says to do this; the exit code is this,
    /// and no
    /// other check has found an error.
    fn assert(&self, check: &str, verdict: &str, code: i32, detail: &str, remedy: &str) {
        let all = &self.findings;
        assert_eq!(self.code, Some(code), "{all:#?}");
        let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let found = all.iter().any(|one| {
            one["check"] == check
                && one["verdict"] == verdict
                && text(one, "detail").contains(detail)
                && text(one, "remedy").contains(remedy)
        });
        assert!(found, "{check} {verdict} {detail:?} {remedy:?}: {all:#?}");
        let others = all.iter().filter(|one| one["verdict"] == "error");
        assert!(others.clone().all(|one| one["check"] == check), "{all:#?}");
    }

    /// The checks that found nothing to say anything about.
    fn sound(&self) -> Vec<&str> {
        let sound = self.findings.iter().filter(|one| one["verdict"] == "ok");
        sound.map(|one| one["check"].as_str().unwrap()).collect()
    }
}

/// The password in a connection URI.
fn password(url: &str) -> &str {
    let (user_and_password, _) = url.rsplit_once('@').unwrap();
    user_and_password.rsplit_once(':').unwrap().1
}
