//! Values as people write them, and what only looks like it.

use proptest::prelude::*;

use super::*;

fn is(pattern: Pattern, text: &str) -> bool {
    Looks::of(text).patterns.contains(&(pattern, true))
}

#[test]
fn values_look_like_what_they_are() {
    for (pattern, texts) in [
        (
            Pattern::Email,
            &[
                "anna@example.com",
                "o'neil+x@mail.example.co.uk",
                "Ü@bücher.de",
                "canary%40example.com",
            ][..],
        ),
        (
            Pattern::EmailWithin,
            &[
                "ask anna@example.com.",
                "<anna@example.com>",
                "https://example.org/?to=canary%40example.com&n=1",
            ],
        ),
        (
            Pattern::Ip,
            &[
                "199.172.111.135",
                "2001:db8::1",
                "10.0.0.1/32",
                "[::1]:443",
                "1.2.3.4, 5.6.7.8",
                "fe80::1%eth0",
            ],
        ),
        (Pattern::Mac, &["00:1b:44:11:3a:07", "00-1B-44-11-3A-07"]),
        (
            Pattern::Coordinates,
            &["52.1234,13.4321", "-33.86880, 151.20930"],
        ),
        (Pattern::DateDigits, &["19500101", "20000229"]),
        (
            Pattern::Phone,
            &[
                "+49 170 1234567",
                "+14155552671",
                "(415) 555-2671",
                "415-555-2671",
            ],
        ),
        (Pattern::PhoneDigits, &["01701234567", "0170/1234567"]),
        (Pattern::Uuid, &["424cdd21-063a-43a7-b91b-7ca1a833afae"]),
        (
            Pattern::Date,
            &[
                "1984-02-29",
                "29.02.1984",
                "2/29/1984",
                "1984-02-29T00:00:00.000Z",
            ],
        ),
        (
            Pattern::Time,
            &[
                "2026-11-22T15:51:01Z",
                "2026-11-22 15:51:01.123+00",
                "1763826661",
                "15:51:01",
            ],
        ),
        (Pattern::Number, &["1", "-1.5", "1e9"]),
        (Pattern::SivToken, &["vs1s.AQAAAAEAAAAAAAAAAAAAAAAAAAAA"]),
        (Pattern::HmacToken, &["vs1h.AQAAAAEAAAAAAAAAAAAAAAAAAAAA"]),
    ] {
        for text in texts {
            assert!(
                is(pattern, text),
                "{pattern:?} {text}: {:?}",
                Looks::of(text)
            );
        }
    }
}

#[test]
fn near_misses_look_like_nothing_of_the_kind() {
    for (pattern, texts) in [
        (
            Pattern::Email,
            &[
                "anna@example",
                "@example.com",
                "logo@2x.png",
                "git@github.com:a/b",
                "user@1.2.3",
                "%40example.com",
                "100%40off",
                "a%40b%40example.com",
            ][..],
        ),
        (
            Pattern::EmailWithin,
            &["https://example.org/?discount=100%40shop", "a == b@c && d"],
        ),
        (
            Pattern::Mac,
            &[
                "00:1b:44:11:3a",
                "00:1b:44:11:3a:07:08",
                "00:1b-44:11-3a:07",
                "001b44113a07",
                "00:1b:44:11:3a:0g",
                "00:00:00:00:00:00",
                "FF:FF:FF:FF:FF:FF",
            ],
        ),
        (
            Pattern::Coordinates,
            &[
                "52.1234",
                "1.5,2.5",
                "52,1234",
                "91.0001,13.4321",
                "52.1234,180.0001",
                "1.2345,2.3456,3.4567",
                "52.1234,x.4321",
            ],
        ),
        (
            Pattern::DateDigits,
            &["19500230", "21500101", "18991231", "1950010", "195001011"],
        ),
        (
            Pattern::Ip,
            &[
                "2.3.0",
                "1.2.3.4.5",
                "256.1.1.1",
                "12:30:45",
                "aa:bb:cc:dd:ee:ff",
                "fe80::1%",
                "10.0.0.1%eth0",
                "",
            ],
        ),
        (
            Pattern::Phone,
            &[
                "1763826661",
                "+0200",
                "593-47-5928",
                "10.0.0.1",
                "115-555-2671",
            ],
        ),
        (
            Pattern::Uuid,
            &[
                "d41d8cd98f00b204e9800998ecf8427e",
                "424cdd21-063a-43a7-b91b-7ca1a833afa",
            ],
        ),
        (
            Pattern::Date,
            &[
                "1984-02-30",
                "1.2.3",
                "2026-11-22T15:51:01Z",
                "19840229",
                "593-47-5928",
            ],
        ),
        (
            Pattern::Time,
            &["101234", "2.3.0", "2026", "4111111111111111"],
        ),
        (Pattern::Number, &["inf", "NaN", "1a", "-", "0x10"]),
        (
            Pattern::SivToken,
            &["vs1s.", "vs1s.short", "vs1s.AQAAAAEAAAAA AAAAAAAAAAAAAAAAA"],
        ),
    ] {
        for text in texts {
            assert!(!is(pattern, text), "{pattern:?} {text}");
        }
    }
}

#[test]
fn every_pattern_has_a_place_of_its_own() {
    let mut places: Vec<_> = NationalId::ALL
        .map(|scheme| Pattern::NationalId(scheme).index())
        .into();
    places.extend(0..18);
    places.sort_unstable();
    assert_eq!(places, (0..Pattern::COUNT).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text: String, numbers in "[0-9+./: @-]{0,40}") {
        Looks::of(&text);
        Looks::of(&numbers);
    }
}
