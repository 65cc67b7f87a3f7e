//! What a field's name says of its values.

use serde::Serialize;

/// What a name says that the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameHint {
    /// An internet address.
    Ip,
    /// An email address.
    Email,
    /// A phone number.
    Phone,
    /// A payment card's number or check code.
    Card,
    /// A bank account.
    Iban,
    /// A number that a state gives to a person.
    NationalId,
    /// When somebody was born.
    Birth,
    /// What a person is called, by others or by herself.
    PersonName,
    /// Where somebody lives.
    Address,
    /// Where somebody is.
    Location,
    /// A password or another secret.
    Secret,
    /// A device, or the browser on it.
    Device,
    /// A person, by an id that means nothing elsewhere.
    User,
}

impl NameHint {
    /// The hint in words, as in "its name says …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ip => "ip address",
            Self::Email => "email address",
            Self::Phone => "phone number",
            Self::Card => "payment card",
            Self::Iban => "bank account",
            Self::NationalId => "national id",
            Self::Birth => "date of birth",
            Self::PersonName => "a person's name",
            Self::Address => "postal address",
            Self::Location => "location",
            Self::Secret => "a secret",
            Self::Device => "device id",
            Self::User => "user id",
        }
    }
}

/// Words, one after the other, that say what a field holds. The first that fits counts.
const SAYINGS: &[(&[&str], NameHint)] = &[
    (&["password"], NameHint::Secret),
    (&["passwd"], NameHint::Secret),
    (&["passphrase"], NameHint::Secret),
    (&["pwd"], NameHint::Secret),
    (&["secret"], NameHint::Secret),
    (&["apikey"], NameHint::Secret),
    (&["api", "key"], NameHint::Secret),
    (&["access", "token"], NameHint::Secret),
    (&["refresh", "token"], NameHint::Secret),
    (&["auth", "token"], NameHint::Secret),
    (&["session", "token"], NameHint::Secret),
    (&["id", "token"], NameHint::Secret),
    (&["bearer"], NameHint::Secret),
    (&["authorization"], NameHint::Secret),
    (&["jwt"], NameHint::Secret),
    (&["otp"], NameHint::Secret),
    (&["credential"], NameHint::Secret),
    (&["credentials"], NameHint::Secret),
    (&["private", "key"], NameHint::Secret),
    (&["email"], NameHint::Email),
    (&["emails"], NameHint::Email),
    (&["mail"], NameHint::Email),
    (&["emailaddress"], NameHint::Email),
    (&["ip"], NameHint::Ip),
    (&["ips"], NameHint::Ip),
    (&["ipv"], NameHint::Ip),
    (&["ipaddr"], NameHint::Ip),
    (&["ipaddress"], NameHint::Ip),
    (&["remote", "addr"], NameHint::Ip),
    (&["forwarded", "for"], NameHint::Ip),
    (&["phone"], NameHint::Phone),
    (&["phones"], NameHint::Phone),
    (&["phonenumber"], NameHint::Phone),
    (&["telephone"], NameHint::Phone),
    (&["mobile", "number"], NameHint::Phone),
    (&["mobile", "no"], NameHint::Phone),
    (&["tel"], NameHint::Phone),
    (&["msisdn"], NameHint::Phone),
    (&["fax"], NameHint::Phone),
    (&["card", "number"], NameHint::Card),
    (&["card", "no"], NameHint::Card),
    (&["cardnumber"], NameHint::Card),
    (&["credit", "card"], NameHint::Card),
    (&["creditcard"], NameHint::Card),
    (&["debit", "card"], NameHint::Card),
    (&["cvv"], NameHint::Card),
    (&["cvc"], NameHint::Card),
    (&["iban"], NameHint::Iban),
    (&["bank", "account"], NameHint::Iban),
    (&["account", "number"], NameHint::Iban),
    (&["ssn"], NameHint::NationalId),
    (&["social", "security"], NameHint::NationalId),
    (&["national", "id"], NameHint::NationalId),
    (&["national", "insurance"], NameHint::NationalId),
    (&["nino"], NameHint::NationalId),
    (&["tax", "id"], NameHint::NationalId),
    (&["taxid"], NameHint::NationalId),
    (&["dni"], NameHint::NationalId),
    (&["nif"], NameHint::NationalId),
    (&["cpf"], NameHint::NationalId),
    (&["aadhaar"], NameHint::NationalId),
    (&["codice", "fiscale"], NameHint::NationalId),
    (&["passport"], NameHint::NationalId),
    (&["driver", "license"], NameHint::NationalId),
    (&["driving", "licence"], NameHint::NationalId),
    (&["dob"], NameHint::Birth),
    (&["birth"], NameHint::Birth),
    (&["birthday"], NameHint::Birth),
    (&["birthdate"], NameHint::Birth),
    (&["dateofbirth"], NameHint::Birth),
    (&["born"], NameHint::Birth),
    (&["surname"], NameHint::PersonName),
    (&["firstname"], NameHint::PersonName),
    (&["lastname"], NameHint::PersonName),
    (&["fullname"], NameHint::PersonName),
    (&["forename"], NameHint::PersonName),
    (&["nickname"], NameHint::PersonName),
    (&["username"], NameHint::PersonName),
    (&["cardholder"], NameHint::PersonName),
    (&["latitude"], NameHint::Location),
    (&["longitude"], NameHint::Location),
    (&["lat"], NameHint::Location),
    (&["lon"], NameHint::Location),
    (&["lng"], NameHint::Location),
    (&["gps"], NameHint::Location),
    (&["latlng"], NameHint::Location),
    (&["latlon"], NameHint::Location),
    (&["latlong"], NameHint::Location),
    (&["coordinate"], NameHint::Location),
    (&["coordinates"], NameHint::Location),
    (&["coords"], NameHint::Location),
    (&["geolocation"], NameHint::Location),
    (&["street"], NameHint::Address),
    (&["postcode"], NameHint::Address),
    (&["zipcode"], NameHint::Address),
    (&["zip"], NameHint::Address),
    (&["postal", "code"], NameHint::Address),
    (&["device", "id"], NameHint::Device),
    (&["deviceid"], NameHint::Device),
    (&["mac", "address"], NameHint::Device),
    (&["mac", "addr"], NameHint::Device),
    (&["imei"], NameHint::Device),
    (&["imsi"], NameHint::Device),
    (&["idfa"], NameHint::Device),
    (&["idfv"], NameHint::Device),
    (&["gaid"], NameHint::Device),
    (&["advertising", "id"], NameHint::Device),
    (&["android", "id"], NameHint::Device),
    (&["cookie", "id"], NameHint::Device),
    (&["fingerprint"], NameHint::Device),
    (&["user", "id"], NameHint::User),
    (&["userid"], NameHint::User),
    (&["uid"], NameHint::User),
    (&["customer", "id"], NameHint::User),
    (&["member", "id"], NameHint::User),
    (&["patient", "id"], NameHint::User),
    (&["employee", "id"], NameHint::User),
    (&["person", "id"], NameHint::User),
    (&["session", "id"], NameHint::User),
];

