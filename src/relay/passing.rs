//! What happens to a frame that the gate has passed: judged by the phase, edited if it must be, and queued for the
//! other side.

use std::sync::Arc;
use std::time::Instant;

use crate::framing::Frame;
use crate::limit::{Admitted, Cost, Limits};
use crate::stanza::{
    Element, HeaderFault, Mechanisms, Name, StreamHeader, Tree, asks_for_external, asks_twice, detour,
    namespace, refuses_credentials, shows_token,
};

use super::signals::asks_for_session;
use super::state::State;
use super::{Failure, PassedStanza, Phase, Side, host};

/// What a frame means for the decoders.
pub(super) enum After {
    Nothing,
    /// The host is known: its limits hold.
    Host(Arc<Limits>),
    /// SASL2 has succeeded: the limits are those of an authenticated client.
    Authenticated(Arc<Limits>),
    /// SASL has succeeded: as above, and a new epoch begins.
    NewEpoch(Arc<Limits>),
    /// What the gatekeeper said of the client means that it is over a limit.
    ClientOver(Failure),
}

impl State {
    pub(super) fn pass_header(
        &mut self,
        side: Side,
        frame: &Frame<'_>,
        now: Instant,
    ) -> Result<After, Failure> {
        let after = match side {
            Side::Downstream => self.judge_client_header(frame, now)?,
            Side::Upstream if self.phase == Phase::Restart => return Err(Failure::UnsupportedElement),
            Side::Upstream => After::Nothing,
        };
        let other = side.other();
        self.outboxes[other].push(frame.bytes, now);
        self.legs[other].greeted = true;
        Ok(after)
    }

    fn judge_client_header(&mut self, frame: &Frame<'_>, now: Instant) -> Result<After, Failure> {
        let header = StreamHeader::parse(frame).map_err(|_| Failure::Unreadable)?;
        let to = header.destination(frame)?;
        let host = Arc::clone(host::find(&self.hosts, to).ok_or(HeaderFault::UnknownHost)?);
        match &self.host {
            None if self.named.as_ref().is_some_and(|named| **named != *host.name) => Err(Failure::OtherHost),
            None => {
                let limits = Arc::clone(&host.limits);
                self.quotas.hold_address_to(&limits)?;
                self.adopt(host, header.lang.as_deref(), now);
                Ok(After::Host(limits))
            }
            Some(before) if Arc::ptr_eq(before, &host) => {
                self.phase = Phase::Unbound;
                if let Some(recipient) = &mut self.recipient {
                    recipient.opens_stream(header.lang.as_deref());
                }
                Ok(After::Nothing)
            }
            Some(_) => Err(Failure::OtherHost),
        }
    }

    pub(super) fn pass_element(
        &mut self,
        side: Side,
        frame: &Frame<'_>,
        admitted: Admitted,
        now: Instant,
    ) -> Result<After, Failure> {
        let name = Name::of(frame.outline.name);
        self.count_before_authentication(side)?;
        if side == Side::Downstream && name == Some(Name::Compress) {
            self.refuse_compression(now)?;
        } else {
            self.phase.admit(side, name, self.asked)?;
            self.refuse_external(side, name, frame)?;
            if side == Side::Downstream && asks_for_session(frame) {
                refuse_ambiguity(frame)?;
            }
            self.forward(side, frame, now)?;
        }
        self.charge(side, name, admitted, frame, now);
        self.advance(side, name, frame, now)
    }

    /// Passes on white space between stanzas, a keepalive (RFC 6120, 4.6.1).
    pub(super) fn pass_white_space(&mut self, side: Side, bytes: &[u8], admitted: Admitted, now: Instant) {
        self.outboxes[side.other()].push(bytes, now);
        self.limiters[side].charge(admitted, Cost::Bytes(bytes.len()), now);
    }

    /// A client that asks for compression, which it was not offered, is told so once, and only where its stream is open:
    /// the answer is our own, and nothing else slows down a client that does not take it.
    fn refuse_compression(&mut self, now: Instant) -> Result<(), Failure> {
        let leg = self.legs.downstream;
        if !leg.greeted || leg.told || self.compression_refused {
            return Err(Failure::UnsupportedElement);
        }
        self.compression_refused = true;
        self.outboxes.downstream.push(detour::COMPRESSION_REFUSED, now);
        Ok(())
    }

