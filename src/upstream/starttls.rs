//! STARTTLS towards a gatekeeper (RFC 6120, 5): the stream before TLS, which is Vestibule's own. The client's begins
//! inside TLS. Without the gatekeeper's leave for TLS there is no connection: nothing ever goes on in the clear.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{ConnectError, ConnectRequest, ConnectionFault};
use crate::framing::{Frame, FrameKind, Limits};
use crate::plain_stream::{CLOSING, PlainError, PlainStream};
use crate::stanza::{StreamError, StreamHeader, Tree, namespace};

const STARTTLS: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// What a gatekeeper may send in a stream of ours: a header, features that cannot say much yet, and `<proceed/>`.
pub(super) const OPENING: Limits = Limits {
    stanza_bytes: 64 * 1024,
    header_bytes: 8 * 1024,
    depth: 64,
    attributes: 64,
    namespaces: 32,
    elements: 4096,
};

/// The whole negotiation up to `<proceed/>`, for a stream to the host of `request`; the caller bounds its time. TLS is to begin on
/// `stream` then.
pub async fn negotiate<S>(stream: &mut S, request: ConnectRequest<'_>) -> Result<(), ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut plain = PlainStream::new(stream, Arc::clone(request.vocabulary), OPENING);
    let negotiated = ask_for_tls(&mut plain, request.host).await;
    if let Err(error) = negotiated {
        // There is another endpoint to try, or a client waiting: how the gatekeeper takes it is not waited for.
        let _ = plain.say(&error.last_words()).await;
    }
    negotiated.map_err(ConnectError::from)
}

async fn ask_for_tls<S>(plain: &mut PlainStream<'_, S>, host: &str) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut header = Vec::new();
    StreamHeader::initiating(host).write(&mut header);
    plain.say(&header).await?;
    plain.next(header_is_right).await??;
    plain.next(starttls_is_offered).await??;
    plain.say(STARTTLS).await?;
    plain.next(tls_may_begin).await??;
    if plain.has_more().await? { Err(Fault::Injected) } else { Ok(()) }
}

/// What went wrong before TLS.
#[derive(Clone, Copy)]
enum Fault {
    Plain(PlainError),
    /// Its header, or an element, is not what has to stand there.
    Unexpected,
    NotOffered,
    Failure,
    Injected,
}

impl Fault {
    /// What the gatekeeper is told. Our header has been sent.
    fn last_words(self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Fault::Plain(PlainError::Refused(refusal)) = self {
            StreamError::from(refusal.kind).write(&mut text);
        }
        text.extend_from_slice(CLOSING);
        text
    }
}

impl From<PlainError> for Fault {
    fn from(error: PlainError) -> Self {
        Fault::Plain(error)
    }
}

impl From<Fault> for ConnectError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Plain(PlainError::Lost) => ConnectError::Connection(ConnectionFault::Ended),
            Fault::Plain(PlainError::Refused(_) | PlainError::TooMuch) | Fault::Unexpected => {
                ConnectError::StreamBeforeTls
            }
            Fault::NotOffered => ConnectError::StartTlsNotOffered,
            Fault::Failure => ConnectError::StartTlsFailure,
            Fault::Injected => ConnectError::InjectedBeforeTls,
        }
    }
}

fn header_is_right(frame: &Frame<'_>) -> Result<(), Fault> {
    let header = StreamHeader::parse(frame).map_err(|_| Fault::Unexpected)?;
    header.check(frame).map_err(|_| Fault::Unexpected)
}

/// Features follow the header at once (RFC 6120, 4.3.2); a stream error may stand in their place.
fn starttls_is_offered(frame: &Frame<'_>) -> Result<(), Fault> {
    if !is(frame, namespace::STREAMS, "features") {
        return Err(Fault::Unexpected);
    }
    let features = Tree::of(frame).map_err(|_| Fault::Unexpected)?;
    let offered = features.children().any(|feature| feature.is(namespace::TLS, "starttls"));
    if offered { Ok(()) } else { Err(Fault::NotOffered) }
}

fn tls_may_begin(frame: &Frame<'_>) -> Result<(), Fault> {
    if is(frame, namespace::TLS, "proceed") {
        Ok(())
    } else if is(frame, namespace::TLS, "failure") {
        Err(Fault::Failure)
    } else {
        Err(Fault::Unexpected)
    }
}

fn is(frame: &Frame<'_>, namespace: &str, name: &str) -> bool {
    frame.kind == FrameKind::Element
        && frame.namespace() == namespace.as_bytes()
        && frame.local_name() == name.as_bytes()
}

#[cfg(test)]
mod tests;
