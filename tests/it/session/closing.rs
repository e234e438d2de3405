//! How sessions end: by a tag, by a lost connection, by a failure.

use std::time::Duration;

use vestibule::relay::{Failure, Outcome, Side};

use crate::stage::*;

const TAG: &str = "</stream:stream>";
const MESSAGE: &str = "<message from='bob@gatekeeper.example'><body>late</body></message>";

#[tokio::test(start_paused = true)]
async fn a_closed_stream_is_passed_on_and_answered() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up(TAG).await;
    stage.passes_down(MESSAGE).await;
    stage.gatekeeper.send(TAG).await;
    stage.client.expect_last(TAG).await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Closed(Side::Downstream));
}

#[tokio::test(start_paused = true)]
async fn the_gatekeeper_may_close_first() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_down(TAG).await;
    stage.passes_up("<presence type='unavailable'/>").await;
    stage.client.send(TAG).await;
    stage.gatekeeper.expect_last(TAG).await;
    stage.client.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Closed(Side::Upstream));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_its_half_of_the_connection_after_its_tag_still_gets_the_rest() {
    for abrupt in [false, true] {
        let mut stage = Stage::bound(Setting { abrupt, ..Setting::default() }).await;
        stage.passes_up(TAG).await;
        stage.client.end().await;
        stage.passes_down(MESSAGE).await;
        stage.gatekeeper.send(TAG).await;
        stage.client.expect_last(TAG).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_does_not_answer_the_tag_is_answered_for_after_five_seconds() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up(TAG).await;
    stage.client.expect_silence(Duration::from_millis(4900)).await;
    stage.client.expect_last(TAG).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_client_leaves_the_gatekeepers_stream_open_for_resumption() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage
        .client
        .send("<message to='bob@gatekeeper.example'><body>whole</body></message><message to='bo")
        .await;
    stage.client.vanish().await;
    let expected = "<message to='bob@gatekeeper.example'><body>whole</body></message>";
    stage.gatekeeper.expect_last(expected).await;
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_ends_its_connection_is_lost() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.end().await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
}

#[tokio::test(start_paused = true)]
async fn a_lost_gatekeeper_leaves_the_clients_stream_open_for_resumption() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.gatekeeper.send(MESSAGE).await;
    stage.gatekeeper.send("<message").await;
    stage.gatekeeper.vanish().await;
    stage.client.expect_last(MESSAGE).await;
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Upstream));
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_is_lost_after_the_clients_tag_is_answered_for() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up(TAG).await;
    stage.gatekeeper.vanish().await;
    stage.client.expect_last(TAG).await;
    assert_eq!(stage.outcome().await, Outcome::Closed(Side::Downstream));
}

#[tokio::test(start_paused = true)]
async fn a_clients_refused_stanza_closes_the_gatekeepers_stream_with_the_tag() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.send("<presence/><message><body>\u{0}</body></message>").await;
    stage.client.expect_last(&stream_error("not-well-formed")).await;
    stage.gatekeeper.expect_last("<presence/></stream:stream>").await;
    assert!(matches!(
        stage.outcome().await,
        Outcome::Failed(Side::Downstream, Failure::Refused(refusal)) if refusal.offset > 0
    ));
}

#[tokio::test(start_paused = true)]
async fn a_gatekeepers_refused_stanza_closes_the_clients_stream_with_the_tag() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.gatekeeper.send("<message><!-- --></message>").await;
    stage.gatekeeper.expect_last(&stream_error("restricted-xml")).await;
    stage.client.expect_last(TAG).await;
    assert!(matches!(stage.outcome().await, Outcome::Failed(Side::Upstream, Failure::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn closing_tags_match_the_header_that_was_sent_that_way() {
    let mut stage = Stage::open(Setting::default());
    let client = CLIENT_HEADER.replace("stream:stream", "s:stream").replace("xmlns:stream", "xmlns:s");
    stage.passes_up(&client).await;
    let server = SERVER_HEADER.replace("stream:stream", "x:stream").replace("xmlns:stream", "xmlns:x");
    stage.passes_down(&server).await;
    stage.client.send("<!-- ").await;
    let error = stage.client.rest().await;
    assert!(error.ends_with("</stream:error></x:stream>"), "{error}");
    stage.gatekeeper.expect_last("</s:stream>").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_its_connection_does_not_hold_the_session() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.send("<!-- ").await;
    let began = tokio::time::Instant::now();
    // Neither peer reads or closes anything.
    stage.outcome().await;
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stopping_process_tells_a_client_that_cannot_resume() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.drain(Duration::ZERO);
    stage.client.expect_last(&stream_error("system-shutdown")).await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn a_stopping_process_cuts_a_client_that_can_resume() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    stage.passes_down("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>").await;
    stage.drain(Duration::ZERO);
    stage.client.expect_last("").await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Cut);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_acknowledged_but_not_resumable_is_told() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    stage.passes_down("<enabled xmlns='urn:xmpp:sm:3'/>").await;
    stage.drain(Duration::ZERO);
    stage.client.expect_last(&stream_error("system-shutdown")).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_while_the_streams_are_closing_is_known_as_one() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up(TAG).await;
    stage.gatekeeper.send("<message><?pi?></message>").await;
    stage.client.expect_last(TAG).await;
    let summary = stage.ended().await;
    assert_eq!(summary.outcome, Outcome::Closed(Side::Downstream));
    let failed = summary.failure.expect("a failure");
    assert!(matches!(failed.failure, Failure::Refused(_)) && failed.side == Side::Upstream);
    // The gatekeeper's stream was closed already: there was no stream left to tell it in.
    assert!(!failed.told);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_opens_while_the_process_stops_is_told() {
    let mut stage = Stage::open(Setting::default());
    stage.drain(Duration::ZERO);
    assert!(stage.client.rest().await.ends_with(&stream_error("system-shutdown")));
}
