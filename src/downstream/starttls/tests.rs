use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::framing::RefusalKind;
use crate::plain_stream::testing::{in_pieces, runtime};
use crate::stanza;

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='Gatekeeper.example' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Ours, towards a client that has named its host.
const GREETING: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='00000000000000000000000000000abc' from='gatekeeper.example' \
    version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
    </stream:features>";
/// And towards one that has not.
const OUR_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='00000000000000000000000000000abc' version='1.0'>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

const LIMITS: Limits =
    Limits { stanza_bytes: 1024, header_bytes: 1024, depth: 8, attributes: 8, namespaces: 8, elements: 8 };

fn terms() -> Terms<impl Fn(&str) -> Option<Box<str>>> {
    let host = "gatekeeper.example";
    Terms {
        vocabulary: Arc::new(stanza::vocabulary(&["urn:example:dialect"], &[])),
        limits: LIMITS,
        deadline: Instant::now() + Duration::from_secs(10),
        stream_id: 0xabc,
        find: move |to: &str| to.eq_ignore_ascii_case(host).then(|| host.into()),
    }
}

/// The client's end of a negotiation that runs by itself.
struct Client {
    stream: DuplexStream,
    negotiation: JoinHandle<(Result<Box<str>, Failed>, DuplexStream)>,
}

impl Client {
    fn connect() -> Self {
        Self::behind(64 * 1024)
    }

    /// Over a network that holds so many bytes in each direction.
    fn behind(bytes: usize) -> Self {
        let (stream, mut ours) = duplex(bytes);
        let negotiation = tokio::spawn(async move { (negotiate(&mut ours, terms()).await, ours) });
        Client { stream, negotiation }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8(heard).unwrap(), text);
    }

    /// Nothing but this is said any more.
    async fn hear_last(&mut self, text: &str) {
        let mut heard = String::new();
        self.stream.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, text);
    }

    async fn failed(self) -> Failed {
        drop(self.stream);
        self.negotiation.await.unwrap().0.unwrap_err()
    }
}

fn error(condition: &str) -> String {
    format!(
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    )
}

async fn refused(said: &str, heard: &str, error: StartTlsError) {
    let mut client = Client::connect();
    client.say(said).await;
    client.hear_last(heard).await;
    let failed = client.failed().await;
    assert_eq!(failed, Failed { error, told: error.stream_error() });
}

/// A client that has said nothing wrong in its header, and then this.
async fn refused_after_the_header(said: &str, condition: &str, reason: StartTlsError) {
    refused(&format!("{HEADER}{said}"), &format!("{GREETING}{}", error(condition)), reason).await;
}

