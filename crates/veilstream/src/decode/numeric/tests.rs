use proptest::prelude::*;

use super::*;

/// What the binary form says, in `numeric_out`'s spelling.
fn shown(encoded: &[u8]) -> String {
    let field = |i: usize| u16::from_be_bytes([encoded[2 * i], encoded[2 * i + 1]]);
    let groups: Vec<u16> = (4..4 + usize::from(field(0))).map(field).collect();
    assert_eq!(encoded.len(), 8 + 2 * groups.len());
    assert!(groups.iter().all(|group| *group < 10_000));
    assert!(
        groups.first() != Some(&0) && groups.last() != Some(&0),
        "padded with zero groups"
    );
    let weight = i32::from(i16::from_be_bytes([encoded[2], encoded[3]]));
    let scale = usize::from(field(3));
    let group = |place: i32| {
        let index = usize::try_from(weight - place).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let text = |places: &mut dyn Iterator<Item = i32>| {
        let groups: Vec<String> = places.map(|place| format!("{:04}", group(place))).collect();
        groups.concat()
    };
    let mut integer = text(&mut (0..=weight.max(0)).rev())
        .trim_start_matches('0')
        .to_owned();
    if integer.is_empty() {
        integer.push('0');
    }
    let groups_behind = i32::try_from(scale.div_ceil(4)).unwrap();
    let mut fraction = text(&mut (1..=groups_behind).map(|place| -place));
    fraction.truncate(scale);
    let sign = if field(2) == NEGATIVE { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{integer}{point}{fraction}")
}

fn numeric(text: &str, precision_and_scale: Option<(u16, i16)>) -> Option<String> {
    Decimal::parse(text)?
        .encode(precision_and_scale)
        .map(|encoded| shown(&encoded))
}

#[test]
fn without_precision_every_digit_is_kept() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("0e5", "0"),
        ("0.0001", "0.0001"),
        ("10000", "10000"),
        ("9999", "9999"),
        ("100000000", "100000000"),
        ("1e-20", "0.00000000000000000001"),
        ("1E+3", "1000"),
        ("1.50e1", "15.0"),
        ("12345e-2", "123.45"),
        ("-0.00012345", "-0.00012345"),
        ("007.10", "7.10"),
        (
            "12345678901234567890.123456789",
            "12345678901234567890.123456789",
        ),
        ("1e0000000000000000000000000001", "10"),
    ] {
        assert_eq!(numeric(text, None).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_scale_rounds_half_away_from_zero() {
    for (text, precision, scale, expected) in [
        ("1.005", 5, 2, Some("1.01")),
        ("-1.005", 5, 2, Some("-1.01")),
        ("1.0049", 5, 2, Some("1.00")),
        ("999.994", 5, 2, Some("999.99")),
        ("999.995", 5, 2, None),
        ("1000", 5, 2, None),
        ("9.99", 2, 1, None),
        ("0.5", 1, 0, Some("1")),
        ("0.4999", 1, 0, Some("0")),
        ("-0.4", 1, 0, Some("0")),
        ("0.05", 1, 0, Some("0")),
        ("99.5", 3, 0, Some("100")),
        ("7", 5, 2, Some("7.00")),
        ("12345", 3, -2, Some("12300")),
        ("12350", 3, -2, Some("12400")),
        ("50", 3, -2, Some("100")),
        ("49", 3, -2, Some("0")),
        ("99950", 3, -2, None),
        ("0.00999", 3, 5, Some("0.00999")),
        ("0.01", 3, 5, None),
        ("1e-1000000000", 3, 1, Some("0.0")),
        ("1e1000000000", 3, 1, None),
    ] {
        let found = numeric(text, Some((precision, scale)));
        assert_eq!(
            found.as_deref(),
            expected,
            "{text} as numeric({precision},{scale})"
        );
    }
}

#[test]
fn the_bounds_are_those_of_the_type() {
    assert!(numeric("1e131071", None).is_some());
    assert!(numeric("1e131072", None).is_none());
    assert!(numeric("1e-16383", None).is_some());
    assert!(numeric("1e-16384", None).is_none());
    assert!(numeric(&"9".repeat(131_072), None).is_some());
    assert!(numeric(&"9".repeat(131_073), None).is_none());
    let widest = format!("{}.{}", "9".repeat(131_072), "9".repeat(16_383));
    assert_eq!(numeric(&widest, None), Some(widest));
    for bomb in [
        "1e999999999",
        "-1e1073741823",
        "0e1073741823",
        "1e-99999999999999999999",
    ] {
        assert_eq!(numeric(bomb, None), None, "{bomb}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "",
        "-",
        "+1",
        ".5",
        "5.",
        "1e",
        "1e+",
        "e1",
        "1.e1",
        "--1",
        "1 ",
        " 1",
        "1,5",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x10",
        "1_000",
        "1e1.5",
        "١٢",
        "1e5x",
        "1.5.1",
    ] {
        assert_eq!(numeric(text, None), None, "{text:?}");
    }
}

#[test]
fn whole_numbers_are_scaled_exactly() {
    let scaled = |text, power| Decimal::parse(text)?.scaled(power);
    assert_eq!(scaled("1.5", 6), Some(1_500_000));
    assert_eq!(scaled("-1.0000005", 6), Some(-1_000_001));
    assert_eq!(scaled("9223372036854775807", 0), Some(i64::MAX));
    assert_eq!(scaled("-9223372036854775808", 0), Some(i64::MIN));
    assert_eq!(scaled("9223372036854775808", 0), None);
    assert_eq!(scaled("1e13", 6), None);
    assert_eq!(scaled("1e-999999", 6), Some(0));
    assert_eq!(scaled("0", 6), Some(0));
}

proptest! {
    /// A number written without an exponent comes back as it was, but for leading zeros and -0.
    #[test]
    fn plain_decimals_round_trip(text in "-?[0-9]{1,30}(\\.[0-9]{1,30})?") {
        let unsigned = text.trim_start_matches('-');
        let trimmed = unsigned.trim_start_matches('0');
        let zero = if trimmed.is_empty() || trimmed.starts_with('.') { "0" } else { "" };
        let negative = text.starts_with('-') && unsigned.contains(|c| ('1'..='9').contains(&c));
        let expected = format!("{}{zero}{trimmed}", if negative { "-" } else { "" });
        prop_assert_eq!(numeric(&text, None), Some(expected));
    }

    /// Rounding agrees with that of whole numbers.
    #[test]
    fn rounding_agrees_with_integers(units in -10_i64.pow(15)..10_i64.pow(15), places in 0_u32..8) {
        let text = format!("{units}e-{places}");
        let power = 10_i64.pow(places);
        let rounded = (units.abs() + power / 2) / power * units.signum();
        prop_assert_eq!(Decimal::parse(&text).unwrap().scaled(0), Some(rounded));
        prop_assert_eq!(numeric(&text, Some((38, 0))), Some(rounded.to_string()));
    }
}
