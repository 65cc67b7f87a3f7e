//! Fields as they are in real events, and their near misses.

use std::hash::RandomState;

use super::*;
use crate::inspect::name::FieldName;

const THIS_YEAR: i16 = 2026;

fn found<T: AsRef<str>>(name: &str, values: impl IntoIterator<Item = T>) -> Finding {
    let hasher = RandomState::new();
    let mut statistics = Statistics::default();
    for value in values {
        statistics.add(value.as_ref(), &hasher);
    }
    Finding::of(&FieldName::new(name.split('/')), &statistics, THIS_YEAR)
}

/// Numbers without any pattern, the same in every run.
fn random(count: usize) -> impl Iterator<Item = u64> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(move || random.u64(..)).take(count)
}

fn with_luhn(body: u64) -> String {
    let numbers = (0..10).map(|check| format!("{body}{check}"));
    numbers
        .into_iter()
        .find(|number| super::super::payment::card(number) == Some(true))
        .expect("one check digit in ten fits")
}

#[test]
fn values_alone_show_what_is_personal() {
    let cards = random(50).map(|number| with_luhn(411_111_000_000_000 + number % 1_000_000_000));
    let emails = random(50).map(|number| format!("person{number}@example.com"));
    let ips =
        random(50).map(|n| format!("{}.{}.{}.7", n % 200 + 1, n / 256 % 256, n / 65536 % 256));
    let phones = random(50).map(|number| format!("+49 170 {}", number % 9_000_000 + 1_000_000));
    let births = random(50).map(|n| format!("{}-0{}-1{}", 1940 + n % 65, n % 9 + 1, n / 70 % 10));
    let ssns = random(50).map(|n| format!("{}-{}-{}", 100 + n % 500, 10 + n % 90, 1000 + n % 9000));
    let macs = random(50).map(|n| format!("00:1b:44:{:02x}:{:02x}:07", n % 256, n / 256 % 256));
    let places = random(50).map(|n| format!("52.{:05},13.4{:03}", n % 100_000, n % 1000));
    let numbers = random(50).map(|n| format!("0170 {}", n % 9_000_000 + 1_000_000));
    let days = random(50).map(|n| format!("{}0{}1{}", 1940 + n % 65, n % 9 + 1, n / 70 % 10));
    for (finding, kind) in [
        (found("x", macs), Kind::MacAddress),
        (found("x", places), Kind::Coordinates),
        (found("tel_de", numbers), Kind::Phone),
        (found("born", days), Kind::DateOfBirth),
        (found("x", cards), Kind::CardNumber),
        (found("x", emails), Kind::Email),
        (found("x", ips), Kind::Ip),
        (found("x", phones), Kind::Phone),
        (found("x", births), Kind::DateOfBirth),
        (found("x", ssns), Kind::NationalId(NationalId::UsSsn)),
        (
            found("x", ["DE89370400440532013000", "GB29NWBK60161331926819"]),
            Kind::Iban,
        ),
    ] {
        assert_eq!(finding.kind, kind, "{finding:?}");
        assert_eq!(finding.concern, Concern::Personal, "{finding:?}");
        assert!(finding.share >= Some(0.95), "{finding:?}");
    }
}

#[test]
fn near_misses_are_not_personal() {
    let orders =
        random(300).map(|n| format!("{}", 4_000_000_000_000_000 + n % 900_000_000_000_000));
    let twelve = random(300).map(|n| format!("{}", 200_000_000_000 + n % 700_000_000_000));
    let eleven = random(300).map(|n| format!("{}", 10_000_000_000 + n % 80_000_000_000));
    let devices = random(300).map(|n| {
        format!(
            "{:03}-{:02}-{:04}",
            n % 1000,
            n / 1000 % 100,
            n / 100_000 % 10_000
        )
    });
    let hashes = random(60).map(|n| format!("{n:016x}{n:016x}"));
    let stamps = random(60).map(|n| format!("{}", 1_763_000_000_000 + n % 1_000_000_000));
    let recent = random(60).map(|n| format!("2026-0{}-1{}", n % 9 + 1, n / 10 % 10));
    let days = random(60).map(|n| format!("20{:02}0{}1{}", n % 26, n % 9 + 1, n / 10 % 10));
    let sizes = random(60).map(|n| format!("{}.25,{}.5", n % 90, n / 100 % 90));
    let codes = random(60).map(|n| format!("{:05}", n % 100_000));
    let versions = random(60).map(|n| format!("10.0.{}.{}", n % 9, n / 10 % 9));
    let uuids = random(60).map(|n| uuid::Uuid::from_u64_pair(n, n).to_string());
    for (finding, kind) in [
        (found("order_number", orders), Kind::Number),
        (found("order_number", twelve), Kind::Number),
        (found("order_number", eleven), Kind::Number),
        (found("serial", devices), Kind::OpaqueId),
        (found("digest", hashes), Kind::OpaqueId),
        (found("sent", stamps), Kind::Time),
        (found("day", recent), Kind::Time),
        (found("area", codes), Kind::Number),
        (found("day", days), Kind::Number),
        (found("size", sizes), Kind::OpaqueId),
        (found("app_version", versions), Kind::OpaqueId),
        (found("order_id", uuids), Kind::Uuid),
    ] {
        assert_eq!(finding.concern, Concern::None, "{finding:?}");
        assert!(finding.some.is_empty(), "{finding:?}");
        assert!(
            finding.kind == kind || finding.kind == Kind::Text,
            "{finding:?}"
        );
    }
}

