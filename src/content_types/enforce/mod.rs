//! Enforcement towards the client: what the gatekeeper sends although the client was not said to receive it passes, is
//! replaced by a text, or is taken out, one for one.
//!
//! Most often a message's outline tells that nothing has to be read ([`shortcut`]). Otherwise the message is parsed
//! once: its contents and those of the messages that it carries ([`message`]) are judged, and those that must not pass
//! are taken out with what belongs to them ([`replace`]). A stanza is never dropped; only elements in it go.

mod classes;
mod judge;
mod message;
mod path;
mod replace;
mod shortcut;
mod texts;

#[cfg(test)]
mod tests;

use super::{
    ContentClass, ContentCounts, ContentTypes, ContentTypesPolicy, Conversation, Dialect, MediaType,
};
use crate::framing::{Frame, Vocabulary};
use crate::stanza::{Edit, Tree, TreeError};

use classes::Classes;
use judge::Judge;
use message::{Content, Message};
use replace::Replacement;
use shortcut::{Glance, Shortcut};
use texts::Texts;

/// What a policy makes of the messages to a client with one profile. Immutable; compiled once for a host's profile.
pub struct Enforcer {
    dialect: Dialect,
    judge: Judge,
    texts: Texts,
    shortcut: Shortcut,
}

/// A content of a message, as a dialect reads it. Its media type shows nothing of itself when it is debugged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadContent {
    pub class: ContentClass,
    /// `None` if the message does not tell one that is a media type.
    pub media_type: Option<MediaType>,
    /// In bytes; `None` if the message does not tell.
    pub size: Option<u64>,
}

impl ReadContent {
    /// Everything that counts as content in a message from the gatekeeper and in those that it carries, in the order in
    /// which it stands there.
    ///
    /// # Errors
    ///
    /// Only if the frame cannot be parsed again, which is our own fault.
    pub fn all(frame: &Frame<'_>, dialect: &Dialect) -> Result<Vec<Self>, TreeError> {
        let tree = Tree::of(frame)?;
        let mut read = Vec::new();
        for message in Message::all(&tree, frame.bytes, dialect) {
            read.extend(message.contents().map(|content| (content.place(), Self::of(content))));
        }
        read.sort_by_key(|(place, _)| *place);
        Ok(read.into_iter().map(|(_, content)| content).collect())
    }

    fn of(content: &Content<'_>) -> Self {
        let media_type = content.media_type.as_deref().cloned();
        Self { class: content.class, media_type, size: content.size }
    }
}

impl Enforcer {
    /// `vocabulary` is that of the gate whose frames will be judged. If it lacks a name of the dialect, all messages
    /// are parsed.
    pub fn new(policy: &ContentTypesPolicy, profile: &ContentTypes, vocabulary: &Vocabulary) -> Self {
        let judge = Judge::new(profile, &policy.enforcement);
        Self {
            shortcut: Shortcut::new(&policy.dialect, &judge, vocabulary),
            texts: Texts::new(&policy.enforcement.texts, &policy.dialect, &judge),
            dialect: policy.dialect.clone(),
            judge,
        }
    }

    /// Whether the outline alone tells that a frame from the gatekeeper passes as it is; what it holds is counted then. Most
    /// do. While it is not `known` what the client can receive, nothing counts as unadvertised.
    #[inline(always)]
    pub fn passes_unread(&self, frame: &Frame<'_>, known: bool, counts: &mut ContentCounts) -> bool {
        match self.shortcut.glance(frame) {
            Glance::Nothing => true,
            Glance::Only { class, advertised } => {
                counts.count_unread(Conversation::OneToOne, class, known && !advertised);
                true
            }
            Glance::OnlyInGroup { class, advertised } => {
                counts.count_unread(Conversation::Group, class, known && !advertised);
                true
            }
            Glance::Read => false,
        }
    }

    /// The edit of a frame from the gatekeeper; `None` if it passes as it is. `longest` is how many bytes the edited
    /// frame may have: where a text would make it longer, content is taken out without one.
    ///
    /// While it is not `known` what the client can receive, the frame passes as it is: what it holds is counted, and nothing
    /// of it as unadvertised.
    ///
    /// # Errors
    ///
    /// Only if the frame cannot be parsed again, which is our own fault.
    pub fn enforce(
        &self,
        frame: &Frame<'_>,
        known: bool,
        longest: usize,
        counts: &mut ContentCounts,
    ) -> Result<Option<Edit>, TreeError> {
        if self.passes_unread(frame, known, counts) {
            return Ok(None);
        }
        if known {
            self.enforce_read(frame, longest, counts)
        } else {
            self.count_read(frame, counts).map(|()| None)
        }
    }

    fn enforce_read(
        &self,
        frame: &Frame<'_>,
        longest: usize,
        counts: &mut ContentCounts,
    ) -> Result<Option<Edit>, TreeError> {
        let tree = Tree::of(frame)?;
        let mut replacement = Replacement::new(frame.bytes, longest);
        for message in Message::all(&tree, frame.bytes, &self.dialect) {
            replacement.edit_message(&message, &self.judge, &self.texts, counts);
        }
        Ok(replacement.into_edit())
    }

    fn count_read(&self, frame: &Frame<'_>, counts: &mut ContentCounts) -> Result<(), TreeError> {
        let tree = Tree::of(frame)?;
        for message in Message::all(&tree, frame.bytes, &self.dialect) {
            let mut received = Classes::default();
            message.contents().for_each(|content| received.insert(content.class));
            received.each(|class| counts.count_received(message.conversation, class));
        }
        Ok(())
    }
}
