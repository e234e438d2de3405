//! The few words of XMPP that the load generator and the echoing gatekeeper exchange (RFC 6120): a stream header,
//! SASL PLAIN, the restart, resource binding, and messages of an exact size. No parser: each side knows what the other
//! sends, and looks for its end.

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};

pub const CLIENT_HEADER: &str = "<?xml version='1.0'?><stream:stream to='gatekeeper.example' version='1.0' \
    xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
pub const CLIENT_AUTHENTICATION: &str =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>";
pub const CLIENT_BINDING: &str = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <resource>balcony</resource></bind></iq>";

pub const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream from='gatekeeper.example' id='s1' \
    version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
pub const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
    <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
pub const BINDING: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
pub const BOUND: &str = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <jid>juliet@gatekeeper.example/balcony</jid></bind></iq>";

pub const CLOSING_TAG: &str = "</stream:stream>";

/// More than either side ever sends before the session is bound.
const LOGIN_LIMIT: usize = 64 * 1024;

/// A chat message of exactly `size` bytes, with a body of Base64 characters, as encrypted content has.
pub fn message(size: usize) -> Result<Vec<u8>> {
    const START: &[u8] = b"<message to='romeo@gatekeeper.example' type='chat' id='m1'><body>";
    const END: &[u8] = b"</body></message>";
    const BODY: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let Some(body) = size.checked_sub(START.len() + END.len()) else {
        bail!("a message has at least {} bytes", START.len() + END.len());
    };
    let body = BODY.iter().cycle().take(body);
    Ok(START.iter().chain(body).chain(END).copied().collect())
}

/// Reads until `marker` was seen and drops everything up to its end; what follows it stays in `buffer`.
pub async fn read_past(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    marker: &str,
) -> Result<()> {
    loop {
        if let Some(start) = buffer.windows(marker.len()).position(|window| window == marker.as_bytes()) {
            buffer.drain(..start + marker.len());
            return Ok(());
        }
        ensure!(buffer.len() < LOGIN_LIMIT, "no {marker} in {LOGIN_LIMIT} bytes");
        ensure!(stream.read_buf(buffer).await? > 0, "the stream ended before {marker}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_exactly_the_size_asked_for() {
        for size in [82, 300, 4096] {
            assert_eq!(message(size).unwrap().len(), size);
        }
        assert!(message(81).is_err());
    }

    #[tokio::test]
    async fn what_follows_the_marker_stays_in_the_buffer() {
        let mut stream: &[u8] = b"<a/><b/><c/>";
        let mut buffer = Vec::new();
        read_past(&mut stream, &mut buffer, "<b/>").await.unwrap();
        assert_eq!(buffer, b"<c/>");
    }

    #[tokio::test]
    async fn a_stream_that_ends_before_the_marker_is_an_error() {
        let mut stream: &[u8] = b"<a/>";
        assert!(read_past(&mut stream, &mut Vec::new(), "<b/>").await.is_err());
    }
}
