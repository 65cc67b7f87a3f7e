//! How words of the file are quoted in messages, and what was probably meant by them.

/// The longest value that a message repeats, in characters: what is longer may be anything.
const LONGEST_QUOTED: usize = 40;

/// The value in backquotes with control characters escaped, or its length when it is long.
pub(super) fn quoted(value: &str) -> String {
    let length = value.chars().count();
    if length > LONGEST_QUOTED {
        format!("a text of {length} characters")
    } else {
        format!("`{}`", value.escape_debug())
    }
}

/// ` (did you mean …?)` when one of the words is close to the value, else nothing.
pub(super) fn did_you_mean<'w>(value: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    nearest(value, words).map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

/// The nearest word at an edit distance of at most a third of its length, rounded.
fn nearest<'w>(value: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if value.len() > 2 * LONGEST_QUOTED {
        return None;
    }
    let value = value.to_lowercase();
    words
        .into_iter()
        .map(|word| (strsim::osa_distance(&value, word), word))
        .filter(|(distance, word)| *distance <= (word.len() + 1) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let words = ["name", "table", "endpoint_url"];
        assert_eq!(nearest("tabel", words), Some("table"));
        assert_eq!(nearest("nmae", words), Some("name"));
        assert_eq!(nearest("Table", words), Some("table"));
        assert_eq!(nearest("endpoint-url", words), Some("endpoint_url"));
        assert_eq!(nearest("password", words), None);
        assert_eq!(nearest(&"name".repeat(1000), words), None);
    }

    #[test]
    fn long_values_are_not_repeated() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(41)), "a text of 41 characters");
    }
}
