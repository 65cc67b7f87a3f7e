//! The kinds of values.

use super::national_id::NationalId;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tokens of method `siv`.
    SivToken,
    /// Tokens of method `hmac`.
    HmacToken,
    /// Internet addresses.
    Ip,
    /// Email addresses.
    Email,
    /// Addresses of devices' network interfaces (IEEE 802).
    MacAddress,
    /// Pairs of latitude and longitude.
    Coordinates,
    /// Phone numbers.
    Phone,
    /// Numbers of payment cards.
    CardNumber,
    /// Bank accounts.
    Iban,
    /// Numbers that a state gives to people.
    NationalId(NationalId),
    /// Days on which people were born.
    DateOfBirth,
    /// UUIDs.
    Uuid,
    /// Moments, days or times of day.
    Time,
    /// Numbers.
    Number,
    /// A few values that come again and again.
    Category,
    /// Sentences.
    FreeText,
    /// Single words, nearly each of them another one.
    OpaqueId,
    /// Any other text.
    Text,
    /// There are no values.
    Nothing,
}

impl Kind {
    /// The kind in machines' words.
    pub const fn id(self) -> &'static str {
        match self {
            Self::SivToken => "siv_token",
            Self::HmacToken => "hmac_token",
            Self::Ip => "ip",
            Self::Email => "email",
            Self::MacAddress => "mac_address",
            Self::Coordinates => "coordinates",
            Self::Phone => "phone",
            Self::CardNumber => "card_number",
            Self::Iban => "iban",
            Self::NationalId(_) => "national_id",
            Self::DateOfBirth => "date_of_birth",
            Self::Uuid => "uuid",
            Self::Time => "time",
            Self::Number => "number",
            Self::Category => "category",
            Self::FreeText => "free_text",
            Self::OpaqueId => "opaque_id",
            Self::Text => "text",
            Self::Nothing => "nothing",
        }
    }

    /// The kind in people's words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SivToken => "siv tokens",
            Self::HmacToken => "hmac tokens",
            Self::Ip => "ip address",
            Self::Email => "email address",
            Self::MacAddress => "MAC address",
            Self::Coordinates => "coordinates",
            Self::Phone => "phone number",
            Self::CardNumber => "card number",
            Self::Iban => "IBAN",
            Self::NationalId(scheme) => scheme.name(),
            Self::DateOfBirth => "date of birth",
            Self::Uuid => "uuid",
            Self::Time => "time",
            Self::Number => "number",
            Self::Category => "category",
            Self::FreeText => "free text",
            Self::OpaqueId => "opaque id",
            Self::Text => "text",
            Self::Nothing => "no values",
        }
    }

    /// Whether values of this kind are personal wherever they stand.
    pub const fn is_personal(self) -> bool {
        match self {
            Self::Ip
            | Self::Email
            | Self::MacAddress
            | Self::Coordinates
            | Self::Phone
            | Self::CardNumber
            | Self::Iban
            | Self::NationalId(_)
            | Self::DateOfBirth => true,
            Self::SivToken
            | Self::HmacToken
            | Self::Uuid
            | Self::Time
            | Self::Number
            | Self::Category
            | Self::FreeText
            | Self::OpaqueId
            | Self::Text
            | Self::Nothing => false,
        }
    }

    /// Whether the values are masked by themselves.
    pub const fn is_token(self) -> bool {
        matches!(self, Self::SivToken | Self::HmacToken)
    }
}
