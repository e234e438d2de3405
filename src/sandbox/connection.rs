//! One XMPP connection of the sandbox, seen from either end: TLS below, the gate's frames above, every byte kept
//! unless that is not wanted.
//!
//! It knows nothing of what the stanzas mean: that is the gatekeeper's and the client's part.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::element::{Element, escape};
use crate::framing::{Decoded, FrameDecoder, FrameKind, Limits, Outline, Refusal, Scope, Span};
use crate::stanza::{self, Edit, TreeError};

/// What ends every clean stream. Both ends of the sandbox write their headers with the prefix `stream`.
const CLOSING_TAG: &[u8] = b"</stream:stream>";
/// How long a peer may take nothing before the connection is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of each direction is kept; what comes later is relayed and forgotten.
const KEPT_BYTES: usize = 1 << 20;

/// Generous, as everything that speaks here is small.
const LIMITS: Limits = Limits {
    stanza_bytes: 2 << 20,
    header_bytes: 4096,
    depth: 64,
    attributes: 64,
    namespaces: 32,
    elements: 65_536,
};

/// Before somebody is authenticated: a token in Base64 is the most that is said.
const UNAUTHENTICATED: Limits = Limits { stanza_bytes: 16 << 10, ..LIMITS };

/// Why a connection ended. It never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error("the connection failed: {0}")]
    Io(ErrorKind),
    #[error("the peer's certificate is not trusted, or is for another name")]
    Certificate,
    #[error("the connection ended without a closing tag")]
    Lost,
    #[error("the peer's stream is not fit to be read: {0}")]
    Refused(Refusal),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the peer took nothing for {} s", WRITE_TIMEOUT.as_secs())]
    WriteTimeout,
    #[error("an earlier write was not finished")]
    Cut,
}

impl From<Refusal> for ConnectionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::io::Error> for ConnectionError {
    fn from(error: std::io::Error) -> Self {
        match error.get_ref().and_then(|source| source.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(_)) => Self::Certificate,
            _ => Self::Io(error.kind()),
        }
    }
}

/// What a peer sent next.
pub enum Received {
    Header {
        /// As it was written: a domain has nothing that would have to be escaped.
        to: Option<String>,
    },
    Stanza(Stanza),
    /// The closing tag: the peer will send nothing more.
    Closing,
}

/// An element at depth 1 (a stanza or a nonza), read and as it came.
#[derive(Clone)]
pub struct Stanza {
    pub root: Element,
    pub bytes: Vec<u8>,
    /// Where the raw values of the attributes `from` and `to` stand.
    from: Option<Range<usize>>,
    to: Option<Range<usize>>,
}

impl Stanza {
    /// A stanza without a sender, as if it had come.
    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        let root = Element::of_stanza(text.as_bytes()).expect("a stanza");
        let to = text.split_once(" to='").map(|(before, behind)| {
            let start = before.len() + " to='".len();
            start..start + behind.find('\'').expect("the end of a value")
        });
        Self { root, bytes: text.as_bytes().to_vec(), from: None, to }
    }

    /// The stanza with this sender, all else as it came (RFC 6120, section 8.1.2.1).
    pub fn with_from(&self, sender: &str) -> Vec<u8> {
        self.with([("from", self.from.as_ref(), sender)])
    }

    /// The stanza with this sender and this receiver, all else as it came.
    pub fn with_addresses(&self, sender: &str, receiver: &str) -> Vec<u8> {
        self.with([("from", self.from.as_ref(), sender), ("to", self.to.as_ref(), receiver)])
    }

    /// The stanza with these attributes, each with where its raw value stands if it is there.
    fn with<const N: usize>(&self, attributes: [(&str, Option<&Range<usize>>, &str); N]) -> Vec<u8> {
        let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
        let name_end = self.bytes.iter().position(ends_name).unwrap_or(self.bytes.len());
        let mut edit = Edit::default();
        for (name, place, value) in attributes {
            let value = escape(value);
            match place {
                Some(range) => edit.replace(range.clone(), value.into_owned()),
                None => edit.replace(name_end..name_end, format!(" {name}='{value}'")),
            }
        }
        let mut stamped = Vec::new();
        edit.apply(&self.bytes, &mut stamped);
        stamped
    }
}

