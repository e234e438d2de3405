//! What clients' accounts are held to: sessions at one time, and what all of them may send together.
//!
//! No account is kept, only a keyed hash of it: the memory holds no list of who is there.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::store::{Key, KeyedHash, Refills, SECRET_LENGTH, Store};
use super::{Buckets, Rate};

/// Accounts without a session that are remembered: at about 400 bytes each, 26 MB.
const MOST_IDLE: usize = 65_536;

/// Resumption ids that are remembered with their account: at about 70 bytes each, 9 MB. As a session may be resumed by
/// whom it belongs to for minutes only, that is enough for some hundred sessions a second.
const MOST_RESUMPTIONS: usize = 131_072;

/// What one account is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Sessions at one time.
    pub sessions: NonZeroU32,
    /// What all of them may send.
    pub rate: Rate,
}

/// The account has as many sessions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySessions;

impl TooManySessions {
    /// The word in policies, logs and metrics.
    pub const NAME: &str = "too-many-sessions";
}

/// The accounts that have sessions, or had some lately. Locked when a session is bound or resumed, and when it ends.
pub struct Accounts {
    hash: KeyedHash,
    store: Mutex<Store<Account>>,
    resumptions: Mutex<Resumptions>,
}

/// One account: what its sessions share, and the rate that they are held to.
struct Account {
    rate: Rate,
    buckets: Buckets,
}

/// Which account a resumption id belongs to. Of too many the one that was not used for longest is forgotten: its session, once
/// resumed, is held to its own limits only.
#[derive(Default)]
struct Resumptions {
    /// With the number of its last use.
    accounts: BTreeMap<Key, (Key, u64)>,
    /// By the number of the last use.
    order: BTreeMap<u64, Key>,
    uses: u64,
}

/// The right of an account to one session. Given back when it is dropped.
pub struct AccountPermit {
    accounts: Arc<Accounts>,
    key: Key,
    account: Arc<Account>,
}

impl Accounts {
    /// `secret` is random, and used for nothing else.
    pub fn new(secret: &[u8; SECRET_LENGTH]) -> Self {
        Self {
            hash: KeyedHash::new(secret),
            store: Mutex::new(Store::new(MOST_IDLE)),
            resumptions: Mutex::default(),
        }
    }

    /// One more session of an account, by its bare JID, at a host.
    pub fn enter(
        self: &Arc<Self>,
        host: &str,
        account: &str,
        limits: &AccountLimits,
        now: Instant,
    ) -> Result<AccountPermit, TooManySessions> {
        let (permit, sessions) = self.permit(self.account(host, account), limits, now);
        // The permit that is dropped is given back.
        if sessions > limits.sessions.get() { Err(TooManySessions) } else { Ok(permit) }
    }

    /// A session that was resumed (XEP-0198, 5) by a client that the gatekeeper has named. It is never one too many: it
    /// takes the place of one whose connection the gatekeeper closes, and which may not have ended here yet.
    pub fn reenter(
        self: &Arc<Self>,
        host: &str,
        account: &str,
        limits: &AccountLimits,
        now: Instant,
    ) -> AccountPermit {
        self.permit(self.account(host, account), limits, now).0
    }

    /// The same, by its resumption id, if it is known whose it is.
    pub fn resume(
        self: &Arc<Self>,
        host: &str,
        id: &str,
        limits: &AccountLimits,
        now: Instant,
    ) -> Option<AccountPermit> {
        let id = self.resumption(host, id);
        let key = self.resumptions().use_again(id)?;
        Some(self.permit(key, limits, now).0)
    }

    /// A session that is held to another rate than those before it has buckets of its own, of which as much is used: the
    /// host's limits have changed.
    fn permit(self: &Arc<Self>, key: Key, limits: &AccountLimits, now: Instant) -> (AccountPermit, u32) {
        let mut store = self.store();
        let rate = limits.rate;
        let (mut account, sessions) =
            store.enter(key, now, || Account { rate, buckets: Buckets::new(rate, now) });
        if account.rate != rate {
            account = store.replace(key, Account { rate, buckets: account.buckets.under(rate, now) });
        }
        (AccountPermit { accounts: Arc::clone(self), key, account }, sessions)
    }

    fn account(&self, host: &str, account: &str) -> Key {
        self.hash.of(&[b"account", host.as_bytes(), account.as_bytes()])
    }

    fn resumption(&self, host: &str, id: &str) -> Key {
        self.hash.of(&[b"resumption", host.as_bytes(), id.as_bytes()])
    }

    fn store(&self) -> MutexGuard<'_, Store<Account>> {
        // A panic leaves an entry counted or not, and nothing half done.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resumptions(&self) -> MutexGuard<'_, Resumptions> {
        self.resumptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountPermit {
    /// What the account's sessions share.
    pub(super) fn buckets(&self) -> &Buckets {
        &self.account.buckets
    }

    /// The session can be resumed by this id.
    pub fn remember_resumption(&self, host: &str, id: &str) {
        let id = self.accounts.resumption(host, id);
        self.accounts.resumptions().remember(id, self.key);
    }
}

impl Refills for Account {
    fn full(&self) -> Instant {
        self.buckets.full()
    }
}

impl Drop for AccountPermit {
    fn drop(&mut self) {
        self.accounts.store().leave(self.key);
    }
}

impl Resumptions {
    fn remember(&mut self, id: Key, account: Key) {
        self.uses = self.uses.wrapping_add(1);
        if let Some((_, before)) = self.accounts.insert(id, (account, self.uses)) {
            self.order.remove(&before);
        }
        self.order.insert(self.uses, id);
        if self.order.len() > MOST_RESUMPTIONS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.accounts.remove(&oldest);
        }
    }

    /// The account of an id, which goes on naming the session that was resumed by it (XEP-0198, 5).
    fn use_again(&mut self, id: Key) -> Option<Key> {
        let (account, _) = *self.accounts.get(&id)?;
        self.remember(id, account);
        Some(account)
    }
}

#[cfg(test)]
mod tests;
