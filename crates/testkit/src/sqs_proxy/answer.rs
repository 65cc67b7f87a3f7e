//! Answers: whole, cut short, slow, or an error.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Pieces of an answer that drips.
const PIECES: usize = 10;

pub(super) fn whole(body: Bytes) -> Body {
    Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// The first half, after which the connection is closed.
pub(super) fn half(answer: Response<Bytes>) -> Response<Body> {
    let pieces = |body: Bytes| {
        let first = body.slice(..body.len() / 2);
        stream::iter([Ok(first), Err(io::Error::other("the answer breaks off"))])
    };
    in_pieces(answer, pieces)
}

/// All of it, in pieces over some time.
pub(super) fn dripping(answer: Response<Bytes>, time: Duration) -> Response<Body> {
    let pieces = |body: Bytes| {
        let size = body.len().div_ceil(PIECES).max(1);
        let pieces = (0..body.len()).step_by(size);
        let pieces: Vec<_> = pieces
            .map(|from| body.slice(from..body.len().min(from + size)))
            .collect();
        let pause = time / u32::try_from(PIECES).expect("a small number");
        stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok(piece)
        })
    };
    in_pieces(answer, pieces)
}

/// With its length in its head, as SQS has it.
fn in_pieces<P>(answer: Response<Bytes>, pieces: impl FnOnce(Bytes) -> P) -> Response<Body>
where
    P: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let length = answer.body().len();
    let mut answer =
        answer.map(|body| StreamBody::new(pieces(body).map(|piece| piece.map(Frame::data))));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    answer.map(BodyExt::boxed_unsync)
}
