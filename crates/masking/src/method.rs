//! Methods: how the canonical form of a value becomes a token.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How the values of a domain are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// AES-256-SIV (RFC 5297): deterministic, authenticated, reversible with the key.
    Siv,
}

/// A text that names no masking method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such masking method; there is: siv")]
pub struct UnknownMethod;

impl Method {
    /// The name in key sets and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Siv => "siv",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        match name {
            "siv" => Ok(Self::Siv),
            _ => Err(UnknownMethod),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_name_everywhere() {
        assert_eq!(Method::Siv.to_string(), "siv");
        assert_eq!("siv".parse(), Ok(Method::Siv));
        assert_eq!(serde_json::to_string(&Method::Siv).unwrap(), "\"siv\"");
        assert_eq!("SIV".parse::<Method>(), Err(UnknownMethod));
    }
}
