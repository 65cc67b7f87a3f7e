//! The two spellings of a connection string: a URI, and `key=value` pairs.
//!
//! Both as libpq reads them (PostgreSQL documentation, "Connection Strings"). What is found comes
//! back as names and values; no error shows a value, since any part may be a piece of a password.

use percent_encoding::percent_decode_str;

use super::ConninfoError;

/// Names and values in the order in which they stand.
pub(super) type Pairs = Vec<(String, String)>;

/// Takes a connection string apart.
pub(super) fn parse(text: &str) -> Result<Pairs, ConninfoError> {
    let text = text.trim();
    for scheme in ["postgresql://", "postgres://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return uri(rest);
        }
    }
    if text.contains("://") {
        return Err(syntax(
            "a URI has to begin with postgresql:// or postgres://",
        ));
    }
    if text.is_empty() || text.contains('=') {
        return pairs(text);
    }
    Err(syntax("it is neither a URI nor key=value pairs"))
}

fn syntax(problem: &'static str) -> ConninfoError {
    ConninfoError::Syntax { problem }
}

/// `[user[:password]@][host][:port][,…][/dbname][?name=value[&…]]`
fn uri(rest: &str) -> Result<Pairs, ConninfoError> {
    let mut found = Pairs::new();
    let mut rest = rest;

    let credentials_end = rest
        .find(['@', '/'])
        .filter(|&at| rest[at..].starts_with('@'));
    if let Some(at) = credentials_end {
        let (user, password) = match rest[..at].split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (&rest[..at], None),
        };
        push(&mut found, "user", user)?;
        push(&mut found, "password", password.unwrap_or_default())?;
        rest = &rest[at + 1..];
    }

    let (hosts, ports, after) = host_list(rest)?;
    push(&mut found, "host", &hosts.join(","))?;
    push(&mut found, "port", &ports.join(","))?;
    rest = after;

    if let Some(path) = rest.strip_prefix('/') {
        let end = path.find('?').unwrap_or(path.len());
        push(&mut found, "dbname", &path[..end])?;
        rest = &path[end..];
    }
    if let Some(query) = rest.strip_prefix('?') {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| syntax("a parameter after the question mark has no `=`"))?;
            if value.contains('=') {
                return Err(syntax("a parameter after the question mark has two `=`"));
            }
            // The spelling of JDBC, which libpq takes as well.
            let (name, value) = if (name, value) == ("ssl", "true") {
                ("sslmode", "require")
            } else {
                (name, value)
            };
            found.push((decode(name)?, decode(value)?));
        }
    }
    Ok(found)
}

/// Hosts, ports (as many, possibly empty) and what follows them.
fn host_list(mut rest: &str) -> Result<(Vec<&str>, Vec<&str>, &str), ConninfoError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    loop {
        let host;
        if let Some(bracketed) = rest.strip_prefix('[') {
            let end = bracketed
                .find(']')
                .ok_or_else(|| syntax("the `]` after an IPv6 address is missing"))?;
            host = &bracketed[..end];
            rest = &bracketed[end + 1..];
            if host.is_empty() {
                return Err(syntax("there is no address between `[` and `]`"));
            }
            if !(rest.is_empty() || rest.starts_with([':', '/', '?', ','])) {
                return Err(syntax(
                    "after the `]` of an IPv6 address only a port, path, query or \
                                   another host can follow",
                ));
            }
        } else {
            let end = rest.find([':', '/', '?', ',']).unwrap_or(rest.len());
            host = &rest[..end];
            rest = &rest[end..];
        }
        hosts.push(host);
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['/', '?', ',']).unwrap_or(after.len());
            ports.push(&after[..end]);
            rest = &after[end..];
        } else {
            ports.push("");
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    // One host without a port is no list of ports at all, so that PGPORT can fill it in.
    if ports.iter().all(|port| port.is_empty()) {
        ports.clear();
    }
    Ok((hosts, ports, rest))
}

/// What a URI leaves empty is left out.
fn push(found: &mut Pairs, name: &str, value: &str) -> Result<(), ConninfoError> {
    if !value.is_empty() {
        found.push((name.to_owned(), decode(value)?));
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, ConninfoError> {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(syntax(
                "a `%` is not followed by two hexadecimal digits (write `%` as %25)",
            ));
        }
        if digits == b"00" {
            return Err(syntax("%00 is not allowed"));
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| syntax("what it percent-encodes is not UTF-8"))
}

/// `name = value` pairs; a value with spaces stands in single quotes; `\` takes the next character
/// as it is.
fn pairs(text: &str) -> Result<Pairs, ConninfoError> {
    let mut found = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..]
            .trim_start()
            .strip_prefix('=')
            .ok_or_else(|| syntax("the `=` after a parameter's name is missing"))?
            .trim_start();
        let (value, after) = pair_value(rest)?;
        found.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(found)
}

fn pair_value(text: &str) -> Result<(String, &str), ConninfoError> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            c if quoted.is_none() && c.is_whitespace() => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() {
        return Err(syntax("the closing quote of a value is missing"));
    }
    Ok((value, ""))
}