#[test]
fn some_are_told_from_most_and_from_a_few() {
    let mixed = |every: usize| {
        (0..100).map(move |place| match place % every {
            0 => format!("person{place}@example.com"),
            _ => format!("login-name-{place}"),
        })
    };
    let some = found("handle", mixed(4));
    assert_eq!(some.some, [(Kind::Email, 0.25)]);
    assert_eq!(some.concern, Concern::Personal);
    let one = found("handle", mixed(100));
    assert_eq!((one.some, one.concern), (vec![], Concern::None));
    let within = found(
        "comment",
        (0..30).map(|n| format!("please ask a{n}@example.com for it")),
    );
    assert_eq!(within.kind, Kind::FreeText);
    assert_eq!(within.some.len(), 1, "{within:?}");
}

#[test]
fn two_emails_cards_or_ibans_are_said_however_few_they_are() {
    let among = |count: usize, value: fn(u64) -> String| {
        let others = (0..1000 - count as u64).map(|place| format!("login-name-{place}"));
        let finding = found("handle", others.chain((0..count as u64).map(value)));
        let kinds: Vec<_> = finding.some.iter().map(|(kind, _)| *kind).collect();
        (kinds, finding.concern)
    };
    let email = |n| format!("person{n}@example.com");
    let within = |n| format!("ask person{n}@example.com for it");
    let card = |n: u64| with_luhn(411_111_111_111_000 + n);
    let iban = |n: u64| match n {
        0 => "DE89370400440532013000".to_owned(),
        _ => "GB29NWBK60161331926819".to_owned(),
    };
    let phone = |n: u64| format!("+49 170 {}", 1_000_000 + n);
    let ssn = |n: u64| format!("{}-47-5928", 500 + n);
    let day = |n: u64| format!("19{}-01-02", 50 + n);
    for (value, kind) in [
        (email as fn(u64) -> String, Kind::Email),
        (within, Kind::Email),
        (card, Kind::CardNumber),
        (iban, Kind::Iban),
    ] {
        let said = (vec![kind], Concern::Personal);
        assert_eq!((among(1, value).1, among(2, value)), (Concern::None, said));
    }
    for value in [phone as fn(u64) -> String, ssn, day] {
        assert_eq!(among(9, value), (vec![], Concern::None));
    }
}

#[test]
fn one_percent_is_said_as_it_is() {
    let said = [0.0004, 0.01, 0.5, 0.9996, 1.0].map(portion);
    assert_eq!(said, ["under 1 %", "1 %", "50 %", "over 99 %", "100 %"]);
}

#[test]
fn a_card_among_random_numbers_is_no_chance_and_one_number_is_no_proof() {
    assert_eq!(found("x", ["4111111111111111"]).concern, Concern::None);
    assert_eq!(
        found("card_number", ["4111111111111111"]).kind,
        Kind::CardNumber
    );
    let all = (0..20).map(|n| with_luhn(411_111_111_111_000 + n));
    assert_eq!(found("x", all).kind, Kind::CardNumber);
}

#[test]
fn names_speak_where_values_do_not() {
    let words = || (0..40).map(|n| format!("Word{n}"));
    for name in ["surname", "user/name", "street", "password"] {
        assert_eq!(found(name, words()).concern, Concern::Personal, "{name}");
    }
    assert_eq!(found("user_id", words()).concern, Concern::Pseudonym);
    assert_eq!(found("email_hash", words()).concern, Concern::Pseudonym);
    assert_eq!(found("filename", words()).concern, Concern::None);
    let digits = random(30).map(|n| format!("{}", 1_000_000_000 + n % 8_000_000_000));
    assert_eq!(found("phone", digits).kind, Kind::Phone);
}

#[test]
fn values_can_contradict_a_name() {
    let settings = (0..40).map(|n| ["weekly", "never"][n % 2]);
    assert_eq!(found("email", settings).concern, Concern::None);
    let flags = (0..40).map(|n| ["true", "false"][n % 2]);
    assert_eq!(found("phone", flags).concern, Concern::None);
    // Too few to contradict anything.
    assert_eq!(found("email", ["never"]).concern, Concern::Personal);
}

#[test]
fn tokens_are_masked_whatever_the_name_says() {
    let tokens = (0..30).map(|n| format!("vs1s.AQAAAAEAAAAAAAAAAAAAAAAAAA{n:02}"));
    let finding = found("email", tokens);
    assert_eq!(
        (finding.kind, finding.concern),
        (Kind::SivToken, Concern::None)
    );
}

#[test]
fn tokens_hide_no_values_in_clear() {
    let tokens = (10..210).map(|n| format!("vs1s.AQAAAAEAAAAAAAAAAAAAAAAAA{n:03}"));
    let mixed = |clear: usize, value: fn(usize) -> String| {
        let values = tokens.clone().take(200 - clear);
        found("masked_ip", values.chain((0..clear).map(value)))
    };
    for (clear, share) in [(2, 0.01), (38, 0.19)] {
        for value in [|n| format!("192.0.2.{n}"), |n| format!("Anna{n}")] {
            let finding = mixed(clear, value);
            assert_eq!(finding.kind, Kind::SivToken);
            assert_eq!(finding.concern, Concern::Personal, "{finding:?}");
            let no_tokens = finding.no_tokens.unwrap();
            assert!((no_tokens - share).abs() < 1e-9, "{no_tokens}");
        }
    }
    // What is empty has nothing to mask, and a token among other values is somebody's note.
    let empty = mixed(40, |_| String::new());
    assert_eq!((empty.no_tokens, empty.concern), (None, Concern::None));
    let note = mixed(199, |n| format!("note-{n}"));
    assert_eq!(note.no_tokens, None);
}
