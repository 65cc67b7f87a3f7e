//! What PostgreSQL's `jsonb` refuses although it is JSON.

use super::numeric::Decimal;
use super::rejection::RejectionCode;

/// A number without exponent and at most this long is within the bounds of `numeric`.
const SURELY_FITS: usize = 16_000;

/// Checks a JSON text, known to be valid, for what `jsonb` cannot hold.
///
/// # Errors
///
/// `NulInText` where a string or key holds `\u0000`, `BadConversion` where a number is beyond
/// `numeric`.
pub(super) fn check(json: &str) -> Result<(), RejectionCode> {
    let bytes = json.as_bytes();
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        position = match byte {
            b'"' => string_end(bytes, position + 1)?,
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, position);
                check_number(&json[position..end])?;
                end
            }
            _ => position + 1,
        };
    }
    Ok(())
}

/// Behind the closing quote of the string whose first character is at `position`.
fn string_end(bytes: &[u8], mut position: usize) -> Result<usize, RejectionCode> {
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => return Ok(position + 1),
            b'\\' if bytes[position..].starts_with(b"\\u0000") => {
                return Err(RejectionCode::NulInText);
            }
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    Ok(position)
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + bytes[start..].iter().take_while(is_part).count()
}

fn check_number(number: &str) -> Result<(), RejectionCode> {
    let plain = number.len() <= SURELY_FITS && !number.contains(['e', 'E']);
    if plain || Decimal::parse(number).is_some_and(|decimal| decimal.fits()) {
        Ok(())
    } else {
        Err(RejectionCode::BadConversion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_found_in_values_and_keys_but_not_behind_a_backslash() {
        let nul = Err(RejectionCode::NulInText);
        assert_eq!(check(r#""\u0000""#), nul);
        assert_eq!(check(r#"{"a\u0000":1}"#), nul);
        assert_eq!(check(r#"[{"a":["\\\u0000"]}]"#), nul);
        assert_eq!(check(r#"["\\u0000", "\"", "\\", "\u00001"]"#), nul);
        assert_eq!(
            check(r#"["\\u0000", "\"u0000", "\\\\u0000", "u0000"]"#),
            Ok(())
        );
    }

    #[test]
    fn numbers_are_held_against_numeric() {
        let bad = Err(RejectionCode::BadConversion);
        for good in [
            "1e131071",
            "-1.5E-16382",
            "0.1e1",
            "[1,2.5,-3e5]",
            "0e99999",
            "\"1e999999\"",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for number in [
            "1e131072",
            "1e-16384",
            "[1, {\"a\": 1e999999999999999999999}]",
            "0e-16384",
        ] {
            assert_eq!(check(number), bad, "{number}");
        }
        assert_eq!(check(&format!("0.{}", "1".repeat(16_383))), Ok(()));
        assert_eq!(check(&format!("0.{}", "1".repeat(16_384))), bad);
        assert_eq!(check(&"1".repeat(131_072)), Ok(()));
        assert_eq!(check(&"1".repeat(131_073)), bad);
    }
}
