//! Handing a blob's bytes on. Each piece is asked for when the client has taken the one before, so that a fetch holds one
//! piece at a time, however large the blob is and however slow its reader.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::answer::Head;
use super::asking::Connection;
use super::slots::Slot;
use super::{Asked, FetchError};
use crate::sandbox::media::{BLOB_HEADERS, insert_content_range, poll_data};

/// How much, and until when.
pub struct Bounds {
    /// In bytes, where the answer does not say how many there are.
    pub size: u64,
    pub idle: Duration,
    pub deadline: Instant,
}

/// The answer to the client. Of the origin's headers it has what was checked, and no others.
pub fn response(
    asked: &Asked,
    head: Head,
    incoming: Incoming,
    bounds: Bounds,
    held: (Slot, Connection),
) -> Response {
    let status = if head.range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let body = if asked.is_head {
        Body::empty()
    } else {
        Body::new(Passing {
            incoming,
            expected: head.length,
            left: head.length.unwrap_or(bounds.size),
            idle: bounds.idle,
            waiting: None,
            deadline: Box::pin(sleep_until(bounds.deadline)),
            _held: held,
        })
    };
    let mut response = (status, BLOB_HEADERS, body).into_response();
    let headers = response.headers_mut();
    if let Some(tag) = head.tag {
        headers.insert(header::ETAG, tag);
    }
    if let Some(range) = head.range {
        insert_content_range(headers, &range.to_string());
    }
    if let Some(length) = head.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// The body of an answer. An error ends the client's connection before all has come, so that it is not taken for the whole.
struct Passing {
    incoming: Incoming,
    /// In bytes, if the origin has said it.
    expected: Option<u64>,
    /// What may still come, in bytes.
    left: u64,
    idle: Duration,
    /// While the client waits for the origin.
    waiting: Option<Pin<Box<Sleep>>>,
    deadline: Pin<Box<Sleep>>,
    _held: (Slot, Connection),
}

impl Passing {
    fn take(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, FetchError> {
        self.waiting = None;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(FetchError::TooLarge)?;
        Ok(Frame::data(bytes))
    }

    /// The time runs only where something is waited for: a client that reads slowly is not the origin's fault.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        let idle = self.idle;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(idle)));
        if waiting.as_mut().poll(context).is_ready() {
            Poll::Ready(Some(Err(FetchError::TooSlow)))
        } else {
            Poll::Pending
        }
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(FetchError::TooSlow)));
        }
        match poll_data(Pin::new(&mut self.incoming), context) {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(self.take(bytes))),
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(FetchError::BrokenOff))),
            Poll::Ready(None) if self.expected.is_some() && self.left > 0 => {
                Poll::Ready(Some(Err(FetchError::BrokenOff)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.wait(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.expected.map_or_else(SizeHint::default, |_| SizeHint::with_exact(self.left))
    }
}
