//! The measurements of veilstream alone, over a few messages and real servers.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

#[test]
fn every_section_has_all_its_figures() {
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    let veilstream = bench.with_file_name("veilstream");
    assert!(
        veilstream.exists(),
        "{} is missing: `cargo build -p veilstream` makes it",
        veilstream.display()
    );
    let folder = tempfile::tempdir().unwrap();
    // All but `growth`, whose counts are fixed, in the order of the report.
    let sections = [
        ("stages", 9),
        ("round-trips", 4),
        ("workers", 3),
        ("latency", 4),
        ("database-cost", 3),
        ("start-up", 2),
    ];
    let only = sections.map(|(name, _)| name).join(",");
    let output = Command::new(bench)
        // At a message a second, each is a second of this test.
        .args(["--only", &only, "--runs", "1", "--messages", "3"])
        .arg("--folder")
        .arg(folder.path())
        .output()
        .unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");

    let json = fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    let reported = report["sections"].as_array().unwrap();
    assert_eq!(reported.len(), sections.len());
    for (section, (name, lines)) in reported.iter().zip(sections) {
        assert_eq!(section["name"], name);
        let rows = section["rows"].as_array().unwrap();
        let columns = section["columns"].as_array().unwrap();
        assert_eq!(rows.len(), lines, "{section}");
        for row in rows.iter().filter(|row| row["name"] != "everything else") {
            let figures = row["figures"].as_array().unwrap();
            assert!(figures.iter().any(|one| !one.is_null()), "{row}");
            for (column, one) in columns
                .iter()
                .zip(figures)
                .filter(|(_, one)| !one.is_null())
            {
                let median = one["median"].as_f64().unwrap();
                // CPU is a difference, of a process in hundredths of a second: it may be none.
                let may_be_none = column["name"].as_str().unwrap().contains("CPU");
                assert!(median > 0.0 || (may_be_none && median == 0.0), "{row}");
            }
        }
    }
}