async fn refused_by_its_header(header: &str, condition: &str, fault: HeaderFault) {
    refused(header, &format!("{OUR_HEADER}{}", error(condition)), StartTlsError::Header(fault)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_tls_gets_it_on_the_same_connection() {
    let mut client = Client::connect();
    client.say(HEADER).await;
    client.hear(GREETING).await;
    client.say(STARTTLS).await;
    client.hear(PROCEED).await;
    client.say("hello").await;
    let (host, mut ours) = client.negotiation.await.unwrap();
    assert_eq!(host.as_deref(), Ok("gatekeeper.example"));
    let mut hello = [0; 5];
    ours.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello", "the first byte of TLS is not taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_may_send_ahead_of_the_features_and_put_white_space_between() {
    let mut client = Client::connect();
    client.say(&format!("{HEADER} \n{STARTTLS}")).await;
    client.hear(&format!("{GREETING}{PROCEED}")).await;
    assert_eq!(client.negotiation.await.unwrap().0.as_deref(), Ok("gatekeeper.example"));
}

#[tokio::test(start_paused = true)]
async fn a_header_is_judged_as_in_tls() {
    for (header, condition, fault) in [
        (HEADER.replace(" to='Gatekeeper.example'", ""), "improper-addressing", HeaderFault::NoHost),
        (HEADER.replace("Gatekeeper", "other"), "host-unknown", HeaderFault::UnknownHost),
        (HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace", HeaderFault::WrongNamespace),
        (
            HEADER.replace(" version='1.0' ", " version='2.0' "),
            "unsupported-version",
            HeaderFault::UnsupportedVersion,
        ),
        (HEADER.replace(" version='1.0' ", " "), "unsupported-version", HeaderFault::UnsupportedVersion),
        (
            HEADER.replace(" to=", " x:y='' xmlns:x='urn:example:dialect' to="),
            "invalid-namespace",
            HeaderFault::WrongNamespace,
        ),
    ] {
        refused_by_its_header(&header, condition, fault).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_starttls_has_a_place_before_tls() {
    for stanza in ["<message/>", "<presence/>", "<iq type='get' id='1'/>"] {
        refused_after_the_header(stanza, "not-authorized", StartTlsError::NotAuthorized).await;
    }
    for element in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
        "<compress xmlns='http://jabber.org/protocol/compress'/>",
        "<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>",
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<starttls/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<x:starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls' xmlns:x='urn:example:x'/>",
    ] {
        let reason = StartTlsError::UnsupportedElement;
        refused_after_the_header(element, "unsupported-stanza-type", reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_refuses_as_in_tls() {
    let offset = HEADER.len() as u64;
    for (said, condition, kind, at) in [
        ("<a></b>", "not-well-formed", RefusalKind::MismatchedTag, 5),
        ("<!-- -->", "restricted-xml", RefusalKind::Comment, 2),
    ] {
        let reason = StartTlsError::Refused(Refusal { kind, offset: offset + at });
        refused_after_the_header(said, condition, reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn tls_without_starttls_is_refused_at_its_first_byte() {
    let mut client = Client::connect();
    client.say("\u{16}\u{3}\u{1}").await;
    client.hear_last(&format!("{OUR_HEADER}{}", error("not-well-formed"))).await;
    let StartTlsError::Refused(refusal) = client.failed().await.error else { panic!("it is no XML") };
    assert_eq!(refusal.offset, 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_starttls_in_the_clear_ends_the_connection() {
    for behind in [" ", "<", "\u{16}", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", HEADER] {
        let said = format!("{STARTTLS}{behind}");
        refused_after_the_header(&said, "policy-violation", StartTlsError::Injected).await;
    }
}

#[test]
fn what_comes_behind_starttls_in_another_packet_is_no_different() {
    let [first, second] = [format!("{HEADER}{STARTTLS}"), "<message/>".to_owned()];
    let (heard, failed) = verdict(&[first, second].concat(), &[HEADER.len() + STARTTLS.len()]);
    assert_eq!(failed.unwrap_err().error, StartTlsError::Injected);
    assert!(!heard.contains("proceed"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_told_when_its_time_is_over() {
    let start = Instant::now();
    let mut client = Client::connect();
    client.hear_last(&format!("{OUR_HEADER}{}", error("connection-timeout"))).await;
    assert_eq!(Instant::now() - start, Duration::from_secs(10));
    assert_eq!(client.failed().await.error, StartTlsError::Timeout);
}

#[tokio::test(start_paused = true)]
async fn no_byte_gives_a_slow_client_more_time() {
    let start = Instant::now();
    let mut client = Client::connect();
    for byte in HEADER.bytes().take(9) {
        client.stream.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    client.hear_last(&format!("{OUR_HEADER}{}", error("connection-timeout"))).await;
    assert_eq!(Instant::now() - start, Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up() {
    let start = Instant::now();
    let mut client = Client::behind(16);
    client.say(HEADER).await;
    let failed = client.negotiation.await.unwrap().0.unwrap_err();
    assert_eq!(failed, Failed { error: StartTlsError::Timeout, told: None });
    assert_eq!(Instant::now() - start, Duration::from_secs(10), "half a greeting is followed by nothing");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_hangs_up_is_left_after_a_second() {
    let start = Instant::now();
    let mut client = Client::connect();
    client.say(&format!("{HEADER}<message/>")).await;
    let failed = client.negotiation.await.unwrap().0.unwrap_err();
    assert_eq!(failed.error, StartTlsError::NotAuthorized);
    assert_eq!(Instant::now() - start, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_cut_off_where_a_header_and_an_element_would_end() {
    let mut client = Client::connect();
    client.say(HEADER).await;
    client.say(&" ".repeat(LIMITS.header_bytes + LIMITS.stanza_bytes)).await;
    client.hear_last(&format!("{GREETING}{}", error("policy-violation"))).await;
    assert_eq!(client.failed().await.error, StartTlsError::TooMuch);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_stream_is_answered() {
    let mut client = Client::connect();
    client.say(&format!("{HEADER}</stream:stream>")).await;
    client.hear_last(&format!("{GREETING}</stream:stream>")).await;
    assert_eq!(client.failed().await, Failed { error: StartTlsError::Closed, told: None });
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_is_noticed_at_every_step() {
    for said in ["", "<?xml", HEADER, &format!("{HEADER}<start")] {
        let mut client = Client::connect();
        client.say(said).await;
        assert_eq!(
            client.failed().await,
            Failed { error: StartTlsError::Lost, told: None },
            "after {said:?}"
        );
    }
}

#[test]
fn every_error_that_is_told_has_its_word() {
    for error in [
        StartTlsError::Refused(Refusal { kind: RefusalKind::Comment, offset: 0 }),
        StartTlsError::Header(HeaderFault::NoHost),
        StartTlsError::NotAuthorized,
        StartTlsError::UnsupportedElement,
        StartTlsError::TooMuch,
        StartTlsError::Injected,
        StartTlsError::Timeout,
    ] {
        assert!(error.stream_error().is_some() && error.kind().is_some(), "{error:?}");
    }
}

/// What is said and decided when the client says `input` in pieces of these sizes.
fn verdict(input: &str, sizes: &[usize]) -> (String, Result<Box<str>, Failed>) {
    let mut stream = in_pieces(input, sizes);
    let result = runtime().block_on(async { negotiate(&mut stream, terms()).await });
    (String::from_utf8(stream.into_inner().1).unwrap(), result)
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(HEADER.to_owned()),
        4 => Just(STARTTLS.to_owned()),
        1 => Just(" \n".to_owned()),
        1 => Just("<message><body>x</body></message>".to_owned()),
        1 => Just("</stream:stream>".to_owned()),
        1 => Just("<!-- -->".to_owned()),
        1 => "[ -~\u{16}é]{0,30}",
        1 => Just(" ".repeat(2100)),
    ]
}

proptest! {
    #[test]
    fn any_cutting_of_what_a_client_says_gives_the_same_verdict(
        pieces in prop::collection::vec(piece(), 0..6),
        headed in any::<bool>(),
        sizes in prop::collection::vec(1_usize..90, 1..8),
    ) {
        let header = if headed { HEADER } else { "" };
        let input = format!("{header}{}", pieces.concat());
        prop_assert_eq!(verdict(&input, &[input.len().max(1)]), verdict(&input, &sizes));
    }
}

#[test]
fn each_byte_may_come_alone() {
    let (heard, result) = verdict(&format!("{HEADER}{STARTTLS}"), &[1]);
    assert_eq!(heard, format!("{GREETING}{PROCEED}"));
    assert_eq!(result.as_deref(), Ok("gatekeeper.example"));
}
