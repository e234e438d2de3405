//! What a session has once it is bound, which may outlive its connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::sandbox::gatekeeper::Shared;
use crate::sandbox::gatekeeper::queue::Waiting;
use crate::sandbox::gatekeeper::resumption::Claim;
use crate::sandbox::gatekeeper::routing::Binding;
use crate::sandbox::gatekeeper::stream_management::StreamManagement;

/// A bound resource. When it is dropped the session is over: its contacts see it go, and what it did not get is given
/// back.
pub(in crate::sandbox::gatekeeper) struct Bound {
    pub binding: Binding,
    /// Once the client has enabled it.
    pub management: Option<StreamManagement>,
    /// Once the client has enabled it, and asked for this.
    pub resumption: Option<Resumption>,
    /// Where the owner takes claims.
    pub claim: mpsc::Sender<Claim>,
    shared: Arc<Shared>,
}

/// That a session can be resumed.
pub(in crate::sandbox::gatekeeper) struct Resumption {
    pub id: String,
    /// For how long after its connection was lost.
    pub within: Duration,
}

/// A bound resource with what others want of its owner: to hand it over.
pub(in crate::sandbox::gatekeeper) struct Claimable {
    pub bound: Bound,
    pub claims: mpsc::Receiver<Claim>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.shared.leave(&self.binding);
        let management = self.management.take().unwrap_or_default();
        if let Some(resumption) = &self.resumption {
            self.shared.resumptions.end(&resumption.id, management.handled());
        }
        let mut undelivered: Vec<_> = management.unacknowledged().cloned().collect();
        undelivered.extend(self.binding.close());
        self.shared.give_back(&self.binding.account, undelivered);
    }
}

impl Claimable {
    pub fn new(binding: Binding, shared: Arc<Shared>) -> Self {
        let (claim, claims) = mpsc::channel(1);
        Self { bound: Bound { binding, management: None, resumption: None, claim, shared }, claims }
    }

    /// Keeps the session without a connection, until it is claimed, ended, or nobody came for it. What comes for it
    /// meanwhile is kept; when there is too much of it, the session is over and all is given back.
    pub async fn wait(mut self) {
        let Some(Resumption { within, .. }) = self.bound.resumption else { return };
        let expiry = tokio::time::sleep(within);
        tokio::pin!(expiry);
        loop {
            tokio::select! {
                () = &mut expiry => return,
                _ = self.bound.binding.end.reached() => return,
                Some(claim) = self.claims.recv() => match claim.send(self) {
                    Ok(()) => return,
                    // Who claimed it is gone already.
                    Err(unclaimed) => self = unclaimed,
                },
                Some(stanza) = self.bound.binding.mail.next() => {
                    if !self.bound.keep_for_later(stanza) {
                        return;
                    }
                }
            }
        }
    }
}

impl Bound {
    /// Whether a stanza could be kept, and more can be.
    fn keep_for_later(&mut self, stanza: Waiting) -> bool {
        self.management
            .as_mut()
            .is_some_and(|management| management.keep(stanza).is_ok() && !management.is_full())
    }
}