/// What stands before `name` when it is a person's; a `name` of anything else is none.
const PEOPLE: &[&str] = &[
    "first",
    "last",
    "given",
    "family",
    "middle",
    "full",
    "maiden",
    "legal",
    "user",
    "customer",
    "person",
    "people",
    "member",
    "patient",
    "employee",
    "contact",
    "holder",
    "owner",
    "sender",
    "recipient",
    "author",
    "guest",
    "passenger",
    "driver",
    "client",
    "buyer",
    "profile",
    "nick",
];

/// What stands before `address` when it is no place to live at.
const MACHINES: &[&str] = &[
    "web", "url", "server", "host", "bind", "listen", "memory", "wallet", "contract", "base",
    "network", "site",
];

/// A last word that makes a name one of something *about* the value.
const ABOUT: &[&str] = &[
    "type",
    "kind",
    "count",
    "status",
    "state",
    "version",
    "enabled",
    "verified",
    "confirmed",
    "valid",
    "flag",
    "format",
    "length",
    "provider",
    "label",
    "template",
    "sent",
    "at",
    "score",
    "accuracy",
    "country",
];

/// A word that says that the value was made of another one.
const DERIVED: &[&str] = &[
    "hash",
    "hashed",
    "md5",
    "sha",
    "masked",
    "token",
    "tokenized",
    "encrypted",
    "pseudonym",
];

