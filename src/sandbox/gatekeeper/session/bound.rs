//! What a session has once it is bound, which may outlive its connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::sandbox::gatekeeper::Shared;
use crate::sandbox::gatekeeper::memory::Held;
use crate::sandbox::gatekeeper::messages::would_wait;
use crate::sandbox::gatekeeper::queue::Waiting;
use crate::sandbox::gatekeeper::resumption::Claim;
use crate::sandbox::gatekeeper::routing::Binding;
use crate::sandbox::gatekeeper::stream_management::StreamManagement;
use crate::stanza::Condition;

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
    /// What came when as much was unacknowledged as may be: it ends the session, and is given back behind that.
    too_much: Option<Held>,
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
        let mut undelivered: Vec<_> = management.into_unacknowledged().collect();
        undelivered.extend(self.too_much.take().map(|held| held.stanza));
        undelivered.extend(self.binding.close());
        self.shared.give_back(&self.binding.account, undelivered);
    }
}

impl Claimable {
    pub fn new(binding: Binding, shared: Arc<Shared>) -> Self {
        let (claim, claims) = mpsc::channel(1);
        let bound = Bound { binding, management: None, resumption: None, claim, too_much: None, shared };
        Self { bound, claims }
    }

    /// Keeps the session without a connection, until it is claimed, ended, or nobody came for it. What comes for it
    /// meanwhile is kept; when there is too much of it, the session is over and all is given back. The user, who may
    /// not know that the connection is lost, is woken when a message is kept.
    pub async fn wait(mut self) {
        let Some(Resumption { within, .. }) = self.bound.resumption else { return };
        self.bound.wake_for(self.bound.management.iter().flat_map(StreamManagement::unacknowledged));
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
                Some(held) = self.bound.binding.mail.next() => {
                    self.bound.wake_for(std::iter::once(&held.stanza));
                    if !self.bound.keep_for_later(held) {
                        return;
                    }
                }
            }
        }
    }
}

impl Bound {
    /// Holds what the client is answered at once, as what others send it is held; there has to be room for it (RFC 6120,
    /// section 4.9.3.17).
    pub fn hold(&self, answer: String) -> Result<Held, Condition> {
        let held = self.binding.memory.hold(Waiting::now(answer.into_bytes()));
        held.ok_or(Condition::ResourceConstraint)
    }

    /// Wakes the user if one of these stanzas would wait for who is absent.
    fn wake_for<'s>(&self, mut stanzas: impl Iterator<Item = &'s Waiting>) {
        if stanzas.any(|waiting| would_wait(&waiting.stanza)) {
            self.shared.wake(&self.binding.account);
        }
    }

    /// Whether a stanza could be kept, and more can be.
    fn keep_for_later(&mut self, held: Held) -> bool {
        let Some(management) = &mut self.management else { return false };
        self.too_much = management.keep(held).err();
        self.too_much.is_none() && !management.is_full()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::sandbox::gatekeeper::memory::Memory;
    use crate::sandbox::gatekeeper::tests::{ALICE, HOST, gatekeeper};

    const WITHIN: Duration = Duration::from_secs(300);

    /// A session of alice's that can be resumed.
    fn resumable(shared: &Arc<Shared>) -> Claimable {
        let binding = shared.router.bind(ALICE, None, "telephone".to_owned()).unwrap();
        let mut session = Claimable::new(binding, shared.clone());
        session.bound.management = Some(StreamManagement::default());
        session.bound.resumption = Some(Resumption { id: "id".to_owned(), within: WITHIN });
        session
    }

    fn message(body: &str) -> Vec<u8> {
        format!("<message to='{ALICE}@{HOST}'><body>{body}</body></message>").into_bytes()
    }

    fn held(stanza: Vec<u8>) -> Held {
        Memory::default().hold(Waiting::now(stanza)).unwrap()
    }

    fn post(shared: &Shared, stanza: &[u8]) {
        shared.router.deliver_exactly(ALICE, "telephone", stanza, &[]).unwrap();
    }

    /// How often alice's provider was asked, once nothing is left to be done at this time.
    async fn asked_after_a_while(shared: &Shared) -> u64 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shared.waking.pushes(ALICE).asked
    }

    #[tokio::test(start_paused = true)]
    async fn who_opts_out_has_no_session_that_waits() {
        let shared = gatekeeper();
        let (began, waiting) = (Instant::now(), tokio::spawn(resumable(&shared).wait()));
        shared.router.end(ALICE);
        waiting.await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_whose_session_waits_is_woken_for_messages_alone() {
        let shared = gatekeeper();
        tokio::spawn(resumable(&shared).wait());
        post(&shared, b"<presence/>");
        post(&shared, b"<message type='headline'><body>x</body></message>");
        assert_eq!(asked_after_a_while(&shared).await, 0);
        post(&shared, &message("1"));
        assert_eq!(asked_after_a_while(&shared).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_is_woken_for_what_a_lost_session_had_not_acknowledged() {
        let shared = gatekeeper();
        let mut session = resumable(&shared);
        let management = session.bound.management.as_mut().unwrap();
        assert!(management.keep(held(message("1"))).is_ok());
        tokio::spawn(session.wait());
        assert_eq!(asked_after_a_while(&shared).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_who_claim_a_session_at_the_same_moment_the_later_has_it_in_the_end() {
        let shared = gatekeeper();
        let session = resumable(&shared);
        let id = shared.resumptions.open(ALICE, session.bound.claim.clone()).unwrap().unwrap();
        let claim = || shared.resumptions.claim(ALICE, &id);
        let earlier = async { claim().await.map(Claimable::wait).unwrap().await };
        let ((), later, ()) = tokio::join!(earlier, claim(), session.wait());
        assert!(later.is_ok());
    }

    #[tokio::test]
    async fn answers_take_of_the_memory_that_others_stanzas_take() {
        let shared = gatekeeper();
        let mut session = resumable(&shared);
        let answers: Vec<_> = (0..100).map_while(|_| session.bound.hold("x".repeat(1 << 20)).ok()).collect();
        assert_eq!(answers.len(), 31);
        post(&shared, &vec![b'x'; 1 << 19]);
        assert_eq!(session.bound.hold("x".repeat(1 << 19)).err(), Some(Condition::ResourceConstraint));
        assert!(session.bound.binding.mail.try_next().is_some());
        assert!(session.bound.hold("x".repeat(1 << 19)).is_ok());
    }

    #[tokio::test]
    async fn what_comes_when_no_more_can_be_kept_is_given_back() {
        let shared = gatekeeper();
        let mut session = resumable(&shared);
        let management = session.bound.management.as_mut().unwrap();
        // The client's own requests have filled it.
        while management.keep(held(b"<iq type='result'/>".to_vec())).is_ok() {}
        post(&shared, &message("1"));
        session.wait().await;
        let waiting = shared.queue.take(ALICE);
        let stanzas: Vec<_> = waiting.into_iter().map(|queued| queued.message.stanza).collect();
        assert_eq!(stanzas, [message("1")]);
    }
}
