use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::plain_stream::testing::{in_pieces, runtime};

const HEADER: &str = "<?xml version='1.0'?><stream:stream from='gatekeeper.example' id='1' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
    <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

const OUR_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";
const OUR_STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

async fn negotiate_with(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), ConnectError> {
    let vocabulary = Arc::new(crate::stanza::vocabulary(&[], &[]));
    let client = [192, 0, 2, 1].into();
    let host = "gatekeeper.example";
    negotiate(stream, ConnectRequest { client, host, header: b"", vocabulary: &vocabulary }).await
}

/// The gatekeeper's end of a negotiation that runs by itself.
struct Gatekeeper {
    stream: DuplexStream,
    negotiation: JoinHandle<(Result<(), ConnectError>, DuplexStream)>,
}

impl Gatekeeper {
    fn accept() -> Self {
        let (stream, mut ours) = duplex(256 * 1024);
        let negotiation = tokio::spawn(async move { (negotiate_with(&mut ours).await, ours) });
        Gatekeeper { stream, negotiation }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8(heard).unwrap(), text);
    }

    /// The negotiation's result, and what was said that was not heard yet.
    async fn end(mut self) -> (Result<(), ConnectError>, String) {
        let (result, ours) = self.negotiation.await.unwrap();
        drop(ours);
        let mut heard = String::new();
        self.stream.read_to_string(&mut heard).await.unwrap();
        (result, heard)
    }
}

/// What becomes of a gatekeeper that says this in answer to our header, and what it hears after that header.
async fn answered(text: &str) -> (Result<(), ConnectError>, String) {
    let mut gatekeeper = Gatekeeper::accept();
    gatekeeper.hear(OUR_HEADER).await;
    gatekeeper.say(text).await;
    gatekeeper.end().await
}

/// It gets no TLS and hears this last; whether TLS was asked for does not matter.
async fn refused(text: &str, error: ConnectError, last: &str) {
    let (result, heard) = answered(text).await;
    assert_eq!(result, Err(error), "{text}");
    assert_eq!(heard.strip_prefix(OUR_STARTTLS).unwrap_or(&heard), last, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_offers_tls_is_asked_for_it_and_tls_begins_on_the_same_connection() {
    let mut gatekeeper = Gatekeeper::accept();
    gatekeeper.hear(OUR_HEADER).await;
    gatekeeper.say(HEADER).await;
    gatekeeper.say(FEATURES).await;
    gatekeeper.hear(OUR_STARTTLS).await;
    gatekeeper.say(PROCEED).await;
    let (result, mut ours) = gatekeeper.negotiation.await.unwrap();
    assert_eq!(result, Ok(()));
    ours.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    gatekeeper.stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test(start_paused = true)]
async fn each_byte_may_come_alone() {
    let mut gatekeeper = Gatekeeper::accept();
    for byte in format!("{HEADER}\n{FEATURES} {PROCEED}").bytes() {
        gatekeeper.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(gatekeeper.end().await, (Ok(()), format!("{OUR_HEADER}{OUR_STARTTLS}")));
}

#[tokio::test(start_paused = true)]
async fn without_an_offer_nothing_goes_on() {
    let nested = "<stream:features><x xmlns='urn:example:x'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></x>\
        </stream:features>";
    let foreign = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>";
    for features in ["<stream:features/>", foreign, nested] {
        let said = format!("{HEADER}{features}");
        refused(&said, ConnectError::StartTlsNotOffered, "</stream:stream>").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_apart() {
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let said = format!("{HEADER}{FEATURES}{failure}");
    refused(&said, ConnectError::StartTlsFailure, "</stream:stream>").await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_proceed_in_the_clear_ends_the_connection() {
    for behind in [" ", "\u{16}", "<message/>", HEADER] {
        let said = format!("{HEADER}{FEATURES}{PROCEED}{behind}");
        refused(&said, ConnectError::InjectedBeforeTls, "</stream:stream>").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_place_before_tls_is_no_stream() {
    let host_unknown =
        "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for said in [
        HEADER.replace(" version='1.0' ", " "),
        HEADER.replace("jabber:client", "jabber:server"),
        format!("{HEADER}{host_unknown}"),
        format!("{HEADER}</stream:stream>"),
        format!("{HEADER}{PROCEED}"),
        format!("{HEADER}<message/>"),
        format!("{HEADER}{FEATURES}{FEATURES}"),
        format!("{HEADER}{FEATURES}<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        format!("{HEADER}{FEATURES}</stream:stream>"),
        format!("{HEADER}{}", " ".repeat(OPENING.header_bytes + OPENING.stanza_bytes)),
    ] {
        refused(&said, ConnectError::StreamBeforeTls, "</stream:stream>").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_refuses_a_gatekeeper_as_it_does_a_client() {
    let error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
        <restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    let said = format!("{HEADER}<!-- -->");
    refused(&said, ConnectError::StreamBeforeTls, error).await;
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_vanishes_is_noticed_at_every_step() {
    for said in ["", "<?xml", HEADER, &format!("{HEADER}{FEATURES}"), &format!("{HEADER}{FEATURES}<pro")] {
        let mut gatekeeper = Gatekeeper::accept();
        gatekeeper.say(said).await;
        gatekeeper.hear(OUR_HEADER).await;
        drop(gatekeeper.stream);
        let (result, _) = gatekeeper.negotiation.await.unwrap();
        assert_eq!(result, Err(ConnectError::Connection(ConnectionFault::Ended)), "after {said:?}");
    }
}

/// What is said and decided when the gatekeeper says `input` in pieces of these sizes; `None` if more is awaited.
fn verdict(input: &str, sizes: &[usize]) -> (String, Option<Result<(), ConnectError>>) {
    let mut stream = in_pieces(input, sizes);
    let result = runtime()
        .block_on(async { timeout(Duration::from_secs(10), negotiate_with(&mut stream)).await.ok() });
    (String::from_utf8(stream.into_inner().1).unwrap(), result)
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(FEATURES.to_owned()),
        4 => Just(PROCEED.to_owned()),
        1 => Just(HEADER.to_owned()),
        1 => Just(" \n".to_owned()),
        1 => Just("<stream:features/>".to_owned()),
        1 => Just("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_owned()),
        1 => Just("</stream:stream>".to_owned()),
        1 => "[ -~\u{16}é]{0,30}",
    ]
}

proptest! {
    #[test]
    fn any_cutting_of_what_a_gatekeeper_says_gives_the_same_verdict(
        pieces in prop::collection::vec(piece(), 0..6),
        headed in any::<bool>(),
        sizes in prop::collection::vec(1_usize..90, 1..8),
    ) {
        let header = if headed { HEADER } else { "" };
        let input = format!("{header}{}", pieces.concat());
        prop_assert_eq!(verdict(&input, &[input.len().max(1)]), verdict(&input, &sizes));
    }
}
