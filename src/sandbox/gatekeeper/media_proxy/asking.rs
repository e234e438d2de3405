//! The request to an origin. Of the client's it says what is wanted, and nothing of the client.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use super::FetchError;
use super::origins::Target;
use crate::sandbox::media::{ByteRange, OCTETS, is_strong_tag};

/// For the head of an answer, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// What a client wants of a blob.
#[derive(Clone)]
pub struct Asked {
    /// Only the head.
    pub is_head: bool,
    pub range: Option<ByteRange>,
    /// The blob that the client has begun with.
    if_range: Option<HeaderValue>,
}

impl Asked {
    /// A range is asked for by `GET` only (RFC 9110, section 14.2). A condition that is not understood would make a range
    /// of another blob, and so the whole is asked for then.
    pub fn new(method: &Method, headers: &HeaderMap) -> Self {
        let is_head = method == Method::HEAD;
        let mut ranges = headers.get_all(header::RANGE).iter();
        let range = match (ranges.next(), ranges.next()) {
            (Some(range), None) if !is_head => ByteRange::parse(range),
            _ => None,
        };
        let if_range = headers.get(header::IF_RANGE).cloned();
        let is_understood = if_range.as_ref().is_none_or(is_strong_tag);
        let range = range.filter(|_| is_understood);
        Self { is_head, if_range: if_range.filter(|_| range.is_some()), range }
    }
}

/// The connection to an origin, until it is dropped.
pub struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks, and waits for the head of the answer.
pub async fn ask(
    stream: TlsStream<TcpStream>,
    target: &Target,
    asked: &Asked,
) -> Result<(Response<Incoming>, Connection), FetchError> {
    let request = request(target, asked)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Unreachable)?;
    // How it ends is told where its bytes are read.
    let connection = Connection(tokio::spawn(async move { drop(connection.await) }));
    let response = sender.send_request(request).await.map_err(|_| FetchError::WrongAnswer)?;
    Ok((response, connection))
}

fn request(target: &Target, asked: &Asked) -> Result<Request<Body>, FetchError> {
    let method = if asked.is_head { Method::HEAD } else { Method::GET };
    let mut request = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::ACCEPT, OCTETS)
        // What is encoded would be another blob, and could be larger than it looks.
        .header(header::ACCEPT_ENCODING, "identity");
    if let Some(range) = asked.range {
        request = request.header(header::RANGE, range.to_string());
    }
    if let Some(tag) = &asked.if_range {
        request = request.header(header::IF_RANGE, tag);
    }
    request.body(Body::empty()).map_err(|_| FetchError::Url)
}
