//! Whom the providers were asked to wake, so that none is asked more often than helps, and a slow one keeps nobody else's
//! users asleep.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Shared;

/// How long a user who was asked for is not asked for again, unless the user has come meanwhile.
const PAUSE: Duration = Duration::from_secs(60);
/// The same for a user whose provider could not be asked, which may be back soon.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Pushes to one provider that are under way at the same time: fewer than it is called at all, so that log-ins find room.
const CALLS: usize = 32;
/// Users of one provider who are asked for when a call has ended; who comes later is asked for with the next message.
const OWED: usize = 1024;

/// How often a user's provider was asked to wake the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Pushes {
    pub asked: u64,
    /// Of those, the ones that the provider did not take.
    pub failed: u64,
}

/// All users and their providers.
#[derive(Default)]
pub(super) struct Waking(Mutex<State>);

#[derive(Default)]
struct State {
    /// By internal identifier.
    users: BTreeMap<String, User>,
    /// By issuer.
    calls: BTreeMap<String, Calls>,
}

#[derive(Default)]
struct User {
    pushes: Pushes,
    under_way: bool,
    /// When the user may be asked for again, unless the user has come since.
    not_before: Option<Instant>,
}

/// One provider's.
#[derive(Default)]
struct Calls {
    under_way: usize,
    /// The users for whom there was no room, in their order.
    owed: VecDeque<String>,
}

impl Shared {
    /// Asks a user's provider to wake the user, in a task of its own. The gatekeeper's own users have nobody to be asked.
    pub(super) fn wake(self: &Arc<Self>, account: &str) {
        let Some(enlistment) = self.enlistments.get(account) else { return };
        let has_room = self.waking.begin(&enlistment.issuer, account);
        self.drop_if_gone(account);
        if has_room {
            tokio::spawn(self.clone().push_one_by_one(enlistment.issuer, enlistment.internal_id));
        }
    }

    /// Asks for this user, and then for those of the same provider for whom there was no room.
    async fn push_one_by_one(self: Arc<Self>, issuer: String, account: String) {
        let mut next = Some(account);
        while let Some(account) = next {
            let woken = match self.enlistments.get(&account) {
                Some(enlistment) => self.providers.wake(&issuer, &enlistment.visible_id).await.is_ok(),
                None => false,
            };
            next = self.waking.finish(&issuer, &account, woken);
        }
    }
}

impl Waking {
    /// The user is there.
    pub fn arrived(&self, account: &str) {
        let mut state = self.state();
        state.forgive(account);
        if let Some(user) = state.users.get_mut(account) {
            user.not_before = None;
        }
    }

    pub fn forget(&self, account: &str) {
        let mut state = self.state();
        state.forgive(account);
        state.users.remove(account);
    }

    pub fn pushes(&self, account: &str) -> Pushes {
        self.state().users.get(account).map(|user| user.pushes).unwrap_or_default()
    }

    /// Whether the user is to be asked for now; then it counts as done. A user for whom there is no room is remembered.
    fn begin(&self, issuer: &str, account: &str) -> bool {
        let mut state = self.state();
        let State { users, calls } = &mut *state;
        let user = users.entry(account.to_owned()).or_default();
        let calls = calls.entry(issuer.to_owned()).or_default();
        let now = Instant::now();
        if !user.may_be_asked_for(now) {
            return false;
        }
        if calls.under_way >= CALLS {
            calls.owe(account);
            return false;
        }
        calls.under_way += 1;
        user.begin(now);
        true
    }

    /// A call has ended. Returns who is to be asked for in its place.
    fn finish(&self, issuer: &str, account: &str, woken: bool) -> Option<String> {
        let mut state = self.state();
        let State { users, calls } = &mut *state;
        let now = Instant::now();
        if let Some(user) = users.get_mut(account) {
            user.finish(now, woken);
        }
        let calls = calls.get_mut(issuer)?;
        let Some(next) = calls.owed.pop_front() else {
            calls.under_way -= 1;
            return None;
        };
        users.entry(next.clone()).or_default().begin(now);
        Some(next)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Nobody has to be asked for this user any more.
    fn forgive(&mut self, account: &str) {
        for calls in self.calls.values_mut() {
            calls.owed.retain(|owed| owed != account);
        }
    }
}

impl User {
    fn may_be_asked_for(&self, now: Instant) -> bool {
        !self.under_way && self.not_before.is_none_or(|time| now >= time)
    }

