//! Giving a blob over HTTP (RFC 9110): whole or a range of it, with a validator so that a download can be resumed.
//!
//! Whatever is inside, it is given as bytes that a browser shall make nothing of.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::{Blob, ByteRange, ContentRange, OCTETS, Sha256};
use crate::sandbox::http::Problem;

/// Of every answer with bytes of a blob: no type is guessed (`nosniff`), nothing is shown, and nothing is kept by who is
/// in between.
pub const BLOB_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, OCTETS),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_DISPOSITION, "attachment"),
    (header::CACHE_CONTROL, "private, no-store"),
    (header::ACCEPT_RANGES, "bytes"),
];

/// The answer to `GET` or `HEAD` of a blob.
pub fn serve(blob: Arc<Blob>, method: &Method, headers: &HeaderMap) -> Response {
    let (size, tag) = (blob.size, entity_tag(blob.sha256));
    let range = match asked_for(method, headers, &tag) {
        None => None,
        Some(asked) => match asked.of(size) {
            Some(range) => Some(range),
            None => return unsatisfiable(size),
        },
    };
    let (status, first, length) = match range {
        Some(range) => (StatusCode::PARTIAL_CONTENT, range.first, range.length()),
        None => (StatusCode::OK, 0, size),
    };
    let body = Body::new(BlobBody { blob, place: first, left: length });
    let mut response = (status, BLOB_HEADERS, body).into_response();
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(range) = range {
        insert_content_range(headers, &range.to_string());
    }
    response
}

/// No range of a blob of this size (RFC 9110, section 15.5.17).
pub fn unsatisfiable(size: u64) -> Response {
    let title = "the blob has nothing of what the header Range asks for";
    let mut response = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", title).into_response();
    insert_content_range(response.headers_mut(), &format!("bytes */{size}"));
    response
}

pub fn insert_content_range(headers: &mut HeaderMap, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

/// The validator of a blob: strong (RFC 9110, section 8.8.1), as it is the blob's own hash.
pub fn entity_tag(sha256: Sha256) -> String {
    format!("\"{}\"", sha256.text())
}

/// Whether a header's value is one strong validator (RFC 9110, section 8.8.3), and a short one.
pub fn is_strong_tag(value: &HeaderValue) -> bool {
    let tag = value.as_bytes().strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\""));
    tag.is_some_and(|tag| tag.len() <= 128 && tag.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"'))
}

/// The range, if one is asked for: only of `GET`, and only of the blob that the client has begun with (RFC 9110, sections
/// 14.2 and 13.1.5).
fn asked_for(method: &Method, headers: &HeaderMap, tag: &str) -> Option<ByteRange> {
    if method != Method::GET {
        return None;
    }
    let is_same = headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None, true) = (ranges.next(), ranges.next(), is_same) else { return None };
    ByteRange::parse(range)
}

/// A part of a blob, given piece by piece as its reader takes them.
struct BlobBody {
    blob: Arc<Blob>,
    place: u64,
    left: u64,
}

impl HttpBody for BlobBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut bytes = self.blob.at(self.place);
        bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        self.place += bytes.len() as u64;
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl ContentRange {
    /// Whether this is what was asked for, of a blob whose size only the answer says.
    pub fn answers(self, asked: ByteRange) -> bool {
        asked.of(self.size) == Some(self)
    }
}
