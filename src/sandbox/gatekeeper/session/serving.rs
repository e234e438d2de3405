//! A bound session's connection: both directions, with stream management if the client wants it (XEP-0198).

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::bound::{Bound, Claimable, Resumption};
use super::{Ending, Session};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::contents::Carrier;
use crate::sandbox::gatekeeper::memory::Held;
use crate::sandbox::gatekeeper::replies;
use crate::sandbox::gatekeeper::stream_management::StreamManagement;
use crate::stanza::Condition;
use crate::stanza::namespace::{CLIENT, STREAM_MANAGEMENT};

impl Session {
    /// Greets the client and serves it until its stream ends, somebody ends the session, or another connection claims
    /// it, whatever is being written at that moment. Returns the session too, unless the other connection has it.
    pub(super) async fn serve_bound(
        &mut self,
        session: Claimable,
        greeting: Vec<Vec<u8>>,
    ) -> (Ending, Option<Claimable>) {
        let Claimable { mut bound, mut claims } = session;
        let mut end = bound.binding.end.clone();
        let ended = {
            let mut turns = pin!(self.take_turns(&mut bound, greeting));
            loop {
                tokio::select! {
                    Err(ending) = &mut turns => break Ok(ending),
                    reason = end.reached() => break Ok(reason.into()),
                    Some(claim) = claims.recv() => if !claim.is_closed() { break Err(claim) },
                }
            }
        };
        let session = Claimable { bound, claims };
        match ended {
            Ok(ending) => (ending, Some(session)),
            Err(claim) => (Ending::TakenOver, claim.send(session).err()),
        }
    }

    async fn take_turns(&mut self, bound: &mut Bound, greeting: Vec<Vec<u8>>) -> Result<Infallible, Ending> {
        for frame in greeting {
            self.connection.send(&frame).await?;
        }
        self.ask(bound).await?;
        loop {
            let management = bound.management.as_ref();
            // As long as the client acknowledges nothing, what is for it waits where it is.
            let has_room = !management.is_some_and(StreamManagement::is_full);
            let deadline = management.and_then(StreamManagement::deadline);
            tokio::select! {
                stanza = self.next_stanza() => self.handle(&stanza?, bound).await?,
                Some(outgoing) = bound.binding.mail.next(), if has_room => self.forward(outgoing, bound).await?,
                () = until(deadline) => return Err(Ending::Unresponsive),
            }
        }
    }

    /// Sends a stanza, and keeps it until it is acknowledged. It is kept first, so that it is not lost in between.
    async fn forward(&mut self, outgoing: Held, bound: &mut Bound) -> Result<(), Ending> {
        let Some(management) = &mut bound.management else {
            return Ok(self.connection.send(&outgoing.stanza.stanza).await?);
        };
        let kept = management.keep(outgoing).map_err(|_| Ending::Error(Condition::PolicyViolation))?;
        self.connection.send(kept).await?;
        self.ask(bound).await
    }

    /// Asks what the client has handled, if there is something to ask: after the first stanza that is unacknowledged,
    /// and again with each answer that leaves some. One question a round trip is thus the most.
    async fn ask(&mut self, bound: &mut Bound) -> Result<(), Ending> {
        let due = bound.management.as_mut().is_some_and(|management| management.ask(Instant::now()));
        if due {
            self.connection.send(replies::acknowledgement_request().as_bytes()).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, stanza: &Stanza, bound: &mut Bound) -> Result<(), Ending> {
        let root = &stanza.root;
        if root.namespace == STREAM_MANAGEMENT {
            return self.manage(root, bound).await;
        }
        if root.is(CLIENT, "presence") && root.attribute("to").is_none() {
            self.shared.learn(self.record, &bound.binding, root, Carrier::Presence);
        }
        let reply = self.shared.take(stanza, &bound.binding).map_err(Ending::Error)?;
        // Nothing is awaited between taking and counting, so that a session that is taken over has done both or none.
        if let Some(management) = &mut bound.management {
            management.count_handled();
        }
        match reply {
            // What is not kept to be acknowledged takes no memory but this connection's own.
            Some(reply) if bound.management.is_none() => Ok(self.connection.send(reply.as_bytes()).await?),
            Some(reply) => self.forward(bound.hold(reply).map_err(Ending::Error)?, bound).await,
            None => Ok(()),
        }
    }

    async fn manage(&mut self, root: &Element, bound: &mut Bound) -> Result<(), Ending> {
        match (root.name.as_str(), &mut bound.management) {
            ("enable", None) => {
                let answer = self.enable(root, bound)?;
                Ok(self.connection.send(answer.as_bytes()).await?)
            }
            // A session has it once, and what is bound cannot become another (XEP-0198, sections 3 and 5).
            ("enable" | "resume", _) => self.send_failed("unexpected-request", None).await,
            ("r", Some(management)) => {
                let answer = replies::acknowledgement(management.handled());
                Ok(self.connection.send(answer.as_bytes()).await?)
            }
            ("a", Some(management)) => {
                let handled = count(root).ok_or(Ending::Error(Condition::BadFormat))?;
                management.acknowledge(handled)?;
                self.ask(bound).await
            }
            _ => Err(Ending::Error(Condition::UnsupportedStanzaType)),
        }
    }

    /// Turns stream management on, as it is asked for (XEP-0198, section 3). Returns the answer.
    pub(super) fn enable(&self, request: &Element, bound: &mut Bound) -> Result<String, Ending> {
        let most = self.shared.resumption.as_secs();
        let seconds = match request.attribute("max").map(str::parse::<u32>) {
            None => most,
            Some(Ok(wish)) => most.min(wish.into()),
            Some(Err(_)) => return Ok(replies::failed("bad-request", None)),
        };
        let wanted = matches!(request.attribute("resume"), Some("true" | "1")) && seconds > 0;
        if wanted
            && let Some(id) = self.shared.resumptions.open(&bound.binding.account, bound.claim.clone())?
        {
            bound.resumption = Some(Resumption { id, within: Duration::from_secs(seconds) });
        }
        bound.management = Some(StreamManagement::default());
        let resumption =
            bound.resumption.as_ref().map(|resumption| (resumption.id.as_str(), resumption.within));
        Ok(replies::enabled(resumption))
    }

    pub(super) async fn send_failed(&mut self, condition: &str, handled: Option<u32>) -> Result<(), Ending> {
        Ok(self.connection.send(replies::failed(condition, handled).as_bytes()).await?)
    }
}

/// The count in `h`, if it is one.
pub(super) fn count(element: &Element) -> Option<u32> {
    element.attribute("h")?.parse().ok()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
