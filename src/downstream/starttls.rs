//! STARTTLS towards clients (RFC 6120, 5), required: the stream before TLS, in which the client can do nothing but name a
//! host and ask for TLS. Nothing of it is passed on.
//!
//! ```text
//! client                                                              Vestibule
//!    | --- <stream:stream to='…' version='1.0'> ------------------------> |
//!    | <-- <stream:stream from='…'>, <features> with <starttls/> -------- |
//!    | --- <starttls/> -------------------------------------------------> |
//!    | <-- <proceed/> --------------------------------------------------- |
//!    | === TLS, and a new stream in it ================================== |
//! ```

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::framing::{Frame, FrameKind, Limits, Refusal, Vocabulary};
use crate::plain_stream::{CLOSING, PlainError, PlainStream};
use crate::stanza::{Condition, HeaderFault, Name, StreamError, StreamHeader, namespace};

/// The features of a stream before TLS: nothing else can be negotiated (RFC 6120, 5.3.1).
const FEATURES: &[u8] =
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
    </stream:features>";

const PROCEED: &[u8] = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// What a client is held to before TLS.
pub struct Terms<F> {
    pub vocabulary: Arc<Vocabulary>,
    pub limits: Limits,
    /// When the client must have asked for TLS.
    pub deadline: Instant,
    /// The id in our stream header: random.
    pub stream_id: u128,
    /// The name of the host that a `to` stands for, if it is served.
    pub find: F,
}

/// A stream that did not come to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    pub error: StartTlsError,
    /// The stream error that the client was sent, if it was sent one and has taken it.
    pub told: Option<StreamError>,
}

/// Why a client's stream did not come to TLS. Holds kinds and offsets, never the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartTlsError {
    #[error("the gate refused: {0}")]
    Refused(Refusal),
    #[error("{0}")]
    Header(#[from] HeaderFault),
    #[error("the stream header could not be read again")]
    Unreadable,
    #[error("a stanza before TLS")]
    NotAuthorized,
    #[error("an element other than <starttls/> before TLS")]
    UnsupportedElement,
    #[error("more bytes before TLS than a stream header and <starttls/> may have")]
    TooMuch,
    #[error("bytes in the clear behind <starttls/>")]
    Injected,
    #[error("TLS was not asked for in time")]
    Timeout,
    #[error("the client closed its stream")]
    Closed,
    #[error("the connection ended first")]
    Lost,
}

impl StartTlsError {
    /// What the client is told; `None` where nothing is wrong with its stream, or nobody is there.
    pub fn stream_error(self) -> Option<StreamError> {
        let condition = match self {
            StartTlsError::Refused(refusal) => return Some(StreamError::from(refusal.kind)),
            StartTlsError::Header(fault) => fault.condition(),
            StartTlsError::Unreadable => Condition::InternalServerError,
            StartTlsError::NotAuthorized => Condition::NotAuthorized,
            StartTlsError::UnsupportedElement => Condition::UnsupportedStanzaType,
            StartTlsError::TooMuch | StartTlsError::Injected => Condition::PolicyViolation,
            StartTlsError::Timeout => Condition::ConnectionTimeout,
            StartTlsError::Closed | StartTlsError::Lost => return None,
        };
        Some(condition.into())
    }

    /// A closed token for logs, where a rule was broken: of what the gate refused, the refusal's own.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            StartTlsError::Refused(refusal) => Some(refusal.kind.name()),
            StartTlsError::Header(fault) => Some(fault.kind()),
            StartTlsError::NotAuthorized => Some("not-authorized"),
            StartTlsError::UnsupportedElement => Some("unsupported-element"),
            StartTlsError::TooMuch => Some("too-much-before-tls"),
            StartTlsError::Injected => Some("injected-before-tls"),
            StartTlsError::Timeout => Some("starttls-timeout"),
            StartTlsError::Unreadable | StartTlsError::Closed | StartTlsError::Lost => None,
        }
    }
}