    /// Where Vestibule has shown the gatekeeper its own certificate, EXTERNAL (RFC 4422, A) would take it for the
    /// client's. What a client asks for is refused before the gatekeeper sees it, also when it was not offered.
    fn refuse_external(&self, side: Side, name: Option<Name>, frame: &Frame<'_>) -> Result<(), Failure> {
        if !self.host.as_ref().is_some_and(|host| host.refuses_external) {
            return Ok(());
        }
        let (refused, failure) = match (side, name) {
            (Side::Upstream, Some(Name::Features)) => {
                (Mechanisms::offered(frame).map(|offered| offered.offer_external()), Failure::ExternalOffered)
            }
            (Side::Downstream, Some(_)) => (asks_for_external(frame), Failure::ExternalAsked),
            _ => return Ok(()),
        };
        if refused.map_err(|_| Failure::Unreadable)? { Err(failure) } else { Ok(()) }
    }

    /// Clients have little to say before they are authenticated.
    fn count_before_authentication(&mut self, side: Side) -> Result<(), Failure> {
        if side == Side::Downstream && matches!(self.phase, Phase::Authentication | Phase::Sasl2) {
            self.elements_before_authentication += 1;
            if self.elements_before_authentication > self.limits.elements_before_authentication {
                return Err(Failure::TooManyElements);
            }
        }
        Ok(())
    }

    fn charge(
        &mut self,
        side: Side,
        name: Option<Name>,
        admitted: Admitted,
        frame: &Frame<'_>,
        now: Instant,
    ) {
        if matches!(name, Some(Name::Message | Name::Presence | Name::Iq)) {
            self.counters.stanzas[side] += 1;
            if self.learn.stanzas {
                self.learn_passed(side, frame);
            }
        }
        let bytes = frame.bytes.len();
        let is_acknowledgement = matches!(name, Some(Name::SmRequest | Name::SmAnswer));
        let cost = if is_acknowledgement { Cost::Bytes(bytes) } else { Cost::Stanza(bytes) };
        self.limiters[side].charge(admitted, cost, now);
    }

    /// Out of the way of all the stanzas that nobody may learn of.
    #[cold]
    #[inline(never)]
    fn learn_passed(&mut self, side: Side, frame: &Frame<'_>) {
        self.passed.extend(PassedStanza::of(frame, side, self.learn));
    }

    /// What the frame means for the phase.
    fn advance(
        &mut self,
        side: Side,
        name: Option<Name>,
        frame: &Frame<'_>,
        now: Instant,
    ) -> Result<After, Failure> {
        let Some(name) = name else { return Ok(After::Nothing) };
        match (side, self.phase, name) {
            (Side::Upstream, Phase::Authentication, Name::SaslSuccess) => {
                self.phase = Phase::Restart;
                self.see_authenticated();
                self.legs.downstream.greeted = false;
                self.legs.upstream.greeted = false;
                return Ok(After::NewEpoch(Arc::clone(&self.limits)));
            }
            (Side::Upstream, _, Name::SaslFailure) => return self.see_failed_authentication(frame, now),
            (Side::Downstream, Phase::Authentication, Name::Sasl2Authenticate) => {
                self.phase = Phase::Sasl2;
                self.shows_token = shows_token(frame).map_err(|_| Failure::Unreadable)?;
            }
            (Side::Upstream, Phase::Sasl2, Name::Sasl2Failure) => {
                self.phase = Phase::Authentication;
                if let Some(recipient) = &mut self.recipient {
                    recipient.authentication_failed();
                }
                return self.see_failed_authentication(frame, now);
            }
            (Side::Upstream, Phase::Sasl2, Name::Sasl2Success) => return self.see_success(frame, now),
            (Side::Downstream, Phase::Unbound, Name::SmResume) => self.asked = true,
            (Side::Downstream, Phase::Unbound, Name::Iq) => {
                self.asked |= Name::Bind.is_in(frame.outline.children)
            }
            (Side::Upstream, Phase::Unbound, Name::Iq) => return self.see_bound(frame, now),
            (Side::Upstream, Phase::Unbound, Name::SmResumed) => {
                self.resumed();
                self.resume_account(parse(frame)?.root(), now);
            }
            (Side::Upstream, Phase::Bound, Name::SmEnabled) => self.see_enabled(parse(frame)?.root()),
            _ => {}
        }
        Ok(After::Nothing)
    }

    fn bound(&mut self) {
        self.phase = Phase::Bound;
        // The gatekeeper was told.
        self.signals = None;
        if let Some(recipient) = &mut self.recipient {
            recipient.bound();
        }
    }

