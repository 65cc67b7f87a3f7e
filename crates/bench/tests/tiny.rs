//! A tiny run of the benchmarks, over real servers.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// Fails on what is no well-formed XML.
const PARSE_XML: &str = "import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])";

#[test]
fn a_run_over_a_few_messages_compares_the_contenders_and_writes_the_report() {
    // GIVEN programs of this build
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    let veilstream = bench.with_file_name("veilstream");
    assert!(
        veilstream.exists(),
        "{} is missing: `cargo build -p veilstream` makes it",
        veilstream.display()
    );
    let folder = tempfile::tempdir().unwrap();

    // WHEN they are measured over a few messages
    let output = Command::new(bench)
        .args(["--only", "end-to-end,canned"])
        .args(["--runs", "1", "--messages", "200"])
        .arg("--python")
        .arg(testkit::python())
        // Also where Vector is installed: this test is not about its configuration.
        .arg("--vector")
        .arg(folder.path().join("none"))
        .arg("--folder")
        .arg(folder.path())
        .output()
        .unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");

    // THEN all that are here have figures, and their rows were counted
    let json = fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    let sections = report["sections"].as_array().unwrap();
    let names: Vec<_> = sections.iter().map(|section| &section["name"]).collect();
    assert_eq!(names, ["end-to-end", "canned"]);
    for (section, contenders) in sections.iter().zip([5, 3]) {
        let rows = section["rows"].as_array().unwrap();
        assert_eq!(rows.len(), contenders);
        let (missing, there): (Vec<_>, Vec<_>) =
            rows.iter().partition(|row| row["name"] == "Vector");
        assert_eq!(missing[0]["remark"], "not on this machine");
        for row in there {
            let figures = row["figures"].as_array().unwrap();
            let [speed, cpu, memory] = figures.as_slice() else {
                panic!("{row}: {progress}");
            };
            assert!(speed["median"].as_f64().unwrap() > 0.0, "{row}");
            // CPU is counted in hundredths of a second: of so few messages it may be none.
            assert!(cpu["median"].as_f64().unwrap() >= 0.0, "{row}");
            assert!(memory["median"].as_f64().unwrap() > 0.0, "{row}");
            for figures in figures {
                assert_eq!(figures["runs"].as_array().unwrap().len(), 1, "{row}");
            }
        }
        assert!(!section["goals"].as_array().unwrap().is_empty());
    }

    // THEN people read the same on standard output and in the file, and see it in the chart
    let markdown = fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert_eq!(markdown, String::from_utf8_lossy(&output.stdout));
    assert!(markdown.contains("## End to end\n"), "{markdown}");
    let chart = folder.path().join("report.svg");
    let parsed = Command::new(testkit::python())
        .args(["-c", PARSE_XML])
        .arg(&chart)
        .status();
    assert!(parsed.unwrap().success());
    let chart = fs::read_to_string(chart).unwrap();
    assert!(chart.contains("Python, well made"), "{chart}");
}
