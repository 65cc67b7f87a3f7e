//! Padding of plaintexts, so that the length of a token tells less about its value: the byte `80`, then as few zero
//! bytes as make the length a multiple of 16 (ISO/IEC 7816-4, "padding method 2" of ISO/IEC 9797-1).

/// Lengths are multiples of this.
pub(crate) const BUCKET: usize = 16;

const MARK: u8 = 0x80;

/// The plaintext is not padded as [`pad`] does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPadding;

/// The length after padding, where there is any.
pub(crate) const fn padded_length(length: usize, padded: bool) -> usize {
    if padded {
        (length / BUCKET).saturating_add(1).saturating_mul(BUCKET)
    } else {
        length
    }
}

/// Pads what lies behind the first `start` bytes of `plaintext`.
pub(crate) fn pad(plaintext: &mut Vec<u8>, start: usize) {
    let length = plaintext.len() - start;
    plaintext.push(MARK);
    plaintext.resize(start + padded_length(length, true), 0);
}

/// The plaintext without its padding.
pub(crate) fn unpad(padded: &[u8]) -> Result<&[u8], BadPadding> {
    let mark = padded
        .iter()
        .rposition(|byte| *byte != 0)
        .ok_or(BadPadding)?;
    let whole = padded[mark] == MARK && padded.len() == padded_length(mark, true);
    if whole {
        Ok(&padded[..mark])
    } else {
        Err(BadPadding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plaintext_comes_back_and_its_length_is_a_multiple_of_16() {
        for length in 0..70 {
            for last in [0, MARK, 0xff] {
                let mut plaintext = vec![last; length];
                let mut padded = [b"head".as_slice(), &plaintext].concat();
                pad(&mut padded, 4);
                assert_eq!((padded.len() - 4) % BUCKET, 0);
                assert_eq!(padded.len() - 4, padded_length(length, true));
                assert_eq!(unpad(&padded[4..]), Ok(plaintext.as_mut_slice() as &[u8]));
            }
        }
    }

    #[test]
    fn other_padding_is_refused() {
        let too_much = [&[MARK][..], &[0; 31]].concat();
        let wrong_mark = [&[1][..], &[0; 15]].concat();
        let short = [MARK, 0];
        for padded in [&[][..], &[0; 16], &too_much, &wrong_mark, &short] {
            assert_eq!(unpad(padded), Err(BadPadding));
        }
    }
}
