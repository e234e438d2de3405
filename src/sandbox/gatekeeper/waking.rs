//! Whom the providers were asked to wake, so that none is asked more often than helps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Shared;

/// How long a user who was asked for is not asked for again, unless the user has come meanwhile.
const PAUSE: Duration = Duration::from_secs(60);
/// The same for a user whose provider could not be asked, which may be back soon.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Calls to providers that are under way at the same time; who comes later is asked for with the next message.
const CALLS: usize = 64;

/// How often a user's provider was asked to wake the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Pushes {
    pub asked: u64,
    /// Of those, the ones that the provider did not take.
    pub failed: u64,
}

/// What is known of the providers' users, by internal identifier.
pub(super) struct Waking {
    users: Mutex<BTreeMap<String, User>>,
    calls: Arc<Semaphore>,
}

#[derive(Default)]
struct User {
    pushes: Pushes,
    under_way: bool,
    /// When the user may be asked for again, unless the user has come since.
    not_before: Option<Instant>,
}

impl Default for Waking {
    fn default() -> Self {
        Self { users: Mutex::default(), calls: Arc::new(Semaphore::new(CALLS)) }
    }
}

impl Shared {
    /// Asks a user's provider to wake the user, in a task of its own. The gatekeeper's own users have nobody to be asked.
    pub(super) fn wake(self: &Arc<Self>, account: &str) {
        let Some(enlistment) = self.enlistments.get(account) else { return };
        let Ok(permit) = self.waking.calls.clone().try_acquire_owned() else { return };
        if !self.waking.begin(account) {
            return;
        }
        self.drop_if_gone(account);
        let shared = self.clone();
        tokio::spawn(async move {
            let woken = shared.providers.wake(&enlistment.issuer, &enlistment.visible_id).await;
            shared.waking.finish(&enlistment.internal_id, woken.is_err());
            drop(permit);
        });
    }
}

impl Waking {
    /// The user is there.
    pub fn arrived(&self, account: &str) {
        if let Some(user) = self.users().get_mut(account) {
            user.not_before = None;
        }
    }

    pub fn forget(&self, account: &str) {
        self.users().remove(account);
    }

    pub fn pushes(&self, account: &str) -> Pushes {
        self.users().get(account).map(|user| user.pushes).unwrap_or_default()
    }

    /// Whether the user is to be asked for now; then it counts as done.
    fn begin(&self, account: &str) -> bool {
        let mut users = self.users();
        let user = users.entry(account.to_owned()).or_default();
        let now = Instant::now();
        if user.under_way || user.not_before.is_some_and(|time| now < time) {
            return false;
        }
        user.under_way = true;
        user.not_before = Some(now + PAUSE);
        user.pushes.asked += 1;
        true
    }

    fn finish(&self, account: &str, failed: bool) {
        if let Some(user) = self.users().get_mut(account) {
            user.under_way = false;
            if failed {
                user.pushes.failed += 1;
                let soon = Instant::now() + PAUSE_AFTER_FAILURE;
                user.not_before = user.not_before.map(|time| time.min(soon));
            }
        }
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<String, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_user_is_asked_for_again_after_having_been_there_or_after_some_time() {
        let waking = Waking::default();
        assert!(waking.begin("ann"));
        waking.arrived("ann");
        assert!(!waking.begin("ann"), "the call is still under way");
        waking.finish("ann", true);
        assert!(waking.begin("ann"));
        waking.finish("ann", false);
        assert!(!waking.begin("ann"));
        assert!(waking.begin("ben"));
        tokio::time::advance(PAUSE).await;
        assert!(waking.begin("ann"));
        assert_eq!(waking.pushes("ann"), Pushes { asked: 3, failed: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_whose_provider_could_not_be_asked_is_asked_for_again_soon() {
        let waking = Waking::default();
        assert!(waking.begin("ann"));
        waking.finish("ann", true);
        assert!(!waking.begin("ann"));
        tokio::time::advance(PAUSE_AFTER_FAILURE).await;
        assert!(waking.begin("ann"));
    }

    #[test]
    fn who_is_forgotten_is_not_remembered_by_a_call_that_ends_later() {
        let waking = Waking::default();
        assert!(waking.begin("ann"));
        waking.forget("ann");
        waking.finish("ann", true);
        assert!(waking.users().is_empty());
    }
}
