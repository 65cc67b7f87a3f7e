//! What stands in deploy/ is what it says: alerts fire, manifests fit their schemas, every name exists.

use std::{path::Path, process::Command};

use testkit::python;

use crate::VEILSTREAM;

#[test]
fn alerts_dashboards_and_manifests_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(python())
        .arg(root.join("scripts/check-deploy"))
        .args(["--binary", VEILSTREAM])
        .current_dir(root)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:#?}");
}