impl From<PlainError> for StartTlsError {
    fn from(error: PlainError) -> Self {
        match error {
            PlainError::Refused(refusal) => StartTlsError::Refused(refusal),
            PlainError::TooMuch => StartTlsError::TooMuch,
            PlainError::Lost => StartTlsError::Lost,
        }
    }
}

/// The whole negotiation up to `<proceed/>`; gives the name of the host that the client has named. TLS is to begin on
/// `stream` then. On failure the client has been told, or had a second to listen.
pub async fn negotiate<S, F>(stream: &mut S, terms: Terms<F>) -> Result<Box<str>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(&str) -> Option<Box<str>>,
{
    let mut negotiation = Negotiation {
        plain: PlainStream::new(stream, terms.vocabulary, terms.limits),
        find: terms.find,
        stream_id: terms.stream_id,
        greeted: false,
    };
    let negotiated = timeout_at(terms.deadline, negotiation.run()).await;
    match negotiated.unwrap_or(Err(StartTlsError::Timeout)) {
        Ok(host) => Ok(host),
        Err(error) => Err(Failed { error, told: negotiation.end(error).await }),
    }
}

struct Negotiation<'s, S, F> {
    plain: PlainStream<'s, S>,
    find: F,
    stream_id: u128,
    /// Our header was sent.
    greeted: bool,
}

impl<S, F> Negotiation<'_, S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(&str) -> Option<Box<str>>,
{
    async fn run(&mut self) -> Result<Box<str>, StartTlsError> {
        let find = &self.find;
        let host = self.plain.next(|frame| host(frame, find)).await??;
        let mut greeting = self.header(Some(&host));
        greeting.extend_from_slice(FEATURES);
        self.greeted = true;
        self.plain.say(&greeting).await?;
        self.plain.next(request).await??;
        if self.plain.has_more().await? {
            return Err(StartTlsError::Injected);
        }
        self.plain.say(PROCEED).await?;
        Ok(host)
    }

    /// Closes the stream, with the error that there is. An error needs a stream to stand in: our header goes first if it
    /// has not been sent (RFC 6120, 4.9.1.2).
    async fn end(&mut self, error: StartTlsError) -> Option<StreamError> {
        if error == StartTlsError::Lost {
            return None;
        }
        let mut text = if self.greeted { Vec::new() } else { self.header(None) };
        let stream_error = error.stream_error();
        if let Some(stream_error) = stream_error {
            stream_error.write(&mut text);
        }
        text.extend_from_slice(CLOSING);
        let said = self.plain.end(&text).await;
        stream_error.filter(|_| said)
    }

    fn header(&self, host: Option<&str>) -> Vec<u8> {
        let mut text = Vec::new();
        StreamHeader::responding(&format!("{:032x}", self.stream_id), host).write(&mut text);
        text
    }
}

/// The host that the client's stream header names. The gate lets nothing else stand first.
fn host(frame: &Frame<'_>, find: impl Fn(&str) -> Option<Box<str>>) -> Result<Box<str>, StartTlsError> {
    let header = StreamHeader::parse(frame).map_err(|_| StartTlsError::Unreadable)?;
    let to = header.destination(frame)?;
    Ok(find(to).ok_or(HeaderFault::UnknownHost)?)
}

/// Whether the frame is `<starttls/>`. Before it a client may say nothing else; the words for it are those of the relay.
fn request(frame: &Frame<'_>) -> Result<(), StartTlsError> {
    if frame.kind == FrameKind::Closing {
        return Err(StartTlsError::Closed);
    }
    if frame.namespace() == namespace::TLS.as_bytes() && frame.local_name() == b"starttls" {
        return Ok(());
    }
    match Name::of(frame.outline.name) {
        Some(Name::Message | Name::Presence | Name::Iq) => Err(StartTlsError::NotAuthorized),
        _ => Err(StartTlsError::UnsupportedElement),
    }
}

#[cfg(test)]
mod tests;
