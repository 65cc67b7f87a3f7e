//! Check digits: what tells a card number from any other number.

/// The decimal digits of a text, or `None` where it holds anything else.
pub(super) fn digits(text: &str) -> Option<Vec<u8>> {
    text.bytes()
        .map(|byte| byte.is_ascii_digit().then(|| byte - b'0'))
        .collect()
}

/// The formula of Luhn (ISO/IEC 7812-1, annex B). One number in ten passes it by chance.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// The remainder by 97 of digits and letters, a letter counting as two digits, A as 10 (ISO 7064,
/// MOD 97-10, as ISO 13616 uses it for IBANs). `None` where there is anything else.
pub(super) fn mod_97(text: impl Iterator<Item = char>) -> Option<u32> {
    let mut remainder = 0;
    for character in text {
        let value = character.to_digit(36).filter(|_| character.is_ascii())?;
        let factor = if value < 10 { 10 } else { 100 };
        remainder = (remainder * factor + value) % 97;
    }
    Some(remainder)
}

/// ISO 7064, MOD 11,10, over all digits, the check digit last.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product, &digit| {
        let sum = (product + u32::from(digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(check)
}

/// Multiplication in the dihedral group D5 (J. Verhoeff, "Error Detecting Decimal Codes", 1969).
const D5: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
/// What becomes of a digit at each place from the right, in turns of eight.
const VERHOEFF: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Verhoeff's scheme over all digits, the check digit last.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let state = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |state, (place, &digit)| {
            let digit = VERHOEFF[place % 8][usize::from(digit)];
            D5[usize::from(state)][usize::from(digit)]
        });
    !digits.is_empty() && state == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_standards_hold() {
        assert!(luhn(&digits("79927398713").unwrap()));
        assert!(verhoeff(&digits("2363").unwrap()));
        assert!(mod_11_10(&digits("86095742719").unwrap()));
        assert_eq!(mod_97("3214282912345698765432161182".chars()), Some(1));
        assert_eq!(digits("12a"), None);
        assert_eq!(mod_97("12 3".chars()), None);
        for scheme in [luhn, mod_11_10, verhoeff] {
            assert!(!scheme(&[]));
        }
    }

    /// The number with a check digit that a scheme takes.
    fn completed(mut body: Vec<u8>, scheme: fn(&[u8]) -> bool) -> Vec<u8> {
        body.push(0);
        for digit in 0..10 {
            *body.last_mut().unwrap() = digit;
            if scheme(&body) {
                return body;
            }
        }
        panic!("one digit in ten fits");
    }

    proptest! {
        #[test]
        fn a_single_changed_digit_is_never_valid(
            body in proptest::collection::vec(0_u8..10, 1..30),
            place: prop::sample::Index,
            change in 1_u8..10,
        ) {
            for scheme in [luhn, mod_11_10, verhoeff] {
                let mut number = completed(body.clone(), scheme);
                let place = place.index(number.len());
                number[place] = (number[place] + change) % 10;
                prop_assert!(!scheme(&number));
            }
        }

        #[test]
        fn mod_97_changes_with_every_digit(
            body in "[0-9A-Z]{1,30}",
            digit in 0..10_u32,
            place: prop::sample::Index,
        ) {
            let mut changed: Vec<char> = body.chars().collect();
            let place = place.index(changed.len());
            let new = char::from_digit(digit, 10).unwrap();
            prop_assume!(changed[place].is_ascii_digit() && changed[place] != new);
            changed[place] = new;
            prop_assert_ne!(mod_97(body.chars()), mod_97(changed.into_iter()));
        }
    }
}
