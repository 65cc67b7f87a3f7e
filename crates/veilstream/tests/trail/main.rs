//! What the database knows of key sets and of unmasking, and who may do what in it.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod audit;
mod generations;
mod migration;
mod offline;
mod roles;
mod unmask;

use std::path::Path;

use masking::{Form, Keyset};
use testkit::{Binary, Finished, Scene};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// Values that may appear in no trail, no log and no error.
const IP: &str = "203.0.113.77";
const DEVICE: &str = "canary-device-5d1c";

/// The key set of a file, in clear as the tests' are.
fn keyset(path: &Path) -> Keyset {
    Keyset::from_json(&std::fs::read(path).unwrap()).unwrap()
}

/// The token of a value.
fn token(scene: &Scene, domain: &str, value: &str) -> String {
    let mut token = Vec::new();
    let mut masker = keyset(&scene.keyset()).masker(domain, Form::Text).unwrap();
    masker.mask(value, &mut token).unwrap();
    String::from_utf8(token).unwrap()
}

async fn unmask(binary: &Binary, tokens: &[&str]) -> Finished {
    let arguments = [&["unmask", "--reason", "ticket 4711"], tokens].concat();
    binary.run(&arguments).await
}

/// Nothing was unmasked, for a reason that is told with a code and without a value.
fn assert_silent(finished: &Finished, code: i32, said: &[&str]) {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    assert_eq!(finished.stdout, "", "{finished:#?}");
    for part in said {
        assert!(finished.stderr.contains(part), "{part}: {finished:#?}");
    }
    for value in [IP, DEVICE] {
        assert!(!finished.stderr.contains(value), "{finished:#?}");
    }
}
