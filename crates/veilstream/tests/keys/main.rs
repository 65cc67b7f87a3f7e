//! Key sets as their keepers see them: made, wrapped, opened, changed, rotated, exported, by the real binary.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod canary;
mod change;
mod create;
mod export;
mod folder;
mod kms;
mod opening;
mod rotation;
mod terminal;

use std::{path::Path, process::Command};

/// The binary under test.
const VEILSTREAM: &str = env!("CARGO_BIN_EXE_veilstream");

/// Long enough, and nowhere but where it belongs.
const PASSPHRASE: &str = "canary walnut orbit 7c1f";

const IP: &str = "199.172.111.135";

/// What a Python script of this folder prints; `construction.py` of the crate `masking` can be imported.
fn python(script: &str, arguments: &[&str]) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let construction = Path::new(env!("CARGO_MANIFEST_DIR")).join("../masking/tests");
    let output = Command::new(testkit::python())
        .arg(here.join(script))
        .args(arguments)
        .env("PYTHONPATH", construction)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {error}");
    String::from_utf8(output.stdout).expect("text")
}