/// A stream of frames over TLS.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    decoder: FrameDecoder,
    transcripts: Arc<Transcripts>,
    /// Whether something was not written to its end, so that nothing may follow it.
    cut: bool,
}

impl Connection {
    pub fn new(stream: impl Into<TlsStream<TcpStream>>) -> Self {
        let decoder = FrameDecoder::new(Arc::new(stanza::vocabulary(&[], &[])), UNAUTHENTICATED);
        Self { stream: stream.into(), decoder, transcripts: Arc::default(), cut: false }
    }

    /// The same connection, of which nothing is kept from here on.
    #[must_use]
    pub fn without_transcripts(mut self) -> Self {
        self.transcripts = Arc::new(Transcripts::closed());
        self
    }

    /// What passed so far, in both directions. It goes on growing as the connection goes on.
    pub fn transcripts(&self) -> Arc<Transcripts> {
        self.transcripts.clone()
    }

    /// The next frame. Dropping the future loses nothing, so that it can be waited for together with other things.
    pub async fn receive(&mut self) -> Result<Received, ConnectionError> {
        loop {
            let input = self.stream.fill_buf().await?;
            if input.is_empty() {
                return Err(ConnectionError::Lost);
            }
            let mut transcript = self.transcripts.received();
            let frame = match self.decoder.decode(input) {
                Ok((taken, decoded)) => {
                    transcript.keep(&input[..taken]);
                    let frame = decoded.and_then(OwnedFrame::of);
                    self.stream.consume(taken);
                    frame
                }
                Err(refusal) => {
                    transcript.keep(input);
                    return Err(refusal.into());
                }
            };
            if let Some(frame) = frame {
                transcript.end_frame(frame.bytes.len());
                return frame.read(self.decoder.scope());
            }
        }
    }

    /// The namespaces that the peer's header declares, as `(prefix, namespace)`.
    pub fn peer_declarations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.decoder.scope().declarations()
    }

    pub fn local_address(&self) -> Result<SocketAddr, ConnectionError> {
        Ok(self.stream.get_ref().0.local_addr()?)
    }

    /// Sends bytes as they are: one frame, or what pretends to be one. Once a write has failed or its future was
    /// dropped, all that follow fail too.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        if std::mem::replace(&mut self.cut, true) {
            return Err(ConnectionError::Cut);
        }
        {
            let mut transcript = self.transcripts.sent();
            transcript.keep(bytes);
            transcript.end_frame(bytes.len());
        }
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(WRITE_TIMEOUT, write).await.map_err(|_| ConnectionError::WriteTimeout)??;
        self.cut = false;
        Ok(())
    }

    /// Somebody is authenticated, and may say more at once. In SASL2 the stream goes on (XEP-0388, section 2.6.1).
    pub fn trust(&mut self) {
        self.decoder.set_limits(LIMITS);
    }

    /// Somebody is authenticated: the next thing either side sends is a new stream header (RFC 6120, section 6.4.6).
    pub fn restart(&mut self) -> Result<(), ConnectionError> {
        self.trust();
        Ok(self.decoder.restart()?)
    }

    /// Sends the closing tag (RFC 6120, section 4.4).
    pub async fn send_closing(&mut self) -> Result<(), ConnectionError> {
        self.send(CLOSING_TAG).await
    }

    /// Ends TLS and TCP in our direction.
    pub async fn shut_down(&mut self) -> Result<(), ConnectionError> {
        Ok(tokio::time::timeout(WRITE_TIMEOUT, self.stream.shutdown())
            .await
            .map_err(|_| ConnectionError::WriteTimeout)??)
    }
}

/// A frame that no longer borrows from the decoder, whose scope is needed to read it.
struct OwnedFrame {
    kind: FrameKind,
    bytes: Vec<u8>,
    outline: Outline,
}

impl OwnedFrame {
    /// White space between stanzas is a keepalive (RFC 6120, section 4.6.1): nothing to be read.
    fn of(decoded: Decoded<'_>) -> Option<Self> {
        match decoded {
            Decoded::Frame(frame) => {
                Some(Self { kind: frame.kind, bytes: frame.bytes.to_vec(), outline: *frame.outline })
            }
            Decoded::WhiteSpace(_) => None,
        }
    }