    fn begin(&mut self, now: Instant) {
        self.under_way = true;
        self.not_before = Some(now + PAUSE);
        self.pushes.asked += 1;
    }

    fn finish(&mut self, now: Instant, woken: bool) {
        self.under_way = false;
        if !woken {
            self.pushes.failed += 1;
            self.not_before = self.not_before.map(|time| time.min(now + PAUSE_AFTER_FAILURE));
        }
    }
}

impl Calls {
    fn owe(&mut self, account: &str) {
        if self.owed.len() < OWED && !self.owed.iter().any(|owed| owed == account) {
            self.owed.push_back(account.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://provider.example";

    #[tokio::test(start_paused = true)]
    async fn a_user_is_asked_for_again_after_having_been_there_or_after_some_time() {
        let waking = Waking::default();
        assert!(waking.begin(ISSUER, "ann"));
        waking.arrived("ann");
        assert!(!waking.begin(ISSUER, "ann"), "the call is still under way");
        waking.finish(ISSUER, "ann", false);
        assert!(waking.begin(ISSUER, "ann"));
        waking.finish(ISSUER, "ann", true);
        assert!(!waking.begin(ISSUER, "ann"));
        assert!(waking.begin(ISSUER, "ben"));
        tokio::time::advance(PAUSE).await;
        assert!(waking.begin(ISSUER, "ann"));
        assert_eq!(waking.pushes("ann"), Pushes { asked: 3, failed: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_whose_provider_could_not_be_asked_is_asked_for_again_soon() {
        let waking = Waking::default();
        assert!(waking.begin(ISSUER, "ann"));
        waking.finish(ISSUER, "ann", false);
        assert!(!waking.begin(ISSUER, "ann"));
        tokio::time::advance(PAUSE_AFTER_FAILURE).await;
        assert!(waking.begin(ISSUER, "ann"));
    }

    #[test]
    fn who_is_forgotten_is_not_remembered_by_a_call_that_ends_later() {
        let waking = Waking::default();
        assert!(waking.begin(ISSUER, "ann"));
        waking.forget("ann");
        waking.finish(ISSUER, "ann", false);
        assert!(waking.state().users.is_empty());
    }

    /// As many calls to this provider as may be under way.
    fn busy() -> Waking {
        let waking = Waking::default();
        for user in 0..CALLS {
            assert!(waking.begin(ISSUER, &format!("user-{user}")));
        }
        waking
    }

    #[test]
    fn a_slow_provider_keeps_no_others_users_asleep() {
        let waking = busy();
        assert!(!waking.begin(ISSUER, "ann"));
        assert!(waking.begin("https://other.example", "ben"));
    }

    #[test]
    fn who_finds_no_room_is_asked_for_once_when_there_is_some() {
        let waking = busy();
        for user in ["ann", "ben", "ann", "cat", "dan"] {
            assert!(!waking.begin(ISSUER, user));
        }
        waking.arrived("ben");
        waking.forget("cat");
        let next: Vec<_> =
            (0..CALLS).map(|user| waking.finish(ISSUER, &format!("user-{user}"), true)).collect();
        assert_eq!(next.into_iter().flatten().collect::<Vec<_>>(), ["ann", "dan"]);
        assert_eq!(waking.pushes("ann").asked, 1);
        assert_eq!([waking.finish(ISSUER, "ann", true), waking.finish(ISSUER, "dan", true)], [None, None]);
        assert_eq!(waking.state().calls[ISSUER].under_way, 0);
    }

    #[test]
    fn only_so_many_users_wait_to_be_asked_for() {
        let waking = busy();
        for user in 0..=OWED {
            waking.begin(ISSUER, &format!("late-{user}"));
        }
        assert_eq!(waking.state().calls[ISSUER].owed.len(), OWED);
    }
}
