//! What a session is charged to: the rates of both sides, the client's address, and the client's account.

use std::sync::Arc;
use std::time::Instant;

use crate::limit::{Accounts, AddressPermit, Limits, RateLimit, Slowed};
use crate::stanza::{Element, Jid};

use super::state::State;
use super::{Failure, Side};

/// A side is not read for a while, as it is over a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle {
    since: Instant,
    until: Instant,
    by: RateLimit,
}

/// Whose session it is, as far as limits are concerned. The account is the limiter's, once the gatekeeper has said who the
/// client is.
pub(super) struct Quotas {
    address: AddressPermit,
    accounts: Arc<Accounts>,
}

impl Quotas {
    pub(super) fn new(address: AddressPermit, accounts: Arc<Accounts>) -> Self {
        Self { address, accounts }
    }

    /// What the host that was named says of the client's address.
    pub(super) fn hold_address_to(&self, limits: &Limits) -> Result<(), Failure> {
        Ok(self.address.hold_to(&limits.connections)?)
    }

    pub(super) fn fail_authentication(&self, limits: &Limits, now: Instant) -> Result<(), Failure> {
        Ok(self.address.fail_authentication(&limits.connections, now)?)
    }
}

impl State {
    /// The side is not read until it is out of debt.
    pub(super) fn throttle(&mut self, side: Side, slowed: Slowed, now: Instant) {
        self.throttled[side] = Some(Throttle { since: now, until: slowed.until, by: slowed.by });
    }

    pub(super) fn throttle_deadlines(&self) -> impl Iterator<Item = Instant> {
        Side::BOTH.into_iter().filter_map(|side| Some(self.throttled[side]?.until))
    }

    /// When the client was heard last. While it is not read, it cannot be.
    pub(super) fn heard(&self) -> Instant {
        self.throttled.downstream.map_or(self.last_input, |throttle| throttle.until.max(self.last_input))
    }

    /// Sides that are out of debt are read again.
    pub(super) fn end_throttles(&mut self, now: Instant) {
        self.last_input = self.heard().min(now);
        for side in Side::BOTH {
            if let Some(over) = self.throttled[side].take_if(|throttle| throttle.until <= now) {
                self.count_throttled(side, over, now);
            }
        }
    }

    /// Nothing is relayed any more, so that nothing waits.
    pub(super) fn give_up_throttles(&mut self, now: Instant) {
        for side in Side::BOTH {
            if let Some(over) = self.throttled[side].take() {
                self.count_throttled(side, over, now);
            }
        }
    }

    fn count_throttled(&mut self, side: Side, over: Throttle, now: Instant) {
        let waited = now.saturating_duration_since(over.since);
        self.counters.throttled[side][over.by as usize] += waited;
    }

    /// The gatekeeper has bound the client to this full JID: it is one more session of the account. A failure: it is one
    /// too many.
    pub(super) fn enter_account(&mut self, jid: Option<&str>, now: Instant) -> Option<Failure> {
        // What is no address could be anything, and of any length.
        let jid = jid.filter(|jid| Jid::parse(jid).is_ok())?;
        if self.learn.account {
            self.account = Some(jid.into());
        }
        let (host, limits) = (self.host.as_ref()?, &self.limits.accounts);
        let account = Jid::parse(jid).ok()?;
        match self.quotas.accounts.enter(&host.name, account.bare(), limits, now) {
            Ok(permit) => {
                self.limiters.downstream.join(permit, now);
                None
            }
            Err(_) => Some(Failure::TooManySessions),
        }
    }

    /// The gatekeeper has resumed a session. False: it does not say whose it is.
    pub(super) fn reenter_account(&mut self, jid: Option<&str>, now: Instant) -> bool {
        if let Some(jid) = jid
            && let Ok(account) = Jid::parse(jid)
            && let Some(host) = &self.host
        {
            if self.learn.account {
                self.account = Some(jid.into());
            }
            let limits = &self.limits.accounts;
            let permit = self.quotas.accounts.reenter(&host.name, account.bare(), limits, now);
            self.limiters.downstream.join(permit, now);
            return true;
        }
        false
    }

    /// The gatekeeper has resumed a session, and says which one (XEP-0198, 5).
    pub(super) fn resume_account(&mut self, resumed: &Element<'_>, now: Instant) {
        if let Some(id) = resumed.value("previd")
            && let Some(host) = &self.host
            && let Some(permit) = self.quotas.accounts.resume(&host.name, id, &self.limits.accounts, now)
        {
            self.limiters.downstream.join(permit, now);
        }
    }

    /// The session can be resumed by the id of `<enabled/>`.
    pub(super) fn remember_resumption(&self, enabled: &Element<'_>) {
        if let (Some(host), Some(account), Some(id)) =
            (&self.host, self.limiters.downstream.account(), enabled.value("id"))
        {
            account.remember_resumption(&host.name, id);
        }
    }
}
