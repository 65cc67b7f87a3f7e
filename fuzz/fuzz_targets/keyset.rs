//! Whatever bytes come as a key set: they are refused, or are one that is written and read again the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use masking::{Kek, LockedKeyset, Zeroizing};

fuzz_target!(|bytes: &[u8]| {
    let Ok(locked) = LockedKeyset::from_json(bytes) else {
        return;
    };
    let kek = locked.wrapping().map(|_| Kek::new(Zeroizing::new([9; 32])));
    if let Ok(keyset) = locked.unlock(kek.clone()) {
        let json = keyset.to_json();
        let read = LockedKeyset::from_json(json.as_bytes()).expect("our own key set");
        let read = read.unlock(kek).expect("our own key");
        assert_eq!(*read.to_json(), *json);
        assert_eq!(read.mac(), keyset.mac());
    }
});
