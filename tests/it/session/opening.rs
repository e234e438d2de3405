//! From the first byte to a bound resource.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use vestibule::relay::{Failure, Outcome, Side};
use vestibule::stanza::HeaderFault;

use super::passing::refuses_from_client;
use crate::stage::*;

/// What a client sends at once to see how much is taken.
const PIECE: usize = 512;

/// Our own header towards a client that has seen none.
const OUR_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' id='00000000000000000000000000000abc' version='1.0'>";
const OUR_HEADER_FROM_HOST: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' id='00000000000000000000000000000abc' \
     from='gatekeeper.example' version='1.0'>";

async fn refused_at_once(header: &str, condition: &str, failure: Failure) {
    let mut stage = Stage::open(Setting::default());
    stage.client.send(header).await;
    stage.client.expect_last(&format!("{OUR_HEADER}{}", stream_error(condition))).await;
    stage.gatekeeper.vanish().await;
    stage.client.vanish().await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, failure));
}

#[tokio::test(start_paused = true)]
async fn a_session_up_to_its_resource_passes_unchanged() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up("<presence/>").await;
    stage.passes_down("<message from='bob@gatekeeper.example/x'><body>hello</body></message>").await;
}

#[tokio::test(start_paused = true)]
async fn the_account_is_learnt_from_the_bind_result() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.vanish().await;
    let summary = stage.ended().await;
    assert_eq!(summary.account.as_deref(), Some("alice@gatekeeper.example/phone"));
    assert_eq!(summary.host.map(|host| host.name.clone()).as_deref(), Some(HOST));
}

