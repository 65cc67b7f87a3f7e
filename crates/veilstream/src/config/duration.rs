//! Times as people write them: `90s`, `15m`, `12h`, `30d`.

use std::time::Duration;

/// What is written where a duration is due.
pub const FORM: &str =
    "a whole number and s, m, h or d, as in \"90s\", \"15m\", \"12h\" or \"30d\"";

/// The longest that is taken, in seconds: a hundred years.
const LONGEST: u64 = 100 * 366 * 86_400;

/// Reads a duration of at least a second and at most a hundred years.
///
/// # Errors
///
/// What is wrong with it, and what to write instead.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(format!("no duration; write {FORM}")),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("no duration; write {FORM}"));
    }
    let seconds = digits.parse::<u64>().ok();
    match seconds.and_then(|number| number.checked_mul(unit)) {
        Some(0) => Err("no time at all; write at least 1s".to_owned()),
        Some(seconds @ ..=LONGEST) => Ok(Duration::from_secs(seconds)),
        Some(_) | None => Err("more than a hundred years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_and_everything_else_is_refused() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "30",
            "d",
            "0s",
            "-1d",
            "1.5h",
            " 1d",
            "1 d",
            "1D",
            "1w",
            "٣d",
            "40000d",
            "99999999999999999999s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
