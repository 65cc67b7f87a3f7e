//! FF1 (NIST SP 800-38G and its revision 1, which does not change FF1 but for the least number of values) over the
//! `fpe` crate, and the way from text to numerals and back.
//!
//! Generic over the block cipher, so that the official vectors for AES-128 and AES-192 run through the very code that
//! the product runs with AES-256.

use std::fmt;

use aes::{
    Aes256Enc,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use fpe::ff1::{FF1, FlexibleNumeralString, NumeralStringError};
use zeroize::{Zeroize, Zeroizing};

use super::{Alphabet, Format};

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// No tweak: equal values have equal tokens wherever they stand.
const NO_TWEAK: &[u8] = &[];

/// Marks a character that is no symbol.
const NO_SYMBOL: u8 = u8::MAX;

/// A text is not of the format: a character that is neither symbol nor separator, too few symbols or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOfFormat;

/// Enciphers the symbols of a text, and leaves its separators where they are.
///
/// FF1 only ever encrypts blocks, so the decrypting half of the block cipher is not expanded.
pub(crate) struct FormatCipher<C = Aes256Enc> {
    ff1: Numerals<C>,
    format: Format,
    /// The value of each ASCII character as a symbol.
    values: [u8; 128],
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

impl FormatCipher {
    pub(crate) fn new(key: &[u8; KEY_LEN], format: Format) -> Self {
        Self::with_any_key(key, format)
    }

    /// Appends the token of `text`, which is ASCII and as long. On an error nothing is appended.
    pub(crate) fn encrypt(&self, text: &str, out: &mut Vec<u8>) -> Result<(), NotOfFormat> {
        self.append(Direction::Encrypt, NO_TWEAK, text, out)
    }

    /// The text that has this token. Every text of the format is the token of one: nothing shows that the key is
    /// the right one.
    pub(crate) fn decrypt(&self, token: &str) -> Result<Zeroizing<String>, NotOfFormat> {
        let mut text = Zeroizing::new(Vec::with_capacity(token.len()));
        self.append(Direction::Decrypt, NO_TWEAK, token, &mut text)?;
        let text = String::from_utf8(std::mem::take(&mut *text)).expect("symbols are ASCII");
        Ok(Zeroizing::new(text))
    }
}

impl<C: KeyInit + BlockCipherEncrypt + Clone> FormatCipher<C> {
    fn with_any_key(key: &[u8], format: Format) -> Self {
        Self {
            ff1: Numerals::new(key, format.alphabet.radix()),
            format,
            values: values(format.alphabet),
        }
    }

    fn append(
        &self,
        direction: Direction,
        tweak: &[u8],
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), NotOfFormat> {
        let numerals = self.numerals(text)?;
        let numerals = self.ff1.apply(direction, tweak, numerals)?;
        let symbols = self.format.alphabet.symbols().as_bytes();
        let mut numerals = numerals
            .iter()
            .map(|&numeral| symbols[usize::from(numeral)]);
        out.extend(text.bytes().map(|byte| {
            if is_separator(byte) {
                byte
            } else {
                numerals
                    .next()
                    .expect("as many numerals come out as went in")
            }
        }));
        Ok(())
    }

    /// The values of the symbols of `text`, in order.
    fn numerals(&self, text: &str) -> Result<Zeroizing<Vec<u16>>, NotOfFormat> {
        let most = usize::from(Format::MOST);
        // Never moved to a larger place, so that no copy stays behind.
        let mut numerals = Zeroizing::new(Vec::with_capacity(most.min(text.len())));
        for byte in text.bytes().filter(|&byte| !is_separator(byte)) {
            match self.values.get(usize::from(byte)) {
                Some(&value) if value != NO_SYMBOL && numerals.len() < most => {
                    numerals.push(value.into());
                }
                Some(_) | None => return Err(NotOfFormat),
            }
        }
        if numerals.len() < usize::from(self.format.shortest) {
            return Err(NotOfFormat);
        }
        Ok(numerals)
    }
}

/// A text without its separators.
pub(crate) fn symbols(text: &str) -> String {
    let separator = |character: char| u8::try_from(character).is_ok_and(is_separator);
    text.replace(separator, "")
}

/// What stays in clear, where it is. A symbol of no alphabet.
const fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'-' | b'.' | b'/' | b':' | b'(' | b')' | b'+' | b'_'
    )
}

fn values(alphabet: Alphabet) -> [u8; 128] {
    let mut values = [NO_SYMBOL; 128];
    for (value, symbol) in (0..).zip(alphabet.symbols().bytes()) {
        values[usize::from(symbol)] = value;
    }
    values
}

/// FF1 over numerals, under one key and radix.
///
/// The round keys are wiped on drop (feature `zeroize` of `aes`), with every copy that `fpe` makes of them, and so are
/// the numerals that go in and come out. Not wiped, since `fpe` does not: its halves of the numerals and the integers
/// that it computes with, on the heap, and blocks of AES on the stack. Its integers do not take constant time either.
struct Numerals<C>(FF1<C>);

impl<C: KeyInit + BlockCipherEncrypt + Clone> Numerals<C> {
    /// # Panics
    ///
    /// When the key is not one of the cipher's.
    fn new(key: &[u8], radix: u32) -> Self {
        Self(FF1::new(key, radix).expect("every alphabet has at least 2 and at most 2^16 symbols"))
    }

    fn apply(
        &self,
        direction: Direction,
        tweak: &[u8],
        mut numerals: Zeroizing<Vec<u16>>,
    ) -> Result<Zeroizing<Vec<u16>>, NotOfFormat> {
        let from = FlexibleNumeralString::from(std::mem::take(&mut *numerals));
        let applied = match direction {
            Direction::Encrypt => self.0.encrypt(tweak, &from),
            Direction::Decrypt => self.0.decrypt(tweak, &from),
        };
        Vec::from(from).zeroize();
        match applied {
            Ok(to) => Ok(Zeroizing::new(to.into())),
            Err(
                NumeralStringError::InvalidForRadix(_)
                | NumeralStringError::TooShort { .. }
                | NumeralStringError::TooLong { .. },
            ) => Err(NotOfFormat),
        }
    }
}

impl<C> fmt::Debug for FormatCipher<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormatCipher")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
