//! What a client says outside of its transactions. A pooler in transaction mode can hand that to
//! any of its server connections, where a statement of that name is another one, or none.

/// The codes that take the place of the protocol's version: a cancel request, and asking for TLS or
/// GSSAPI, after which the client begins anew (PostgreSQL, "Message Formats").
const NO_VERSIONS: [u32; 3] = [80_877_102, 80_877_103, 80_877_104];

/// Follows what one client says, message by message.
#[derive(Default)]
pub(super) struct Recorder {
    unread: Vec<u8>,
    begun: bool,
    in_transaction: bool,
}

impl Recorder {
    /// Takes what the client has said; gives what of it prepares, uses or closes a statement
    /// outside of a transaction.
    pub(super) fn take(&mut self, said: &[u8]) -> Vec<String> {
        self.unread.extend_from_slice(said);
        let mut outside = Vec::new();
        while let Some((kind, body)) = self.message() {
            match kind {
                None => {
                    let code = body.first_chunk().map(|code| u32::from_be_bytes(*code));
                    self.begun = code.is_none_or(|code| !NO_VERSIONS.contains(&code));
                }
                Some(b'Q') => self.follow(&String::from_utf8_lossy(&body)),
                Some(kind @ (b'P' | b'B' | b'C' | b'D' | b'E')) if !self.in_transaction => {
                    let body = String::from_utf8_lossy(&body).replace('\0', " ");
                    outside.push(format!("{}: {body}", char::from(kind)));
                }
                Some(_) => {}
            }
        }
        outside
    }

    /// The next whole message: its kind, which the first ones have none of, and its body.
    fn message(&mut self) -> Option<(Option<u8>, Vec<u8>)> {
        let head = usize::from(self.begun);
        let length = self.unread.get(head..head + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let end = head + length;
        if self.unread.len() < end {
            return None;
        }
        let message: Vec<u8> = self.unread.drain(..end).collect();
        let kind = self.begun.then(|| message[0]);
        Some((kind, message[head + 4..].to_vec()))
    }

    /// Transactions begin and end in simple queries only.
    fn follow(&mut self, query: &str) {
        for statement in query.trim_end_matches('\0').split(';').map(str::trim) {
            match statement.split_whitespace().next() {
                Some("BEGIN") => self.in_transaction = true,
                Some("COMMIT" | "ROLLBACK") => self.in_transaction = false,
                Some(_) | None => {}
            }
        }
    }
}
