//! What happens to a frame that the gate has passed: judged by the phase, edited if it must be, and queued for the
//! other side.

use std::sync::Arc;
use std::time::Instant;

use crate::content_types::ContentEdit;
use crate::framing::Frame;
use crate::limit::{Admitted, Cost, Limits};
use crate::stanza::{Edit, Element, Jid, Name, StreamHeader, Tree, detour, namespace};

use super::state::State;
use super::{EditKind, Failure, PassedStanza, Phase, Side, host};

/// What a frame means for the decoders.
pub(super) enum After {
    Nothing,
    /// The host is known: its limits hold.
    Host(Arc<Limits>),
    /// SASL2 has succeeded: the limits are those of an authenticated client.
    Authenticated(Arc<Limits>),
    /// SASL has succeeded: as above, and a new epoch begins.
    NewEpoch(Arc<Limits>),
}

/// The version that a stream header must name (RFC 6120, 4.7.5).
const VERSION: &str = "1.0";

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
        let speaks_a_dialect = frame.outline.watched;
        if speaks_a_dialect || header.content_namespace.as_deref() != Some(namespace::CLIENT) {
            return Err(Failure::WrongNamespace);
        }
        if header.version.as_deref() != Some(VERSION) {
            return Err(Failure::UnsupportedVersion);
        }
        let to = header.to.ok_or(Failure::NoHost)?;
        let host = Arc::clone(host::find(&self.hosts, &to).ok_or(Failure::UnknownHost)?);
        match &self.host {
            None => {
                let limits = Arc::clone(&host.limits);
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
            self.forward(side, frame, now)?;
        }
        self.charge(side, name, admitted, frame, now);
        self.advance(side, name, frame)
    }

    /// Passes on white space between stanzas, a keepalive (RFC 6120, 4.6.1).
    pub(super) fn pass_white_space(&mut self, side: Side, bytes: &[u8], admitted: Admitted, now: Instant) {
        self.outboxes[side.other()].push(bytes, now);
        if side == Side::Downstream {
            self.limiter.charge(admitted, Cost::Bytes(bytes.len()), now);
        }
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
        if side == Side::Downstream {
            let bytes = frame.bytes.len();
            let is_acknowledgement = matches!(name, Some(Name::SmRequest | Name::SmAnswer));
            let cost = if is_acknowledgement { Cost::Bytes(bytes) } else { Cost::Stanza(bytes) };
            self.limiter.charge(admitted, cost, now);
        }
    }

    /// Out of the way of all the stanzas that nobody may learn of.
    #[cold]
    #[inline(never)]
    fn learn_passed(&mut self, side: Side, frame: &Frame<'_>) {
        self.passed.extend(PassedStanza::of(frame, side, self.learn));
    }

    fn forward(&mut self, side: Side, frame: &Frame<'_>, now: Instant) -> Result<(), Failure> {
        let edit = match side {
            Side::Downstream => self.client_edit(frame),
            Side::Upstream => self.gatekeeper_edit(frame),
        };
        match edit? {
            None => self.outboxes[side.other()].push(frame.bytes, now),
            Some((edit, kind)) => {
                let mut edited = Vec::with_capacity(edit.length_after(frame.bytes.len()));
                edit.apply(frame.bytes, &mut edited);
                frame.verify(&edited).map_err(|_| Failure::BadEdit)?;
                self.outboxes[side.other()].push(&edited, now);
                self.counters.count_edit(kind);
            }
        }
        Ok(())
    }

    /// The edit of a client's frame under the host's content types.
    fn client_edit(&mut self, frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
        let Some(recipient) =
            self.recipient.as_mut().filter(|recipient| recipient.concerns_client_frame(frame))
        else {
            return Ok(None);
        };
        // The gatekeeper is likely to hold what comes before authentication to less, as we do.
        let limits = if self.phase < Phase::Restart {
            &self.limits.before_authentication
        } else {
            &self.limits.from_client
        };
        let room = limits.stanza_bytes;
        let edit = recipient.edit_client_frame(frame, room).map_err(|_| Failure::Unreadable)?;
        Ok(edit.and_then(|edit| self.note_edit(edit, EditKind::Stripped)))
    }

    /// The edit of a gatekeeper's frame: ways around the proxy are closed, content is held to the host's content types.
    fn gatekeeper_edit(&mut self, frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
        if detour::concerns(frame) {
            return detour_edit(frame);
        }
        let Some(recipient) = &mut self.recipient else { return Ok(None) };
        let room = self.limits.from_gatekeeper.stanza_bytes;
        match recipient.edit_gatekeeper_frame(frame, room) {
            Ok(None) => Ok(None),
            Ok(Some(edit)) => Ok(self.note_edit(edit, EditKind::Content)),
            Err(_) => Err(Failure::Unreadable),
        }
    }

    /// An edit that belongs to no carrier is of the kind `otherwise`.
    fn note_edit(&mut self, edit: ContentEdit, otherwise: EditKind) -> Option<(Edit, EditKind)> {
        let ContentEdit { edit, carrier, skipped } = edit;
        self.counters.edits_skipped += u64::from(skipped);
        let kind = carrier.map_or(otherwise, EditKind::of_carrier);
        (!edit.is_empty()).then_some((edit, kind))
    }

    /// What the frame means for the phase.
    fn advance(&mut self, side: Side, name: Option<Name>, frame: &Frame<'_>) -> Result<After, Failure> {
        let Some(name) = name else { return Ok(After::Nothing) };
        match (side, self.phase, name) {
            (Side::Upstream, Phase::Authentication, Name::SaslSuccess) => {
                self.phase = Phase::Restart;
                self.legs.downstream.greeted = false;
                self.legs.upstream.greeted = false;
                return Ok(After::NewEpoch(Arc::clone(&self.limits)));
            }
            (Side::Upstream, _, Name::SaslFailure) => self.counters.authentication_failures += 1,
            (Side::Downstream, Phase::Authentication, Name::Sasl2Authenticate) => self.phase = Phase::Sasl2,
            (Side::Upstream, Phase::Sasl2, Name::Sasl2Failure) => {
                self.phase = Phase::Authentication;
                self.counters.authentication_failures += 1;
                if let Some(recipient) = &mut self.recipient {
                    recipient.authentication_failed();
                }
            }
            (Side::Upstream, Phase::Sasl2, Name::Sasl2Success) => return self.see_success(frame),
            (Side::Downstream, Phase::Unbound, Name::SmResume) => self.asked = true,
            (Side::Downstream, Phase::Unbound, Name::Iq) => {
                self.asked |= Name::Bind.is_in(frame.outline.children)
            }
            (Side::Upstream, Phase::Unbound, Name::Iq) => self.see_bound(frame)?,
            (Side::Upstream, Phase::Unbound, Name::SmResumed) => self.resumed(),
            (Side::Upstream, Phase::Bound, Name::SmEnabled) => self.resumable = resumes(parse(frame)?.root()),
            _ => {}
        }
        Ok(After::Nothing)
    }

    fn bound(&mut self) {
        self.phase = Phase::Bound;
        if let Some(recipient) = &mut self.recipient {
            recipient.bound();
        }
    }

    fn resumed(&mut self) {
        self.phase = Phase::Bound;
        self.resumable = true;
        if let Some(recipient) = &mut self.recipient {
            recipient.resumed();
        }
    }

    /// SASL2 ends with the resource bound (XEP-0386) or the session resumed (XEP-0198), if the client asked for that.
    fn see_success(&mut self, frame: &Frame<'_>) -> Result<After, Failure> {
        self.phase = Phase::Unbound;
        let children = frame.outline.children;
        if Name::SmResumed.is_in(children) {
            self.resumed();
        } else if Name::Bound2.is_in(children) {
            self.bound();
            let tree = parse(frame)?;
            self.resumable = tree.elements().iter().any(|element| {
                element.depth == 3 && element.is(namespace::STREAM_MANAGEMENT, "enabled") && resumes(element)
            });
            let identity = |child: &&Element<'_>| child.is(namespace::SASL2, "authorization-identifier");
            self.see_account(frame, tree.children().find(identity));
        }
        Ok(After::Authenticated(Arc::clone(&self.limits)))
    }

    /// A result that holds `<bind/>` ends the negotiation (RFC 6120, 7.6.1).
    fn see_bound(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        if !Name::Bind.is_in(frame.outline.children) {
            return Ok(());
        }
        // An error may hold the request (RFC 6120, 8.3.1).
        let tree = parse(frame)?;
        if tree.root().value("type") != Some("result") {
            return Ok(());
        }
        self.bound();
        let jid = |element: &&Element<'_>| element.is(namespace::BIND, "jid");
        self.see_account(frame, tree.elements().iter().find(jid));
        Ok(())
    }

    /// Learns the client's full JID from the element that holds it, if anybody may see it.
    fn see_account(&mut self, frame: &Frame<'_>, jid: Option<&Element<'_>>) {
        if self.learn.account {
            let jid = jid.and_then(|jid| jid.text(frame.bytes));
            // What is no address is not learnt: it could be anything, and of any length.
            self.account = jid.filter(|jid| Jid::parse(jid).is_ok()).map(|jid| Box::from(jid.as_ref()));
        }
    }
}

/// The edit that closes the ways around the proxy which the gatekeeper offers.
fn detour_edit(frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
    let edit = detour::close(frame).map_err(|_| Failure::Unreadable)?;
    let kind = EditKind::of_gatekeeper(Name::of(frame.outline.name));
    Ok(edit.map(|edit| (edit, kind)))
}

/// Whether `<enabled/>` says that the stream can be resumed (XEP-0198, 3).
fn resumes(enabled: &Element<'_>) -> bool {
    matches!(enabled.value("resume"), Some("true" | "1"))
}

fn parse<'a>(frame: &Frame<'a>) -> Result<Tree<'a>, Failure> {
    Tree::of(frame).map_err(|_| Failure::Unreadable)
}
