use super::*;

#[test]
fn an_alphabet_has_one_name_everywhere() {
    let names = Alphabet::ALL.map(Alphabet::as_str);
    assert_eq!(
        names,
        ["digits", "hex", "lower", "upper", "letters", "alphanumeric"]
    );
    for alphabet in Alphabet::ALL {
        assert_eq!(alphabet.to_string().parse(), Ok(alphabet));
        assert!(UnknownAlphabet.to_string().contains(alphabet.as_str()));
    }
    assert_eq!("Digits".parse::<Alphabet>(), Err(UnknownAlphabet));
}

#[test]
fn symbols_are_ascii_letters_and_digits_in_ascending_order() {
    for alphabet in Alphabet::ALL {
        let symbols = alphabet.symbols().as_bytes();
        assert!(symbols.iter().all(u8::is_ascii_alphanumeric), "{alphabet}");
        assert!(symbols.is_sorted_by(|a, b| a < b), "{alphabet}");
    }
    let radixes = Alphabet::ALL.map(Alphabet::radix);
    assert_eq!(radixes, [10, 16, 26, 26, 52, 62]);
}

/// NIST SP 800-38G revision 1: a million values at least. 16^5 is 1,048,576, 26^5 is 11,881,376, 52^4 is 7,311,616 and
/// 62^4 is 14,776,336; one symbol less has fewer than a million each.
#[test]
fn the_least_format_has_a_million_values() {
    let least = Alphabet::ALL.map(Alphabet::least);
    assert_eq!(least, [6, 5, 5, 5, 4, 4]);
    for alphabet in Alphabet::ALL {
        let format = Format::new(alphabet, None).unwrap();
        assert_eq!(format.shortest(), alphabet.least());
        assert_eq!(format.alphabet(), alphabet);
        assert_eq!(Format::new(alphabet, Some(alphabet.least())), Ok(format));
    }
}

#[test]
fn a_format_of_fewer_values_is_refused() {
    for alphabet in Alphabet::ALL {
        for shortest in 0..alphabet.least() {
            let refused = Format::new(alphabet, Some(shortest)).unwrap_err();
            assert_eq!(
                refused,
                FormatError::TooShort {
                    alphabet,
                    shortest,
                    least: alphabet.least(),
                }
            );
        }
    }
    let refused = Format::new(Alphabet::Digits, Some(4)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "values of 4 symbols of the alphabet `digits` are too few to be hidden: ask for 6 symbols or more, or mask \
         with method `siv` or `hmac`"
    );
}

#[test]
fn a_format_that_no_value_has_is_refused() {
    assert!(Format::new(Alphabet::Hex, Some(Format::MOST)).is_ok());
    assert_eq!(
        Format::new(Alphabet::Hex, Some(Format::MOST + 1)),
        Err(FormatError::TooLong { shortest: 257 })
    );
}
