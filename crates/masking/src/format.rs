//! Formats: what a value of method `format` looks like, and its token as well.

mod cipher;

use std::{fmt, str::FromStr};

use thiserror::Error;

pub(crate) use self::cipher::{FormatCipher, NotOfFormat, symbols};

/// The symbols that method `format` enciphers. Any other character but a separator refuses the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// `0` to `9`.
    Digits,
    /// `0` to `9`, then `a` to `f`.
    Hex,
    /// `a` to `z`.
    Lower,
    /// `A` to `Z`.
    Upper,
    /// `A` to `Z`, then `a` to `z`.
    Letters,
    /// `0` to `9`, then `A` to `Z`, then `a` to `z`.
    Alphanumeric,
}

/// A text that names no alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such alphabet; there are: digits, hex, lower, upper, letters, alphanumeric")]
pub struct UnknownAlphabet;

impl Alphabet {
    const ALL: [Self; 6] = [
        Self::Digits,
        Self::Hex,
        Self::Lower,
        Self::Upper,
        Self::Letters,
        Self::Alphanumeric,
    ];

    /// The name in key sets and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Hex => "hex",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Letters => "letters",
            Self::Alphanumeric => "alphanumeric",
        }
    }

    /// The symbols in order of their value, which is what FF1 counts with. All are ASCII.
    pub const fn symbols(self) -> &'static str {
        match self {
            Self::Digits => "0123456789",
            Self::Hex => "0123456789abcdef",
            Self::Lower => "abcdefghijklmnopqrstuvwxyz",
            Self::Upper => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Letters => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            Self::Alphanumeric => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        }
    }

    /// The number of symbols.
    pub fn radix(self) -> u32 {
        u32::try_from(self.symbols().len()).expect("an alphabet has tens of symbols")
    }

    /// The least number of symbols that has a million values, as revision 1 of NIST SP 800-38G requires.
    pub fn least(self) -> u16 {
        let mut symbols = 1;
        let mut values = self.radix();
        while values < LEAST_VALUES {
            values *= self.radix();
            symbols += 1;
        }
        symbols
    }
}

/// With fewer values, an attacker who knows some pairs of text and token finds more (Hoang, Tessaro and Trieu, "The
/// Curse of Small Domains", 2018).
const LEAST_VALUES: u32 = 1_000_000;

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Alphabet {
    type Err = UnknownAlphabet;

    fn from_str(name: &str) -> Result<Self, UnknownAlphabet> {
        let named = Self::ALL.into_iter().find(|one| one.as_str() == name);
        named.ok_or(UnknownAlphabet)
    }
}

/// What the values of a domain with method `format` look like: symbols of an alphabet, from a least number of them to
/// [`Self::MOST`], and any number of separators between and around them.
///
/// Separators are space, `-`, `.`, `/`, `:`, `(`, `)`, `+` and `_`. They are not masked: they stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    alphabet: Alphabet,
    shortest: u16,
}

/// A format that would not be safe, or that no value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FormatError {
    /// Values could be so short that there are fewer than a million of them.
    #[error(
        "values of {shortest} symbols of the alphabet `{alphabet}` are too few to be hidden: ask for {least} symbols \
         or more, or mask with method `siv` or `hmac`"
    )]
    TooShort {
        /// The alphabet asked for.
        alphabet: Alphabet,
        /// The least number of symbols asked for.
        shortest: u16,
        /// The least that can be asked for with this alphabet.
        least: u16,
    },
    /// Every value would have to be longer than the longest.
    #[error(
        "a value has at most {} symbols, so it cannot be asked for {shortest} at least: ask for fewer, or mask with \
         method `siv`",
        Format::MOST
    )]
    TooLong {
        /// The least number of symbols asked for.
        shortest: u16,
    },
}

impl Format {
    /// The most symbols that a value may have. FF1 takes more, but its cost grows with the square of their number,
    /// and no format that a reader checks is near it.
    pub const MOST: u16 = 256;

    /// A format of at least `shortest` symbols; `None` is the least that is safe for the alphabet.
    ///
    /// # Errors
    ///
    /// When `shortest` symbols have fewer than a million values (NIST SP 800-38G revision 1), or are more than
    /// [`Self::MOST`].
    pub fn new(alphabet: Alphabet, shortest: Option<u16>) -> Result<Self, FormatError> {
        let least = alphabet.least();
        let shortest = shortest.unwrap_or(least);
        if shortest < least {
            Err(FormatError::TooShort {
                alphabet,
                shortest,
                least,
            })
        } else if shortest > Self::MOST {
            Err(FormatError::TooLong { shortest })
        } else {
            Ok(Self { alphabet, shortest })
        }
    }

    /// The symbols that are masked.
    pub const fn alphabet(self) -> Alphabet {
        self.alphabet
    }

    /// The least number of symbols that a value has.
    pub const fn shortest(self) -> u16 {
        self.shortest
    }
}

#[cfg(test)]
mod tests;
