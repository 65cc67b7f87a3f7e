//! JSON Pointer (RFC 6901), the spelling of a field's path in the file.

/// The unescaped reference tokens of a pointer, never empty.
///
/// # Errors
///
/// What is wrong and what to write, when it does not start with `/` or a `~` is followed by
/// neither 0 nor 1. The pointer to the whole event, which RFC 6901 writes as an empty text, is
/// refused: a column takes one field.
pub(super) fn reference_tokens(pointer: &str) -> Result<Vec<String>, String> {
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Err(without_slash(pointer));
    };
    tokens.split('/').map(unescaped).collect()
}

/// The pointer of these reference tokens.
pub(super) fn pointer(tokens: &[String]) -> String {
    let escaped = tokens
        .iter()
        .map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1")));
    escaped.collect()
}

fn unescaped(token: &str) -> Result<String, String> {
    let mut parts = token.split('~');
    let mut unescaped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = if let Some(rest) = part.strip_prefix('0') {
            ('~', rest)
        } else if let Some(rest) = part.strip_prefix('1') {
            ('/', rest)
        } else {
            return Err("a `~` stands alone; in a JSON Pointer write ~0 for ~ and ~1 for /".into());
        };
        unescaped.push(character);
        unescaped.push_str(rest);
    }
    Ok(unescaped)
}

/// Tells how a path in another notation (`user.email`, `$.user.email`) is written here.
fn without_slash(pointer: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let dotted = pointer.strip_prefix("$.").unwrap_or(pointer);
    let meant = if dotted.len() <= 40 && dotted.chars().all(plain) {
        format!("/{}", dotted.replace('.', "/"))
    } else {
        "/user/email".to_owned()
    };
    format!("a path is a JSON Pointer and starts with a slash; write it as in \"{meant}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_split_and_unescaped_as_rfc_6901_says() {
        let tokens = |pointer| reference_tokens(pointer).unwrap();
        assert_eq!(tokens("/ip"), ["ip"]);
        assert_eq!(tokens("/user/e mail"), ["user", "e mail"]);
        // RFC 6901, section 5, and the order of unescaping from section 4.
        assert_eq!(tokens("/a~1b"), ["a/b"]);
        assert_eq!(tokens("/m~0n"), ["m~n"]);
        assert_eq!(tokens("/~01"), ["~1"]);
        assert_eq!(tokens("/"), [""]);
        assert_eq!(tokens("/a//b"), ["a", "", "b"]);
        for text in [
            "/ip",
            "/user/e mail",
            "/a~1b",
            "/m~0n",
            "/~01",
            "/",
            "/a//b",
        ] {
            assert_eq!(pointer(&tokens(text)), text);
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_the_pointer_that_was_meant() {
        assert!(reference_tokens("ip").unwrap_err().ends_with("\"/ip\""));
        assert!(
            reference_tokens("$.user.email")
                .unwrap_err()
                .ends_with("\"/user/email\"")
        );
        for bad in ["/a~", "/a~2", "/~~0"] {
            assert!(
                reference_tokens(bad).unwrap_err().contains("~0 for ~"),
                "{bad}"
            );
        }
    }
}