    fn resumed(&mut self) {
        self.phase = Phase::Bound;
        self.signals = None;
        self.resumable = true;
        if let Some(recipient) = &mut self.recipient {
            recipient.resumed();
        }
    }

    /// What the client passes from here on is its account's, and what the features said so far does not hold any more.
    fn see_authenticated(&mut self) {
        self.limiters.downstream.await_account();
        self.gatekeeper_takes = None;
    }

    /// SASL2 ends with the resource bound (XEP-0386) or the session resumed (XEP-0198), if the client asked for that.
    fn see_success(&mut self, frame: &Frame<'_>, now: Instant) -> Result<After, Failure> {
        self.phase = Phase::Unbound;
        self.see_authenticated();
        let children = frame.outline.children;
        let authenticated = After::Authenticated(Arc::clone(&self.limits));
        let (is_resumed, is_bound) = (Name::SmResumed.is_in(children), Name::Bound2.is_in(children));
        if !is_resumed && !is_bound {
            return Ok(authenticated);
        }
        let tree = parse(frame)?;
        let mut identity =
            tree.children().filter(|child| child.is(namespace::SASL2, "authorization-identifier"));
        // A full JID in both cases (XEP-0388, 2.6.1).
        let jid = identity.next().and_then(|jid| jid.text(frame.bytes));
        if is_resumed {
            self.resumed();
            if !self.reenter_account(jid.as_deref(), now) {
                let resumed = tree.children().find(|child| is_resumed_element(child));
                resumed.into_iter().for_each(|resumed| self.resume_account(resumed, now));
            }
            return Ok(authenticated);
        }
        self.bound();
        let over = self.enter_account(jid.as_deref(), now);
        let enabled = |element: &&Element<'_>| {
            element.depth == 3 && element.is(namespace::STREAM_MANAGEMENT, "enabled")
        };
        tree.elements().iter().filter(enabled).for_each(|enabled| self.see_enabled(enabled));
        Ok(over.map_or(authenticated, After::ClientOver))
    }

    /// A result that holds `<bind/>` ends the negotiation (RFC 6120, 7.6.1).
    fn see_bound(&mut self, frame: &Frame<'_>, now: Instant) -> Result<After, Failure> {
        if !Name::Bind.is_in(frame.outline.children) {
            return Ok(After::Nothing);
        }
        // An error may hold the request (RFC 6120, 8.3.1).
        let tree = parse(frame)?;
        if tree.root().value("type") != Some("result") {
            return Ok(After::Nothing);
        }
        self.bound();
        let jid = tree.elements().iter().find(|element| element.is(namespace::BIND, "jid"));
        let jid = jid.and_then(|jid| jid.text(frame.bytes));
        Ok(self.enter_account(jid.as_deref(), now).map_or(After::Nothing, After::ClientOver))
    }

    /// The gatekeeper keeps the session for a while when its connection is cut, under an id (XEP-0198, 3).
    fn see_enabled(&mut self, enabled: &Element<'_>) {
        if matches!(enabled.value("resume"), Some("true" | "1")) {
            self.resumable = true;
            self.remember_resumption(enabled);
        }
    }

    /// Only what may have been a guess is held against the client's address. A token that is not known any more is none:
    /// its client falls back to what it had before.
    fn see_failed_authentication(&mut self, frame: &Frame<'_>, now: Instant) -> Result<After, Failure> {
        self.counters.authentication_failures += 1;
        let by_token = std::mem::take(&mut self.shows_token);
        if by_token || !refuses_credentials(frame).map_err(|_| Failure::Unreadable)? {
            return Ok(After::Nothing);
        }
        let over = self.quotas.fail_authentication(&self.limits, now).err();
        Ok(over.map_or(After::Nothing, After::ClientOver))
    }
}

/// What is added to a client's request has to stand where the gatekeeper looks for it.
#[cold]
fn refuse_ambiguity(frame: &Frame<'_>) -> Result<(), Failure> {
    if asks_twice(&parse(frame)?) { Err(Failure::AskedTwice) } else { Ok(()) }
}

fn is_resumed_element(element: &Element<'_>) -> bool {
    [namespace::STREAM_MANAGEMENT, namespace::STREAM_MANAGEMENT_2].contains(&element.namespace)
        && element.name == "resumed"
}

fn parse<'a>(frame: &Frame<'a>) -> Result<Tree<'a>, Failure> {
    Tree::of(frame).map_err(|_| Failure::Unreadable)
}
