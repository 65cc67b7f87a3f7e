//! Names as programs have them, and what only looks like it.

use super::*;

fn hint(path: &str) -> Option<NameHint> {
    FieldName::new(path.split('/')).hint()
}

#[test]
fn names_are_split_as_people_write_them() {
    for name in [
        "user_ip_address",
        "user-ip-address",
        "user.ip.address",
        "userIpAddress",
        "userIPAddress",
        "UserIPAddress",
        "USER_IP_ADDRESS",
        "user ip2 address",
    ] {
        assert_eq!(words(name), ["user", "ip", "address"], "{name}");
    }
    assert_eq!(words("e-mail"), ["email"]);
    assert_eq!(words("IPs"), ["i", "ps"]);
    assert!(words("_1").is_empty());
}

#[test]
fn names_say_what_is_personal() {
    use NameHint::*;
    for (name, expected) in [
        ("email", Email),
        ("e-mail", Email),
        ("contactEmail", Email),
        ("mail", Email),
        ("phone", Phone),
        ("mobile", Phone),
        ("mobile_number", Phone),
        ("phone2", Phone),
        ("ip", Ip),
        ("client_ip", Ip),
        ("ipv4", Ip),
        ("remoteAddr", Ip),
        ("x-forwarded-for", Ip),
        ("ip_address", Ip),
        ("ssn", NationalId),
        ("taxId", NationalId),
        ("dob", Birth),
        ("birth_date", Birth),
        ("date_of_birth", Birth),
        ("name", PersonName),
        ("surname", PersonName),
        ("first_name", PersonName),
        ("user/name", PersonName),
        ("customers/*/name", PersonName),
        ("address", Address),
        ("billing_address", Address),
        ("zip", Address),
        ("lat", Location),
        ("iban", Iban),
        ("card_number", Card),
        ("password", Secret),
        ("user_id", User),
        ("userId", User),
        ("user/id", User),
        ("device_id", Device),
        ("device/id", Device),
        ("mac_address", Device),
        ("tel", Phone),
        ("tel_de", Phone),
        ("x_tel", Phone),
        ("gps", Location),
        ("gps/lat", Location),
        ("latLng", Location),
        ("home_coordinates", Location),
    ] {
        assert_eq!(hint(name), Some(expected), "{name}");
    }
}

#[test]
fn names_that_only_look_like_it_say_nothing() {
    for name in [
        "shipment",
        "zipped",
        "tip",
        "recipe",
        "filename",
        "file_name",
        "hostname",
        "product/name",
        "event_name",
        "email_verified",
        "has_email",
        "isPhoneVerified",
        "phone_type",
        "ip_version",
        "memory_address",
        "mobile_app",
        "mobile_network",
        "mailbox",
        "emailing",
        "order_id",
        "id",
        "device_type",
        "locale",
        "app_version",
        "create_date",
        "username_count",
        "hotel",
        "telemetry",
        "tel_type",
        "gps_enabled",
        "gps_accuracy",
        "coordinator",
        "flat",
        "latency",
        "player/score",
        "",
        "*",
    ] {
        assert_eq!(hint(name), None, "{name}");
    }
}

#[test]
fn what_was_made_of_something_is_known_by_its_name() {
    assert!(FieldName::new(["email_sha256"]).is_derived());
    assert!(FieldName::new(["masked_ip"]).is_derived());
    assert!(!FieldName::new(["email"]).is_derived());
    assert!(FieldName::new(["app_version"]).is_version());
}
