//! The Python environment with moto, boto3 and the AWS CLI.

use std::path::PathBuf;

/// The interpreter named by `VEILSTREAM_PYTHON`, or that of the workspace's virtual environment.
/// A test that needs it fails without it: a suite that skips its comparisons proves nothing.
pub(crate) fn interpreter() -> PathBuf {
    if let Some(named) = std::env::var_os("VEILSTREAM_PYTHON") {
        return PathBuf::from(named);
    }
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
    assert!(
        python.exists(),
        "no Python with moto, boto3 and awscli: run `make test`, which makes target/venv, \
         or name an interpreter in VEILSTREAM_PYTHON"
    );
    python
}
