//! Times, sizes and rates, each with what the side that exceeds it is told.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;
use vestibule::limit::Rate;
use vestibule::relay::{Failure, Outcome, Side};

use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn a_client_without_a_header_is_timed_out_after_ten_seconds() {
    let mut stage = Stage::open(Setting::default());
    let began = Instant::now();
    assert!(stage.client.rest().await.ends_with(&stream_error("connection-timeout")));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn white_space_does_not_put_off_the_headers_time() {
    let mut stage = Stage::open(Setting::default());
    let began = Instant::now();
    for _ in 0..9 {
        stage.client.send(" ").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(stage.client.rest().await.ends_with(&stream_error("connection-timeout")));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn authentication_has_sixty_seconds_in_all() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.client.expect_silence(Duration::from_secs(59)).await;
    stage.client.expect_last(&stream_error("connection-timeout")).await;
    stage.gatekeeper.expect_last("</stream:stream>").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::AuthenticationTimeout));
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_ends_after_fifteen_minutes_and_stays_resumable() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.expect_silence(Duration::from_secs(14 * 60)).await;
    // White space is a sign of life too.
    stage.passes_up(" ").await;
    stage.client.expect_silence(Duration::from_secs(14 * 60)).await;
    stage.client.expect_last(&stream_error("connection-timeout")).await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::Idle));
}

#[tokio::test(start_paused = true)]
async fn the_gatekeepers_bytes_keep_a_session_alive() {
    let mut stage = Stage::bound(Setting::default()).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(14 * 60)).await;
        stage.passes_down("<presence from='bob@gatekeeper.example'/>").await;
    }
    assert!(!stage.is_over());
}

#[tokio::test(start_paused = true)]
async fn before_authentication_elements_are_small() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.client.send(AUTH.replace("AGFsaWNlAHNlY3JldA==", &"A".repeat(8192))).await;
    let error = stage.client.rest().await;
    assert!(error.contains("<policy-violation ") && error.contains("<stanza-too-big "), "{error}");
    stage.gatekeeper.expect_last("</stream:stream>").await;
}

#[tokio::test(start_paused = true)]
async fn before_authentication_elements_are_few() {
    let mut stage = Stage::greeted(Setting::default()).await;
    for _ in 0..32 {
        stage.passes_up("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
    }
    stage.client.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
    stage.client.expect_last(&stream_error("policy-violation")).await;
}

#[tokio::test(start_paused = true)]
async fn an_authenticated_clients_stanza_may_be_as_large_as_the_limit() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = None)).await;
    let frame = |length: usize| {
        let (open, close) = ("<message to='bob@gatekeeper.example'><body>", "</body></message>");
        format!("{open}{}{close}", "x".repeat(length - open.len() - close.len()))
    };
    let largest = frame(256 * 1024);
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(client.send(&largest), gatekeeper.expect(&largest));
    let (sent, error) = tokio::join!(stage.gatekeeper.rest(), async {
        let too_large = frame(256 * 1024 + 1);
        stage.client.send_what_fits(too_large.as_bytes(), Duration::from_secs(1)).await;
        stage.client.rest().await
    });
    assert_eq!(sent, "</stream:stream>");
    assert!(error.contains("<stanza-too-big "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_gatekeeper_may_send_larger_stanzas_than_clients() {
    let mut stage = Stage::bound(Setting::default()).await;
    let roster = format!(
        "<iq type='result' id='r'><query xmlns='jabber:iq:roster'>{}</query></iq>",
        "<item/>".repeat(60_000)
    );
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(gatekeeper.send(&roster), client.expect(&roster));
}

fn rate(stanzas: u32, kib: u32) -> Option<Rate> {
    let count = |value| NonZeroU32::new(value).expect("not zero");
    Some(Rate {
        stanzas_per_second: count(stanzas),
        stanza_burst: count(stanzas),
        kib_per_second: count(kib),
        kib_burst: count(kib.max(256)),
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_stanza_rate_is_slowed_and_loses_nothing() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 1000))).await;
    let began = Instant::now();
    let message = "<message to='bob@gatekeeper.example'><body>x</body></message>";
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let flood = message.repeat(200);
    tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
    let seconds = began.elapsed().as_secs();
    assert!((18..=20).contains(&seconds), "200 stanzas at 10 a second took {seconds} s");
    stage.client.vanish().await;
    assert!(stage.ended().await.counters.throttled >= Duration::from_secs(18));
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_byte_rate_is_slowed() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10_000, 10))).await;
    let began = Instant::now();
    let message =
        format!("<message to='bob@gatekeeper.example'><body>{}</body></message>", "x".repeat(10_180));
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let flood = message.repeat(50);
    tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
    let seconds = began.elapsed().as_secs();
    // 500 KiB, of which the burst lets 256 pass at once.
    assert!((22..=27).contains(&seconds), "500 KiB at 10 KiB a second took {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_are_not_charged() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 1000))).await;
    let began = Instant::now();
    let answers = "<a xmlns='urn:xmpp:sm:3' h='1'/>".repeat(100);
    stage.passes_up(&answers).await;
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn white_space_and_acknowledgements_cost_their_bytes() {
    let padded = format!("<r xmlns='urn:xmpp:sm:3'><x>{}</x></r>", "x".repeat(10_000));
    for piece in [" ".repeat(10_000), padded] {
        let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 10))).await;
        let began = Instant::now();
        let flood = piece.repeat(50);
        let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
        tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
        // About 490 KiB, of which the burst lets 256 pass at once.
        assert!((20..=27).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slowed_client_still_gets_what_the_gatekeeper_sends() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(1, 1000))).await;
    stage.client.send("<presence/>".repeat(50)).await;
    let began = Instant::now();
    stage.passes_down("<message from='bob@gatekeeper.example'/>").await;
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slowed_client_that_vanishes_ends_its_session() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(1, 1000))).await;
    stage.client.send("<presence/>".repeat(4)).await;
    stage.client.vanish().await;
    let began = Instant::now();
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
    assert!(began.elapsed() < Duration::from_secs(10));
}
