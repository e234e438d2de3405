//! Peers that do not take what they are sent.

use std::sync::Arc;
use std::time::Duration;

use vestibule::relay::{Budget, Failure, Outcome, Side};

use crate::stage::*;

/// More than any outbox and pipe together hold.
const FLOOD: usize = 1 << 20;

/// An outbox holds this, and one more frame.
const HIGH_WATER: usize = 64 * 1024;

fn flood(length: usize) -> Vec<u8> {
    let message = format!("<message to='bob@gatekeeper.example'><body>{}</body></message>", "x".repeat(1000));
    message.repeat(length / message.len()).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_does_not_read_slows_the_client_within_bounds() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = None)).await;
    let sent = stage.client.send_what_fits(&flood(FLOOD), Duration::from_secs(1)).await;
    // The outbox, both pipes, the reader's buffer, and a frame.
    assert!(sent < HIGH_WATER + 2 * 16 * 1024 + 8 * 1024 + 2 * 1024, "{sent} bytes were taken");
    // The other direction is not held up.
    stage.passes_down("<message from='bob@gatekeeper.example'/>").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_slows_the_gatekeeper_within_bounds() {
    let mut stage = Stage::bound(Setting::default()).await;
    let sent = stage.gatekeeper.send_what_fits(&flood(FLOOD), Duration::from_secs(1)).await;
    assert!(sent < HIGH_WATER + 2 * 16 * 1024 + 8 * 1024 + 2 * 1024, "{sent} bytes were taken");
    stage.passes_up("<message to='bob@gatekeeper.example'/>").await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_arrives_in_order_once_it_is_read() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = None)).await;
    let flood = flood(FLOOD);
    let text = String::from_utf8(flood.clone()).expect("UTF-8");
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(client.send(&flood), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        gatekeeper.expect(&text).await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_thirty_seconds_is_lost() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.gatekeeper.send_what_fits(&flood(FLOOD), Duration::from_secs(1)).await;
    let began = tokio::time::Instant::now();
    // The gatekeeper's stream is cut, not closed: the session can be resumed.
    stage.gatekeeper.expect_last("").await;
    assert!((28..=31).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::WriteStall));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_now_and_then_is_not_lost() {
    let mut stage = Stage::bound(Setting::default()).await;
    let flood = flood(160 * 1024);
    let text = String::from_utf8(flood.clone()).expect("UTF-8");
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(gatekeeper.send(&flood), async {
        for part in text.as_bytes().chunks(20 * 1024) {
            tokio::time::sleep(Duration::from_secs(25)).await;
            client.expect(std::str::from_utf8(part).expect("ASCII")).await;
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_side_that_is_not_read_is_watched_for_its_end() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = None)).await;
    // The client is not read, as the gatekeeper takes nothing; all that it has sent was read before.
    let sent = stage.client.send_what_fits(&flood(HIGH_WATER), Duration::from_secs(1)).await;
    assert!(sent > 0);
    stage.client.vanish().await;
    let began = tokio::time::Instant::now();
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_frame_beyond_the_process_memory_is_a_resource_constraint() {
    let budget = Arc::new(Budget::new(32 * 1024));
    let mut setting = Setting::with_limits(|limits| limits.client_rate = None);
    setting.budget = Arc::clone(&budget);
    let mut stage = Stage::bound(setting).await;
    let stanza = format!("<message to='bob@gatekeeper.example'><body>{}", "x".repeat(100_000));
    stage.client.send_what_fits(stanza.as_bytes(), Duration::from_secs(1)).await;
    stage.client.expect_last(&stream_error("resource-constraint")).await;
    stage.client.vanish().await;
    stage.gatekeeper.vanish().await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::NoMemory));
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_memory_is_short_a_full_outbox_slows_its_writer_and_nothing_is_lost() {
    let budget = Arc::new(Budget::new(32 * 1024));
    let mut setting = Setting::with_limits(|limits| limits.client_rate = None);
    setting.budget = Arc::clone(&budget);
    let mut stage = Stage::bound(setting).await;
    let flood = flood(FLOOD);
    let sent = stage.client.send_what_fits(&flood, Duration::from_secs(1)).await;
    // With the budget's free part, its three quarters, and the pipes and readers on the way: well below what an outbox
    // holds otherwise.
    assert!(sent < HIGH_WATER + 16 * 1024, "{sent} bytes were taken");
    let text = String::from_utf8(flood.clone()).expect("UTF-8");
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(client.send(&flood[sent..]), gatekeeper.expect(&text));
}