#[tokio::test(start_paused = true)]
async fn a_header_without_to_is_improper_addressing() {
    refused_at_once(
        &CLIENT_HEADER.replace(" to='gatekeeper.example'", ""),
        "improper-addressing",
        Failure::Header(HeaderFault::NoHost),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_host_is_host_unknown() {
    refused_at_once(
        &CLIENT_HEADER.replace("gatekeeper.example", "elsewhere.example"),
        "host-unknown",
        Failure::Header(HeaderFault::UnknownHost),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_host_that_was_named_before_tls_is_the_one_that_can_be_named_now() {
    let mut stage = Stage::bound(Setting { named: Some(HOST), ..Setting::default() }).await;
    stage.passes_up("<presence/>").await;
    let mut stage = Stage::open(Setting { named: Some("other.example"), ..Setting::default() });
    stage.client.send(CLIENT_HEADER).await;
    stage.client.expect_last(&format!("{OUR_HEADER}{}", stream_error("host-unknown"))).await;
    stage.gatekeeper.vanish().await;
    stage.client.vanish().await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::OtherHost));
}

#[tokio::test(start_paused = true)]
async fn another_content_namespace_is_invalid_namespace() {
    refused_at_once(
        &CLIENT_HEADER.replace("jabber:client", "jabber:server"),
        "invalid-namespace",
        Failure::Header(HeaderFault::WrongNamespace),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_version_other_than_1_0_is_unsupported_version() {
    refused_at_once(
        &CLIENT_HEADER.replace("version='1.0' xmlns=", "version='2.0' xmlns="),
        "unsupported-version",
        Failure::Header(HeaderFault::UnsupportedVersion),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_host_is_found_whatever_its_case() {
    let mut stage = Stage::open(Setting::default());
    stage.passes_up(&CLIENT_HEADER.replace("gatekeeper.example", "GateKeeper.Example")).await;
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_gatekeeper_is_remote_connection_failed() {
    let mut stage = Stage::open(Setting { reachable: false, ..Setting::default() });
    stage.client.send(CLIENT_HEADER).await;
    let expected = format!("{OUR_HEADER_FROM_HOST}{}", stream_error("remote-connection-failed"));
    stage.client.expect_last(&expected).await;
    stage.client.vanish().await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::ConnectFailed));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_connecting_ends_the_session() {
    let connect_time = Duration::from_secs(3600);
    let mut stage = Stage::open(Setting { connect_time, ..Setting::default() });
    stage.client.send(CLIENT_HEADER).await;
    stage.client.expect_silence(Duration::from_secs(1)).await;
    stage.client.vanish().await;
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_while_connecting_waits_its_turn() {
    let connect_time = Duration::from_secs(5);
    let mut stage = Stage::open(Setting { connect_time, ..Setting::default() });
    let ahead = format!("{CLIENT_HEADER}{AUTH}");
    stage.client.send(&ahead).await;
    stage.gatekeeper.expect(&ahead).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_may_send_ahead_of_the_answers() {
    let mut stage = Stage::authenticated(Setting::default()).await;
    let ahead = format!("{BIND}<presence/><message to='bob@gatekeeper.example'/>");
    stage.passes_up(&ahead).await;
    stage.passes_down(BOUND).await;
}

#[tokio::test(start_paused = true)]
async fn the_host_must_stay_the_same_over_a_restart() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_up(AUTH).await;
    stage.passes_down(SUCCESS).await;
    stage.client.send(CLIENT_HEADER.replace("gatekeeper.example", "elsewhere.example")).await;
    let expected = format!("{OUR_HEADER_FROM_HOST}{}", stream_error("host-unknown"));
    stage.client.expect_last(&expected).await;
    // The gatekeeper's second stream was never opened: there is no tag that could close it.
    stage.gatekeeper.expect_last("").await;
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_speaks_between_success_and_the_new_header_is_refused() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_up(AUTH).await;
    stage.passes_down(SUCCESS).await;
    stage.gatekeeper.send(SERVER_HEADER).await;
    assert!(stage.gatekeeper.rest().await.contains("<unsupported-stanza-type "));
    stage.client.expect_last("").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_begins_its_new_header_before_it_has_succeeded_is_told_so() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.client.send(format!("{AUTH}<stream:str")).await;
    stage.gatekeeper.expect(AUTH).await;
    stage.gatekeeper.send(SUCCESS).await;
    let expected = format!("{SUCCESS}{OUR_HEADER_FROM_HOST}{}", stream_error("bad-format"));
    stage.client.expect_last(&expected).await;
    stage.gatekeeper.expect_last("").await;
    assert!(matches!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_the_gatekeeper_outside_a_stream_has_a_header_of_a_client() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_up(AUTH).await;
    stage.passes_down(SUCCESS).await;
    stage.gatekeeper.send(SERVER_HEADER).await;
    let error = stage.gatekeeper.rest().await;
    assert!(error.contains(" to='gatekeeper.example'") && !error.contains(" from="), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_binding_can_be_repeated() {
    let mut stage = Stage::authenticated(Setting::default()).await;
    for _ in 0..2 {
        stage.passes_up(BIND).await;
        let refusal = BOUND.replace("type='result'", "type='error'");
        stage.passes_down(&refusal).await;
    }
    stage.passes_up(BIND).await;
    stage.passes_down(BOUND).await;
    stage.client.vanish().await;
    assert_eq!(stage.ended().await.account.as_deref(), Some("alice@gatekeeper.example/phone"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_authentication_can_be_repeated() {
    let mut stage = Stage::greeted(Setting::default()).await;
    for _ in 0..2 {
        stage.passes_up(AUTH).await;
        stage
            .passes_down("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>")
            .await;
    }
    stage.passes_up(AUTH).await;
    stage.passes_down(SUCCESS).await;
    stage.passes_up(CLIENT_HEADER).await;
    stage.client.vanish().await;
    assert_eq!(stage.ended().await.counters.authentication_failures, 2);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_session_is_bound() {
    let mut stage = Stage::authenticated(Setting::default()).await;
    stage.passes_up("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>").await;
    stage.passes_down("<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>").await;
    stage.passes_down("<message from='bob@gatekeeper.example'><body>kept</body></message>").await;
    stage.passes_up("<message to='bob@gatekeeper.example'><body>thanks</body></message>").await;
}

#[test]
fn the_future_that_drives_a_session_is_small() {
    let relay_and_driver = Stage::size_of_session() - 2 * size_of::<Connection>();
    assert!(relay_and_driver <= 2048, "{relay_and_driver} bytes besides the streams");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_the_gatekeeper_is_connected_to_ends_its_session_at_once() {
    let polite = format!("{AUTH}</stream:stream>");
    for sent_ahead in ["", " ", AUTH, &polite] {
        let mut stage = Stage::open(Setting { connect_time: Duration::from_secs(8), ..Setting::default() });
        stage.client.send(&format!("{CLIENT_HEADER}{sent_ahead}")).await;
        let left = Instant::now();
        stage.client.vanish().await;
        let expected = match sent_ahead.ends_with("</stream:stream>") {
            true => Outcome::Closed(Side::Downstream),
            false => Outcome::Lost(Side::Downstream),
        };
        assert_eq!(stage.outcome().await, expected, "{sent_ahead}");
        assert_eq!(left.elapsed(), Duration::ZERO, "{sent_ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_ahead_reaches_the_gatekeeper_with_what_is_told_in_it() {
    let told = "<signals xmlns='urn:x-vestibule:signals:0'/>";
    let setting = Setting { connect_time: Duration::from_secs(8), signals: Some(told), ..Setting::default() };
    let mut stage = Stage::open(setting);
    let begin = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><bind xmlns='urn:xmpp:bind:0'>";
    stage.client.send(&format!("{CLIENT_HEADER}{begin}</bind></authenticate>")).await;
    stage.gatekeeper.expect(&format!("{CLIENT_HEADER}{begin}{told}</bind></authenticate>")).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_its_session_twice_is_refused() {
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let mut stage = Stage::authenticated(Setting::default()).await;
    let request = format!("<iq type='set' id='b1'>{bind}{bind}</iq>");
    refuses_from_client(&mut stage, &request, "bad-format").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::AskedTwice));

    let bind = "<bind xmlns='urn:xmpp:bind:0'/>";
    let [older, newer] =
        [2, 3].map(|version| format!("<resume xmlns='urn:xmpp:sm:{version}' h='0' previd='x'/>"));
    for twice in [format!("{bind}{bind}"), format!("{newer}{newer}"), format!("{older}{bind}{newer}")] {
        let mut stage = Stage::greeted(Setting::default()).await;
        let request =
            format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>{twice}</authenticate>");
        refuses_from_client(&mut stage, &request, "bad-format").await;
    }
    let mut stage = Stage::greeted(Setting::default()).await;
    stage
        .passes_up(&format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>{newer}{bind}</authenticate>"
        ))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_stream_ahead_is_waited_for_and_answered() {
    let setting = Setting { connect_time: Duration::from_secs(8), ..Setting::default() };
    let mut stage = Stage::open(setting);
    stage.passes_up(&format!("{CLIENT_HEADER}{AUTH}</stream:stream>")).await;
    stage.passes_down(&format!("{SERVER_HEADER}</stream:stream>")).await;
    assert_eq!(stage.outcome().await, Outcome::Closed(Side::Downstream));
}

/// What is sent ahead waits for the gatekeeper, in as much memory as an element before authentication may take.
#[tokio::test(start_paused = true)]
async fn a_client_is_read_ahead_by_4_kib() {
    const AHEAD: usize = 4 * 1024;
    let setting = Setting { connect_time: Duration::from_secs(8), pipe: PIECE, ..Setting::default() };
    let mut stage = Stage::open(setting);
    stage.client.send(CLIENT_HEADER).await;
    let mut sent = 0;
    while timeout(Duration::from_secs(1), stage.client.send(&" ".repeat(PIECE))).await.is_ok() {
        sent += PIECE;
    }
    // One piece is in the pipe, and one was read but not taken.
    assert!((AHEAD..=AHEAD + 3 * PIECE).contains(&sent), "{sent}");
    stage.gatekeeper.expect(CLIENT_HEADER).await;
    stage.gatekeeper.expect(&" ".repeat(sent)).await;
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_leaves_before_it_has_said_a_word_was_not_reached() {
    let mut stage = Stage::open(Setting::default());
    stage.passes_up(CLIENT_HEADER).await;
    stage.gatekeeper.vanish().await;
    let error = stream_error("remote-connection-failed");
    stage.client.expect_last(&format!("{OUR_HEADER_FROM_HOST}{error}")).await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::ConnectFailed));
}