/// The words of a field's name, and of the object that it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldName {
    /// The words of the name itself, in lower case and without numbers.
    own: Vec<String>,
    /// The last word of the name of the object around it.
    around: Option<String>,
}

impl FieldName {
    /// The name of a column, or a path from the outermost object to the field.
    pub fn new<'n>(path: impl IntoIterator<Item = &'n str>) -> Self {
        // What stands for the elements of an array has the array's name.
        let mut names = path.into_iter().filter(|name| *name != "*").map(words);
        let mut own = names.next().unwrap_or_default();
        let mut around = None;
        for name in names {
            around = own.pop();
            own = name;
        }
        Self { own, around }
    }

    /// What it says that the values are, if anything.
    pub fn hint(&self) -> Option<NameHint> {
        let last = self.own.last()?;
        let asks = self
            .own
            .first()
            .is_some_and(|word| word == "is" || word == "has");
        let is_about = self.own.len() > 1 && ABOUT.contains(&last.as_str());
        if asks || is_about {
            return None;
        }
        let says = |saying: &[&str]| self.own.windows(saying.len()).any(|words| words == saying);
        SAYINGS
            .iter()
            .find(|(saying, _)| says(saying))
            .map(|(_, hint)| *hint)
            .or_else(|| self.whole_name())
    }

    /// Words that mean something only as the last one, or alone.
    fn whole_name(&self) -> Option<NameHint> {
        let (last, before) = self.own.split_last()?;
        let before = before.last().or(self.around.as_ref()).map(String::as_str);
        match last.as_str() {
            "name" if before.is_none_or(is_a_person) => Some(NameHint::PersonName),
            "address" if before.is_none_or(|word| !MACHINES.contains(&word)) => {
                Some(NameHint::Address)
            }
            "mobile" | "cell" if self.own.len() == 1 => Some(NameHint::Phone),
            "id" if self.own.len() == 1 => match before? {
                "user" | "customer" | "member" | "patient" | "employee" | "person" => {
                    Some(NameHint::User)
                }
                "device" => Some(NameHint::Device),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the values were made of others, as a hash is: no longer readable, still somebody's.
    pub fn is_derived(&self) -> bool {
        self.own.iter().any(|word| DERIVED.contains(&word.as_str()))
    }

    /// Whether it is a version, which can look like an internet address.
    pub fn is_version(&self) -> bool {
        let versions = ["version", "build", "release", "firmware"];
        self.own
            .iter()
            .any(|word| versions.contains(&word.as_str()))
    }
}

fn is_a_person(word: &str) -> bool {
    PEOPLE.contains(&word) || PEOPLE.contains(&word.trim_end_matches('s'))
}

/// The words of a name: split at anything that is no letter and at the humps of camel case, a run
/// of capitals being one word (`userIPAddress` is user, ip, address).
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (place, &character) in characters.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| characters[place]);
        let after = characters.get(place + 1);
        let hump = character.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || (before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|after| after.is_lowercase())));
        if hump || !character.is_alphabetic() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_alphabetic() {
            word.extend(character.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    // `e-mail` has a hyphen in it.
    if let Some(place) = words.windows(2).position(|two| two == ["e", "mail"]) {
        words.splice(place..place + 2, ["email".to_owned()]);
    }
    words
}

#[cfg(test)]
mod tests;
