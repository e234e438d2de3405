//! What leaves otherwise than it came: the edits of a frame, within the room that there is for them.

use std::time::Instant;

use crate::content_types::ContentEdit;
use crate::framing::{self, Frame};
use crate::stanza::{Edit, Name, StreamLimits, detour};

use super::signals::{self, SignalsEdit};
use super::state::State;
use super::{EditKind, Failure, Phase, Side};

/// What is added to a frame may go into an element that was empty, which then gets an end tag.
const END_TAG: usize = 64;

impl State {
    /// Puts the frame, as it came or edited, into the other side's queue.
    pub(super) fn forward(&mut self, side: Side, frame: &Frame<'_>, now: Instant) -> Result<(), Failure> {
        let passes_unread = match side {
            Side::Downstream => !self.concerns_client_frame(frame),
            Side::Upstream => self.passes_unread(frame),
        };
        if !passes_unread {
            return self.forward_read(side, frame, now);
        }
        self.outboxes[side.other()].push(frame.bytes, now);
        Ok(())
    }

    /// The same for a frame whose outline does not tell that it passes as it is. Out of the way of all the others.
    #[cold]
    #[inline(never)]
    fn forward_read(&mut self, side: Side, frame: &Frame<'_>, now: Instant) -> Result<(), Failure> {
        let edit = match side {
            Side::Downstream => self.client_edit(frame)?,
            Side::Upstream => self.gatekeeper_edit(frame)?,
        };
        let Some((edit, kind)) = edit else {
            self.outboxes[side.other()].push(frame.bytes, now);
            return Ok(());
        };
        let mut edited = Vec::with_capacity(edit.length_after(frame.bytes.len()));
        edit.apply(frame.bytes, &mut edited);
        frame.verify(&edited).map_err(|_| Failure::BadEdit)?;
        self.outboxes[side.other()].push(&edited, now);
        self.counters.count_edit(kind);
        Ok(())
    }

    /// Whether the outline alone tells that a frame from the gatekeeper passes as it is.
    fn passes_unread(&mut self, frame: &Frame<'_>) -> bool {
        !detour::concerns(frame)
            && self.recipient.as_mut().is_none_or(|recipient| recipient.passes_unread(frame))
    }

    /// Whether a frame from the client may have to be edited or learnt from: by its outline alone.
    fn concerns_client_frame(&self, frame: &Frame<'_>) -> bool {
        frame.outline.watched
            || (self.signals.is_some() && signals::asks_for_session(frame))
            || self.recipient.as_ref().is_some_and(|recipient| recipient.concerns_client_frame(frame))
    }

    /// The edit of a client's frame: what the gatekeeper is told of its content types and of its connection is added, what
    /// the client itself says in these words is taken out.
    fn client_edit(&mut self, frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
        let signals = self.signals.as_deref().filter(|_| signals::asks_for_session(frame));
        let room = self.room().saturating_sub(signals.map_or(0, |signals| signals::PLACES * signals.len()));
        let content = match &mut self.recipient {
            Some(recipient) if recipient.concerns_client_frame(frame) => {
                recipient.edit_client_frame(frame, room).map_err(|_| Failure::Unreadable)?
            }
            _ => None,
        };
        let edited = match &self.host {
            Some(host) if frame.outline.watched || signals.is_some() => {
                let content = content.unwrap_or_default();
                let own = &host.signals_namespace;
                let SignalsEdit { edit, told } =
                    signals::edit(frame, own, signals, content.edit).map_err(|_| Failure::Unreadable)?;
                Some((ContentEdit { edit, ..content }, told))
            }
            _ => content.map(|content| (content, false)),
        };
        Ok(edited.and_then(|(edit, told)| {
            let (edit, kind) = self.note_edit(edit, EditKind::Stripped)?;
            Some((edit, if told { EditKind::Signals } else { kind }))
        }))
    }

    /// How large a client's frame may become by an edit. Of the limits on what a client may send, the gatekeeper's holds if it
    /// is smaller; one that says none is likely to hold what comes before authentication to less, as we do.
    fn room(&self) -> usize {
        let ours = self.sizes_from_client().stanza_bytes;
        self.gatekeeper_takes.map_or(ours, |theirs| theirs.min(ours))
    }

    fn sizes_from_client(&self) -> &framing::Limits {
        if self.phase < Phase::Restart {
            &self.limits.before_authentication
        } else {
            &self.limits.from_client
        }
    }

    /// The edit of a gatekeeper's frame: ways around the proxy are closed, content is held to the host's content types.
    fn gatekeeper_edit(&mut self, frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
        if detour::concerns(frame) {
            return self.detour_edit(frame);
        }
        let Some(recipient) = &mut self.recipient else { return Ok(None) };
        let room = self.limits.from_gatekeeper.stanza_bytes;
        match recipient.edit_gatekeeper_frame(frame, room) {
            Ok(None) => Ok(None),
            Ok(Some(edit)) => Ok(self.note_edit(edit, EditKind::Content)),
            Err(_) => Err(Failure::Unreadable),
        }
    }

    /// The edit that closes the ways around the proxy which the gatekeeper offers. Its features say what it takes from the
    /// client, and are to say what we take.
    fn detour_edit(&mut self, frame: &Frame<'_>) -> Result<Option<(Edit, EditKind)>, Failure> {
        let name = Name::of(frame.outline.name);
        if name == Some(Name::Features) {
            let takes = StreamLimits::taken_by_gatekeeper(frame);
            self.gatekeeper_takes = takes.map_err(|_| Failure::Unreadable)?;
        }
        let edit = detour::close(frame, &self.stream_limits()).map_err(|_| Failure::Unreadable)?;
        Ok(edit.map(|edit| (edit, EditKind::of_gatekeeper(name))))
    }

    /// What the client is told of what it may send from here on (XEP-0478). Before authentication, silence ends with the time
    /// for that.
    fn stream_limits(&self) -> StreamLimits {
        let timeouts = &self.limits.timeouts;
        let idle = if self.phase < Phase::Restart {
            timeouts.authentication.min(timeouts.idle)
        } else {
            timeouts.idle
        };
        let content_types = self.host.as_ref().and_then(|host| host.content_types.as_ref());
        let advertisement = content_types.map_or(0, |rules| rules.largest_insertion() + END_TAG);
        let signals = self.signals.as_ref().map_or(0, |signals| signals::PLACES * (signals.len() + END_TAG));
        StreamLimits {
            max_bytes: self.sizes_from_client().stanza_bytes,
            largest_insertion: advertisement + signals,
            idle,
        }
    }

    /// An edit that belongs to no carrier is of the kind `otherwise`.
    fn note_edit(&mut self, edit: ContentEdit, otherwise: EditKind) -> Option<(Edit, EditKind)> {
        let ContentEdit { edit, carrier, skipped } = edit;
        self.counters.edits_skipped += u64::from(skipped);
        let kind = carrier.map_or(otherwise, EditKind::of_carrier);
        (!edit.is_empty()).then_some((edit, kind))
    }
}
