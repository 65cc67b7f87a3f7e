//! Rows gathered into one binary COPY.

use bytes::Bytes;

use crate::encode::{COPY_HEADER, COPY_TRAILER};

/// The data of one `COPY … FROM STDIN (FORMAT binary)`.
pub(super) struct CopyBuffer(Vec<u8>);

impl CopyBuffer {
    /// An empty one with room for rows of so many bytes in all.
    pub(super) fn with_capacity(rows: usize) -> Self {
        let mut data = Vec::with_capacity(COPY_HEADER.len() + rows + COPY_TRAILER.len());
        data.extend_from_slice(&COPY_HEADER);
        Self(data)
    }

    /// Adds a row, encoded as a tuple.
    pub(super) fn push_row(&mut self, row: &[u8]) {
        self.0.extend_from_slice(row);
    }

    /// The data, complete.
    pub(super) fn finish(mut self) -> Bytes {
        self.0.extend_from_slice(&COPY_TRAILER);
        self.0.into()
    }
}
