//! Whatever text comes as a token: it is refused, or it opens to a value that masks to that token again.

#![no_main]

use std::cell::RefCell;

use fuzz::{every_method, mask};
use libfuzzer_sys::fuzz_target;
use masking::{Keyset, Unmasker, is_token};

thread_local! {
    static SET: (Keyset, RefCell<Unmasker>) = {
        let keyset = every_method();
        let unmasker = keyset.unmasker().into();
        (keyset, unmasker)
    };
}

fuzz_target!(|token: &str| {
    SET.with(|(keyset, unmasker)| {
        let mut unmasker = unmasker.borrow_mut();
        if let Ok(unmasked) = unmasker.unmask(token) {
            if token.starts_with("vs1") {
                assert!(is_token(token));
                let again = mask(keyset, unmasked.domain.as_str(), &unmasked.value);
                assert_eq!(again.as_deref(), Some(token));
            }
        }
        for domain in ["peer", "ssn", "visitor"] {
            if let Ok(unmasked) = unmasker.unmask_in(domain, None, token) {
                let again = mask(keyset, domain, &unmasked.value);
                // An address has several spellings as a token; the one that is given back opens to the same.
                let same = again.is_some_and(|again| {
                    again == token || (domain == "peer" && again == unmasked.token)
                });
                assert!(same, "{domain}");
                let opened = unmasker.unmask_in(domain, None, &unmasked.token);
                let common = opened.is_ok_and(|opened| opened.token == unmasked.token);
                assert!(common || domain == "visitor", "{domain}");
            }
        }
    });
});
