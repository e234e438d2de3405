//! The edit of a frame: content that must not pass is taken out, with what belongs to it, and a text may stand where it
//! stood. Only whole elements go; what stands around the message that held them keeps its bytes.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

use super::classes::Classes;
use super::judge::{Judge, Verdict};
use super::message::{Body, Content, Message, Owners};
use super::texts::Texts;
use crate::content_types::{Action, ContentCounts, Conversation};
use crate::stanza::{Edit, Element};

/// An edit on its way.
pub(super) struct Replacement<'f> {
    frame: &'f [u8],
    /// The most bytes that the edited frame may have.
    longest: usize,
    /// The most bytes that it has so far.
    length: usize,
    splices: Vec<Splice>,
}

/// An element that goes, and what stands there afterwards.
struct Splice {
    range: Range<usize>,
    text: Vec<u8>,
}

/// A content that does not pass.
struct Taken<'m, 't> {
    content: &'m Content<'t>,
    action: Action,
}

/// What may have to be left in the place of an element ([`Edit::remove_element`]).
const LEFT: usize = b"<![CDATA[]]>".len();

impl<'f> Replacement<'f> {
    /// Texts are put as long as the edited frame has `longest` bytes or less.
    pub fn new(frame: &'f [u8], longest: usize) -> Self {
        Self { frame, longest, length: frame.len(), splices: Vec::new() }
    }

    /// Judges what a message of the frame holds, counts it, and edits it.
    pub fn edit_message(
        &mut self,
        message: &Message<'_>,
        judge: &Judge,
        texts: &Texts,
        counts: &mut ContentCounts,
    ) {
        let taken = judge_contents(message, judge, counts);
        if taken.is_empty() {
            return;
        }
        let first = self.splices.len();
        let left = self.take_out(message, &taken);
        let is_readable = left.iter().any(|body| !body.is_blank(self.frame));
        let text = if is_readable { None } else { self.write_text(message, &taken, texts) };
        let shown = text.is_some();
        if let Some((place, text)) = text {
            self.put(first, place, text);
            // No body stands beside those of the text, which have all languages.
            left.iter().for_each(|blank| self.remove(blank.element));
        }
        count_taken(&taken, message.conversation, shown, counts);
    }

    /// Removes what is taken and what belongs to it, and returns the bodies that stay.
    fn take_out<'m, 't>(&mut self, message: &'m Message<'t>, taken: &[Taken<'m, 't>]) -> Vec<&'m Body<'t>> {
        let places: BTreeSet<usize> = taken.iter().map(|taken| taken.content.place()).collect();
        let owners = Owners::of(taken.iter().map(|taken| taken.content));
        let owned_marks = || message.fallbacks.iter().filter(|fallback| owners.own(fallback));
        let owns_bodies = owned_marks().any(|fallback| fallback.marks_bodies);
        let goes =
            |body: &&Body<'_>| owns_bodies || owners.echo(body) || places.contains(&body.element.range.start);
        let (gone, left): (Vec<_>, Vec<_>) = message.bodies.iter().partition(goes);
        let payloads = message.payloads.iter().filter(|payload| places.contains(&payload.place()));
        payloads.for_each(|payload| self.remove(payload.element));
        gone.into_iter().for_each(|body| self.remove(body.element));
        owned_marks().for_each(|mark| self.remove(mark.element));
        message.requests.iter().for_each(|request| self.remove(request));
        left
    }

    fn remove(&mut self, element: &Element<'_>) {
        self.length = (self.length + LEFT).saturating_sub(element.range.len());
        self.splices.push(Splice { range: element.range.clone(), text: Vec::new() });
    }

    /// The text for a message and the place of the content that it stands for; `None` if there is no text, or no room.
    /// One text is enough for several contents: that for the first.
    fn write_text(
        &self,
        message: &Message<'_>,
        taken: &[Taken<'_, '_>],
        texts: &Texts,
    ) -> Option<(usize, Vec<u8>)> {
        let mut replaced = taken.iter().filter(|taken| taken.action == Action::Fallback).peekable();
        let first = replaced.peek()?.content;
        let namespaces = replaced.map(|taken| taken.content.element.namespace).collect();
        let text = texts.write(first.class, message.conversation, message.language, &namespaces)?;
        (self.length + text.len() <= self.longest).then(|| (first.place(), text))
    }

    /// Puts a text where the content at `place` goes; its splice is among those from the position `first` on.
    fn put(&mut self, first: usize, place: usize, text: Vec<u8>) {
        self.length += text.len();
        let mut own = self.splices.iter_mut().skip(first);
        if let Some(splice) = own.find(|splice| splice.range.start == place) {
            splice.text = text;
        }
    }

    /// The edit; `None` if nothing goes.
    pub fn into_edit(mut self) -> Option<Edit> {
        // In order, as an edit takes them fastest. An element that stands in one that goes is gone with it: a dialect
        // can say that messages are carried inside of content.
        self.splices.sort_by_key(|splice| (splice.range.start, Reverse(splice.range.end)));
        let mut edit = Edit::default();
        let mut gone_until = 0;
        for Splice { range, text } in self.splices {
            if range.start < gone_until {
                continue;
            }
            gone_until = range.end;
            if text.is_empty() {
                edit.remove_element(self.frame, range);
            } else {
                edit.replace(range, text);
            }
        }
        (!edit.is_empty()).then_some(edit)
    }
}

/// Judges and counts what a message holds, and returns what does not pass.
fn judge_contents<'m, 't>(
    message: &'m Message<'t>,
    judge: &Judge,
    counts: &mut ContentCounts,
) -> Vec<Taken<'m, 't>> {
    let (mut received, mut unadvertised) = (Classes::default(), Classes::default());
    let mut taken = Vec::new();
    for content in message.contents() {
        let Content { class, size, .. } = *content;
        let Verdict { advertised, action } =
            judge.judge(class, message.conversation, content.media_type.as_deref(), size);
        received.insert(class);
        // What an archive holds was sent when nobody had been told anything.
        if !advertised && !message.is_carried {
            unadvertised.insert(class);
        }
        if action != Action::Pass {
            taken.push(Taken { content, action });
        }
    }
    received.each(|class| counts.count_received(message.conversation, class));
    unadvertised.each(|class| counts.count_unadvertised(message.conversation, class));
    taken
}

/// Counts what does not pass; `shown`: a text took its place, if the policy wanted one.
fn count_taken(taken: &[Taken<'_, '_>], conversation: Conversation, shown: bool, counts: &mut ContentCounts) {
    let (mut replaced, mut withheld) = (Classes::default(), Classes::default());
    for taken in taken {
        let is_replaced = shown && taken.action == Action::Fallback;
        let classes = if is_replaced { &mut replaced } else { &mut withheld };
        classes.insert(taken.content.class);
    }
    replaced.each(|class| counts.count_replaced(conversation, class));
    withheld.each(|class| counts.count_withheld(conversation, class));
}
