//! The table that `migrate` creates.

use super::read;
use crate::config::Configuration;

#[test]
fn the_builtin_table_is_created_as_the_design_has_it() {
    let expected = r#"CREATE TABLE IF NOT EXISTS "user_logins" (
    "user_id" varchar(128),
    "device_type" varchar(32),
    "masked_ip" varchar(256),
    "masked_device_id" varchar(256),
    "locale" varchar(32),
    "app_version" int4,
    "create_date" date
)"#;
    assert_eq!(
        Configuration::builtin().pipeline.create_table_sql(),
        expected
    );
}

#[test]
fn identifiers_are_quoted_in_the_sql() {
    let text = "[pipeline]\nname = \"t\"\ntable = 'My Schema.t\"; drop'\n[[columns]]\n\
                name = 'a\"b'\ntype = \"double  precision\"\npath = \"/a\"";
    let expected = "CREATE TABLE IF NOT EXISTS \"My Schema\".\"t\"\"; drop\" (\n    \
                    \"a\"\"b\" float8\n)";
    assert_eq!(read(text).unwrap().pipeline.create_table_sql(), expected);
}
