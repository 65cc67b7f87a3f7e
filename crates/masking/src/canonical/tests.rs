//! What holds for every form. What a form makes of which value is beside the form.

use proptest::prelude::*;

use super::*;

/// What masking `value` and unmasking its token gives.
pub(super) fn canonical_text(form: Canonical, value: &str) -> Result<String, NotCanonical> {
    let mut plaintext = Vec::new();
    form.append_plaintext(value, &mut plaintext)?;
    form.text(&plaintext).map(|text| text.to_string())
}

/// Checks that a form makes these texts of those values.
pub(super) fn makes(form: Canonical, cases: &[(&str, &str)]) {
    for (value, text) in cases {
        let made = canonical_text(form, value);
        assert_eq!(made.as_deref(), Ok(*text), "{value:?}");
    }
}

/// Checks that a form refuses these values, and appends nothing for them.
pub(super) fn refuses(form: Canonical, values: &[&str]) {
    for value in values {
        let mut plaintext = vec![7];
        let refused = form.append_plaintext(value, &mut plaintext);
        assert_eq!(refused, Err(NotCanonical), "{value:?}");
        assert_eq!(plaintext, [7], "{value:?}");
    }
}

/// Checks that a form makes no such plaintexts.
pub(super) fn never_makes(form: Canonical, plaintexts: &[&[u8]]) {
    for plaintext in plaintexts {
        let refused = form.text(plaintext).err();
        assert_eq!(refused, Some(NotCanonical), "{plaintext:?}");
    }
}

#[test]
fn a_form_has_one_name_everywhere() {
    let names = Canonical::ALL.map(Canonical::as_str);
    assert_eq!(names, ["exact", "ip", "email", "uuid", "phone", "text"]);
    for form in Canonical::ALL {
        assert_eq!(form.to_string().parse(), Ok(form));
        assert!(UnknownCanonical.to_string().contains(form.as_str()));
    }
    assert_eq!("IP".parse::<Canonical>(), Err(UnknownCanonical));
    assert_eq!("".parse::<Canonical>(), Err(UnknownCanonical));
}

#[test]
fn exact_makes_no_plaintext_that_is_no_text() {
    never_makes(Canonical::Exact, &[&[0xff]]);
}

/// Values that some form takes, and what is near them.
fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        // What normalisation, trimming and lower case are about.
        "[ \t\u{a0}\u{2001}\u{3000}a-zA-Z@.\u{301}\u{308}\u{323}\u{331}\u{345}\u{30a}\u{212a}\u{212b}\u{1e0b}\
         \u{1e30}\u{344}\u{958}\u{fb2c}\u{1d160}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{ac01}\u{e000}]{0,30}",
        "[ ]?[A-Za-zßÉ\u{301}\u{331}\u{212a}.]{1,20}@[A-Zh\u{331}.-]{1,20}\u{3000}?",
        "[ +(]{0,2}[-0-9 ./()+]{0,24}",
        "[{]?[0-9a-fA-F]{8}-?[0-9a-f]{4}-?[0-9A-F]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}[}]?",
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
    ]
}

fn forms() -> impl Strategy<Value = Canonical> {
    prop::sample::select(&Canonical::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_canonical_text_is_its_own_canonical_form(form in forms(), value in values()) {
        if let Ok(text) = canonical_text(form, &value) {
            prop_assert_eq!(canonical_text(form, &text), Ok(text));
        }
    }

    #[test]
    fn whatever_is_made_can_be_read_back(form in forms(), value in values()) {
        let mut plaintext = Vec::new();
        if form.append_plaintext(&value, &mut plaintext).is_ok() {
            prop_assert!(form.text(&plaintext).is_ok());
        }
    }

    /// The other half: what can be read is what is made of the text that was read.
    #[test]
    fn what_can_be_read_was_made(
        form in forms(),
        plaintext in prop_oneof![any::<Vec<u8>>(), values().prop_map(String::into_bytes)],
    ) {
        if let Ok(text) = form.text(&plaintext) {
            let mut again = Vec::new();
            prop_assert_eq!(form.append_plaintext(&text, &mut again), Ok(()));
            prop_assert_eq!(again, plaintext);
        }
    }

    #[test]
    fn a_buffer_with_room_for_the_bound_is_never_moved(form in forms(), value in values()) {
        let bound = form.plaintext_bound(&value);
        let mut plaintext = Vec::with_capacity(bound);
        let at = plaintext.as_ptr();
        let made = form.append_plaintext(&value, &mut plaintext);
        prop_assert_eq!(plaintext.as_ptr(), at);
        prop_assert!(plaintext.len() <= bound);
        prop_assert!(made.is_ok() || plaintext.is_empty());
        if let Some(longest) = form.longest_plaintext() {
            prop_assert!(plaintext.len() <= longest);
        }
    }

    #[test]
    fn exact_changes_nothing(value in ".*") {
        prop_assert_eq!(canonical_text(Canonical::Exact, &value), Ok(value));
    }
}