    fn read(self, scope: &Scope) -> Result<Received, ConnectionError> {
        let Self { kind, bytes, outline } = self;
        let range = |span: Span| span.start as usize..(span.start + span.len) as usize;
        Ok(match kind {
            FrameKind::Header => {
                let to = outline.to.and_then(|span| bytes.get(range(span)));
                Received::Header { to: to.map(|to| String::from_utf8_lossy(to).into_owned()) }
            }
            FrameKind::Element => {
                let (from, to) = (outline.from.map(range), outline.to.map(range));
                Received::Stanza(Stanza { root: Element::read(&bytes, scope)?, bytes, from, to })
            }
            FrameKind::Closing => Received::Closing,
        })
    }
}

/// What passed on one connection in both directions, readable while the connection goes on.
#[derive(Default)]
pub struct Transcripts {
    sent: Mutex<Transcript>,
    received: Mutex<Transcript>,
}

impl Transcripts {
    /// They keep nothing.
    fn closed() -> Self {
        let closed = || Mutex::new(Transcript { full: true, ..Transcript::default() });
        Self { sent: closed(), received: closed() }
    }

    pub fn sent(&self) -> MutexGuard<'_, Transcript> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn received(&self) -> MutexGuard<'_, Transcript> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first mebibyte of one direction, and where its frames are.
#[derive(Clone, Default)]
pub struct Transcript {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
    /// When each of the frames was there.
    times: Vec<Instant>,
    full: bool,
}

impl Transcript {
    /// Whether something has passed that was not kept.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// All bytes, also those that belong to no whole frame.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole frames, in order, without the white space between them.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.frames.iter().map(|range| &self.bytes[range.clone()])
    }

    /// The same, each with the time at which it was about to be sent, or had been received whole.
    pub fn timed_frames(&self) -> impl Iterator<Item = (Instant, &[u8])> {
        self.times.iter().copied().zip(self.frames())
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.full |= self.bytes.len() + bytes.len() > KEPT_BYTES;
        if !self.full {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The last `length` bytes are a frame.
    fn end_frame(&mut self, length: usize) {
        if !self.full {
            let end = self.bytes.len();
            self.frames.push(end.saturating_sub(length)..end);
            self.times.push(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_keeps_bytes_and_frames_until_it_is_full() {
        let mut transcript = Transcript::default();
        transcript.keep(b" <a/>");
        transcript.end_frame(4);
        transcript.keep(&vec![b'x'; KEPT_BYTES]);
        transcript.end_frame(KEPT_BYTES);
        transcript.keep(b"<b/>");
        transcript.end_frame(4);
        assert_eq!(transcript.bytes(), b" <a/>");
        assert_eq!(transcript.frames().collect::<Vec<_>>(), [b"<a/>"]);
        assert_eq!(transcript.timed_frames().count(), 1);
    }

    #[test]
    fn addresses_are_put_where_others_stand_and_all_else_stays() {
        let place = |text: &str, value: &str| text.find(value).map(|start| start..start + value.len());
        for (came, stamped) in [
            (r#"<message to="R" id='1'  from='S'/>"#, r#"<message to="b@y" id='1'  from='a@x/&apos;'/>"#),
            ("<message from='S' to='R'>R S</message>", "<message from='a@x/&apos;' to='b@y'>R S</message>"),
            ("<message to='R'/>", "<message from='a@x/&apos;' to='b@y'/>"),
        ] {
            let root = Element::of_stanza(came.as_bytes()).unwrap();
            let (from, to) = (place(came, "S'").map(|range| range.start..range.end - 1), place(came, "R"));
            let from = from.filter(|_| came.contains("from="));
            let stanza = Stanza { root, bytes: came.as_bytes().to_vec(), from, to };
            assert_eq!(String::from_utf8(stanza.with_addresses("a@x/'", "b@y")).unwrap(), stamped);
        }
    }

    #[test]
    fn closed_transcripts_keep_nothing() {
        let transcripts = Transcripts::closed();
        transcripts.sent().keep(b"<a/>");
        transcripts.sent().end_frame(4);
        assert!(transcripts.sent().bytes().is_empty());
        assert_eq!(transcripts.sent().frames().count(), 0);
    }
}
