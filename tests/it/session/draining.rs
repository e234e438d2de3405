//! How sessions end when the process does: each in its turn, none later than the spread.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vestibule::relay::{Failure, Outcome, Side};
use vestibule::session::Stop;

use crate::stage::*;

const SPREAD: Duration = Duration::from_secs(400);

/// What a session may need to end once it was told to.
const SLACK: Duration = Duration::from_secs(10);

fn sharing(stop: &Arc<Stop>) -> Setting {
    Setting { stop: Arc::clone(stop), ..Setting::default() }
}

async fn bound(stop: &Arc<Stop>, resumable: bool) -> Stage {
    let mut stage = Stage::bound(sharing(stop)).await;
    if resumable {
        stage.passes_up("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
        stage.passes_down("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>").await;
    }
    stage
}

#[tokio::test(start_paused = true)]
async fn sessions_of_both_kinds_end_evenly_over_the_spread() {
    let stop = Arc::new(Stop::default());
    let mut sessions = Vec::new();
    for number in 0..80 {
        sessions.push((number % 2 == 0, bound(&stop, number % 2 == 0).await));
    }
    let began = Instant::now();
    stop.drain((began + SPREAD).into_std());
    let mut ending = tokio::task::JoinSet::new();
    for (resumable, stage) in sessions {
        ending.spawn(async move { (resumable, stage.outcome().await, began.elapsed()) });
    }
    let mut quarters = [[0; 4]; 2];
    while let Some(ended) = ending.join_next().await {
        let (resumable, outcome, after) = ended.unwrap();
        let expected =
            if resumable { Outcome::Cut } else { Outcome::Failed(Side::Downstream, Failure::Shutdown) };
        assert_eq!(outcome, expected);
        assert!(after <= SPREAD + SLACK, "{after:?}");
        quarters[usize::from(resumable)][(after.as_secs() / 100).min(3) as usize] += 1;
    }
    assert!(quarters.as_flattened().iter().all(|count| (8..=12).contains(count)), "{quarters:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_served_until_its_turn_also_one_that_begins_during_the_drain() {
    let stop = Arc::new(Stop::default());
    // The first one has its turn at once, and is not looked at.
    let _first = Stage::open(sharing(&stop));
    let mut old = bound(&stop, false).await;
    let began = Instant::now();
    stop.drain((began + SPREAD).into_std());
    old.passes_up("<presence/>").await;
    tokio::time::sleep(SPREAD / 2).await;
    old.passes_up("<presence/>").await;
    // Of these three, one has its turn early in what is left, and none has had it.
    let _early = [Stage::open(sharing(&stop)), Stage::open(sharing(&stop))];
    let mut new = bound(&stop, true).await;
    new.passes_up("<presence/>").await;
    old.client.expect_last(&stream_error("system-shutdown")).await;
    new.client.expect_last("").await;
    let after = began.elapsed();
    assert!(after > SPREAD / 2 && after <= SPREAD + SLACK, "{after:?}");
    assert_eq!(new.outcome().await, Outcome::Cut);
}
