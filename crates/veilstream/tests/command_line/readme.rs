//! The README's commands are commands, and its exit codes are those of `--help`.

use testkit::Binary;

use crate::VEILSTREAM;

const README: &str = include_str!("../../../../README.md");

/// The lines inside the blocks of shell, a line that ends in a backslash joined with the next.
fn code_lines() -> Vec<String> {
    let code: String = README
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("sh\n"))
        .flat_map(str::lines)
        .fold(String::new(), |code, line| code + line.trim() + "\n");
    code.replace("\\\n", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The arguments of every call of veilstream in a line of shell, up to a pipe, a redirection, a
/// comment or the next command.
pub(crate) fn calls(line: &str) -> Vec<Vec<String>> {
    let ends = ["|", ">", "<", "&", "&&", ";", "#", "2>"];
    let words: Vec<_> = line.split_whitespace().collect();
    let starts = words.iter().enumerate();
    let starts = starts.filter(|(_, word)| {
        let word = word.rsplit("$(").next().expect("there is a last part");
        word == "veilstream" || word.ends_with("/veilstream")
    });
    starts
        .map(|(place, _)| {
            let arguments = words[place + 1..].iter();
            arguments
                .take_while(|word| !ends.contains(word))
                .map(|word| word.trim_end_matches([')', '"', ';']).to_owned())
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn every_command_of_the_readme_is_understood() {
    let mut seen = 0;
    for line in code_lines() {
        for mut arguments in calls(&line) {
            // What comes before it is parsed first: unknown flags and commands are refused. Only
            // the quoted parts of one argument would be taken for several; for help it is the same.
            arguments.push("--help".to_owned());
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let printed = Binary::new(VEILSTREAM).run(&arguments).await;
            assert_eq!(printed.code, Some(0), "{line}\n{printed:#?}");
            assert!(printed.stdout.contains("Usage: veilstream"), "{line}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} commands were found");
}

#[tokio::test]
async fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = Binary::new(VEILSTREAM).run(&["--help"]).await.stdout;
    let (_, table) = help
        .split_once("Exit codes:")
        .expect("there is such a part");
    let (table, _) = table.split_once("Environment:").expect("it has an end");
    let mut of_help: Vec<u8> = table
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut of_readme: Vec<u8> = rows
        .filter_map(|row| row.split('`').next()?.parse().ok())
        .collect();
    of_help.sort_unstable();
    of_readme.sort_unstable();
    assert_eq!(of_help, of_readme);
    assert_eq!(of_help, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 143]);
}
