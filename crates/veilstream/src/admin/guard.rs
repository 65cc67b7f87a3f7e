//! Who may look, and who may act.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};

use super::{Admin, refusal, text};
use crate::keyset_file::{Refused, read_private};

/// Fewer characters can be guessed.
const LEAST_CHARACTERS: usize = 16;

/// What proves that somebody may act: its digest is all that is kept.
pub struct Token([u8; 32]);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the admin token {path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others can read it.
    #[error(
        "others can read the admin token {path}, or its group can write it; forbid it: chmod o=,g-w {path}"
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
    },
    /// It can be guessed, or is not one.
    #[error(
        "the admin token {path} has to be one line of {LEAST_CHARACTERS} or more letters, digits and marks; make \
         one with: head -c 24 /dev/urandom | base64"
    )]
    Unfit {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads one from a file.
    ///
    /// # Errors
    ///
    /// When there is none, or it can be guessed.
    pub fn from_file(path: &Path) -> Result<Self, TokenError> {
        let path = path.to_owned();
        let content = match read_private(&path) {
            Ok(content) => content,
            Err(Refused::Unreadable(error)) => return Err(TokenError::Unreadable { path, error }),
            Err(Refused::OpenToOthers { .. }) => return Err(TokenError::OpenToOthers { path }),
        };
        let token = content.trim_ascii_end();
        let fits = token.len() >= LEAST_CHARACTERS && token.iter().all(u8::is_ascii_graphic);
        if !fits {
            return Err(TokenError::Unfit { path });
        }
        Ok(Self(Sha256::digest(token).into()))
    }

    /// Digests are compared: how long that takes tells nothing of the token.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = text(headers, &header::AUTHORIZATION);
        let given = given.and_then(|given| given.strip_prefix("Bearer "));
        given.is_some_and(|given| <[u8; 32]>::from(Sha256::digest(given)) == self.0)
    }
}

/// A page elsewhere can have its own name resolve to this machine; then its `Host` tells. Where the
/// token protects what is shown, any name is right.
pub(super) async fn host(
    State(address): State<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if address.ip().is_loopback() && !is_local(request.headers(), address) {
        let reason = "ask for it as 127.0.0.1 or localhost";
        return refusal(StatusCode::FORBIDDEN, reason);
    }
    next.run(request).await
}

fn is_local(headers: &HeaderMap, address: SocketAddr) -> bool {
    let host = text(headers, &header::HOST).and_then(|host| host.parse::<Uri>().ok());
    let Some(host) = host.as_ref().and_then(Uri::host) else {
        return false;
    };
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || ip == Some(address.ip())
}

/// Off this machine, numbers take the token.
pub(super) async fn to_look(
    State((admin, address)): State<(Arc<Admin>, SocketAddr)>,
    request: Request,
    next: Next,
) -> Response {
    let may = match &admin.token {
        Some(token) => address.ip().is_loopback() || token.is_in(request.headers()),
        None => address.ip().is_loopback(),
    };
    if !may {
        let reason = "send the admin token: Authorization: Bearer …";
        return refusal(StatusCode::UNAUTHORIZED, reason);
    }
    next.run(request).await
}

/// An action takes the token, and comes from no other site.
pub(super) async fn to_act(
    State(admin): State<Arc<Admin>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let Some(token) = &admin.token else {
        let reason = "set admin.token_file in the configuration to act from here";
        return refusal(StatusCode::FORBIDDEN, reason);
    };
    if !token.is_in(headers) {
        return refusal(StatusCode::UNAUTHORIZED, "this is not the admin token");
    }
    if !is_same_origin(headers) {
        return refusal(StatusCode::FORBIDDEN, "this comes from another site");
    }
    next.run(request).await
}

/// Only browsers say where a request comes from.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    origin.is_some_and(|origin| Some(origin.as_str()) == text(headers, &header::HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    #[test]
    fn a_host_is_local_by_name_and_by_address() {
        let address: SocketAddr = "127.0.0.1:8484".parse().unwrap();
        for host in ["127.0.0.1:8484", "localhost:8484", "localhost", "127.0.0.1"] {
            assert!(is_local(&headers(header::HOST, host), address), "{host}");
        }
        for host in [
            "evil.example:8484",
            "127.0.0.1.evil.example",
            "10.0.0.1:8484",
            "",
        ] {
            assert!(!is_local(&headers(header::HOST, host), address), "{host}");
        }
        assert!(!is_local(&HeaderMap::new(), address));
        let address: SocketAddr = "[::1]:8484".parse().unwrap();
        assert!(is_local(&headers(header::HOST, "[::1]:8484"), address));
    }

    #[test]
    fn an_origin_is_the_host_that_was_asked() {
        let both = |origin: &str| {
            let mut headers = headers(header::HOST, "localhost:8484");
            headers.insert(header::ORIGIN, origin.parse().expect("a header"));
            is_same_origin(&headers)
        };
        assert!(both("http://localhost:8484"));
        assert!(!both("http://localhost:8485"));
        assert!(!both("https://evil.example"));
        assert!(!both("null"));
        assert!(is_same_origin(&headers(header::HOST, "localhost:8484")));
    }
}
