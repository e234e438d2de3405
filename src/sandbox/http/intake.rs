//! The bodies of requests are read before anything else is done: whoever is refused while still sending would lose the
//! answer, as the connection breaks.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body as _;

use super::Problem;
use crate::sandbox::media::MEDIA;

/// Of a body, in bytes.
const LARGEST: usize = 64 * 1024;
/// Of a body that is too large, in bytes: as much is read, for its client to hear of it.
const LARGEST_DISCARDED: usize = 1024 * 1024;
/// For a whole body. Whoever sends one byte a minute shall not keep a connection.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Goes on with a request that says to whom it is made (RFC 9112, section 3.2).
pub(super) async fn require_host(request: Request, next: Next) -> Result<Response, Problem> {
    let has_one = request.headers().get_all(header::HOST).iter().count() == 1;
    if request.version() == Version::HTTP_11 && !has_one {
        return Err(Problem::no_host());
    }
    Ok(next.run(request).await)
}

/// Goes on with a request when it is there as a whole. One whose body is encoded is refused: encodings are not undone here
/// (RFC 9110, section 15.5.16). Uploads of media are larger, and are read as they come.
pub(super) async fn take_whole(request: Request, next: Next) -> Result<Response, Problem> {
    let is_upload = request.method() == Method::POST && request.uri().path() == MEDIA;
    if is_upload || !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::media_type());
    }
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// A whole body, in time.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(TIMEOUT, read_within_bounds(body)).await.map_err(|_| Problem::too_slow())?
}

async fn read_within_bounds(mut body: Body) -> Result<Vec<u8>, Problem> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // Trailers have nothing to say here.
        let Ok(data) = frame.map_err(|_| Problem::unreadable())?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= LARGEST {
            bytes.extend_from_slice(&data);
        } else if length > LARGEST_DISCARDED {
            break;
        }
    }
    if length > LARGEST { Err(Problem::too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A request's body of which nothing comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = bytes::Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<bytes::Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let refused = read(Body::new(Never)).await;
        assert_eq!(refused, Err(Problem::too_slow()));
    }
}
