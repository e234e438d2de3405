//! The pushes: whom gatekeepers asked to wake. There is no content in them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use super::recent::Recent;
use super::refusal::Refusal;
use crate::sandbox::token::seconds_since_epoch;

/// Kept of one user; the oldest of more are forgotten.
const KEPT: usize = 64;
/// How long a gatekeeper may repeat an order.
const REPEATED_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Orders remembered of one gatekeeper.
const REMEMBERED: usize = 4096;

/// What a gatekeeper said of a user: something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Push {
    pub visible_id: String,
    /// The gatekeeper's domain.
    pub gatekeeper: String,
    /// When it came, in seconds since the Unix epoch.
    pub received_at: u64,
    /// The value of the request's `Idempotency-Key`, without its quotes. It is the gatekeeper's, and not told to users.
    #[serde(skip)]
    pub key: String,
    /// The request's body as it came, at most as long as any is. Not told to users.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// All that came.
#[derive(Default)]
pub struct Pushes(watch::Sender<Received>);

#[derive(Default)]
struct Received {
    inboxes: HashMap<String, Inbox>,
    /// Per gatekeeper, whom an idempotency key woke.
    orders: HashMap<String, Recent<String>>,
    count: u64,
}

#[derive(Default)]
struct Inbox {
    /// Numbered as they came, over all users; the oldest first.
    kept: VecDeque<(u64, Push)>,
    /// How many of the newest nobody has waited for yet.
    unseen: usize,
}

impl Pushes {
    /// Takes a gatekeeper's order to wake a user that exists, once for each idempotency key.
    pub fn take(&self, gatekeeper: &str, key: &str, visible_id: &str, body: &[u8]) -> Result<(), Refusal> {
        let mut result = Ok(());
        self.0.send_if_modified(|received| {
            let push = Push {
                visible_id: visible_id.to_owned(),
                gatekeeper: gatekeeper.to_owned(),
                received_at: seconds_since_epoch(SystemTime::now()),
                key: key.to_owned(),
                body: body.to_vec(),
            };
            let taken = received.take(push, Instant::now());
            result = taken.map(drop);
            taken == Ok(true)
        });
        result
    }

    /// Those of all users that are kept, the oldest first.
    pub fn all(&self) -> Vec<Push> {
        let received = self.0.borrow();
        let mut all: Vec<_> = received.inboxes.values().flat_map(|inbox| &inbox.kept).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, push)| push.clone()).collect()
    }

    /// Those of one user that are kept, the oldest first.
    pub fn of(&self, visible_id: &str) -> Vec<Push> {
        let received = self.0.borrow();
        let kept = received.inboxes.get(visible_id).map(|inbox| &inbox.kept);
        kept.into_iter().flatten().map(|(_, push)| push.clone()).collect()
    }

    /// The oldest push of this user that no call of this has returned yet, when there is one.
    pub async fn next(&self, visible_id: &str) -> Push {
        let mut changes = self.0.subscribe();
        loop {
            changes.mark_unchanged();
            let mut next = None;
            self.0.send_if_modified(|received| {
                next = received.inboxes.get_mut(visible_id).and_then(Inbox::next);
                false
            });
            if let Some(push) = next {
                return push;
            }
            // The sender is `self`, so that the channel cannot close while this waits.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Received {
    /// Whether the push is a new one.
    fn take(&mut self, push: Push, now: Instant) -> Result<bool, Refusal> {
        let orders = self
            .orders
            .entry(push.gatekeeper.clone())
            .or_insert_with(|| Recent::new(REPEATED_WITHIN, REMEMBERED));
        match orders.get_mut(&push.key, now) {
            Some((woken, _)) if *woken == push.visible_id => return Ok(false),
            Some(_) => return Err(Refusal::IdempotencyKeyReused),
            None => orders.insert(&push.key, push.visible_id.clone(), now),
        }
        self.count += 1;
        let inbox = self.inboxes.entry(push.visible_id.clone()).or_default();
        inbox.kept.push_back((self.count, push));
        if inbox.kept.len() > KEPT {
            inbox.kept.pop_front();
        }
        inbox.unseen = (inbox.unseen + 1).min(KEPT);
        Ok(true)
    }
}

impl Inbox {
    fn next(&mut self) -> Option<Push> {
        let seen = self.kept.len().checked_sub(self.unseen)?;
        let (_, push) = self.kept.get(seen)?;
        self.unseen -= 1;
        Some(push.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(key: &str, visible_id: &str) -> Push {
        Push {
            visible_id: visible_id.to_owned(),
            gatekeeper: "g".to_owned(),
            received_at: 0,
            key: key.to_owned(),
            body: Vec::new(),
        }
    }

    #[test]
    fn an_order_is_done_once_within_an_hour() {
        let start = Instant::now();
        let mut received = Received::default();
        assert_eq!(received.take(push("1", "ann"), start), Ok(true));
        let almost = start + REPEATED_WITHIN - Duration::from_secs(1);
        assert_eq!(received.take(push("1", "ann"), almost), Ok(false));
        assert_eq!(received.take(push("1", "ben"), almost), Err(Refusal::IdempotencyKeyReused));
        assert_eq!(received.take(push("1", "ben"), start + REPEATED_WITHIN), Ok(true));
    }

    #[test]
    fn gatekeepers_do_not_share_their_keys() {
        let pushes = Pushes::default();
        for gatekeeper in ["g", "h"] {
            assert_eq!(pushes.take(gatekeeper, "1", "ann", b"{}"), Ok(()));
        }
        assert_eq!(pushes.all().len(), 2);
    }

    #[test]
    fn the_oldest_pushes_of_a_user_are_forgotten_and_others_stay() {
        let pushes = Pushes::default();
        pushes.take("g", "ben", "ben", b"{}").unwrap();
        for key in 0..=KEPT {
            pushes.take("g", &key.to_string(), "ann", b"{}").unwrap();
        }
        assert_eq!((pushes.of("ann").len(), pushes.of("ben").len(), pushes.of("cat").len()), (KEPT, 1, 0));
        assert_eq!(pushes.all().first().map(|push| push.visible_id.as_str()), Some("ben"));
    }

    #[tokio::test]
    async fn every_push_can_be_waited_for_once() {
        let pushes = Pushes::default();
        pushes.take("g", "1", "ann", b"{}").unwrap();
        assert_eq!(pushes.next("ann").await.gatekeeper, "g");
        let coming = async {
            pushes.take("g", "2", "ben", b"{}").unwrap();
            pushes.take("h", "3", "ann", br#"{"visible_id":"ann"}"#).unwrap();
        };
        let (push, ()) = tokio::join!(pushes.next("ann"), coming);
        assert_eq!(push.gatekeeper, "h");
        assert_eq!((push.key.as_str(), push.body.as_slice()), ("3", br#"{"visible_id":"ann"}"#.as_slice()));
        let shown = serde_json::to_value(&push).unwrap();
        assert!(shown.get("body").is_none() && shown.get("key").is_none(), "users see what is theirs");
    }
}
