//! A stanza put through a policy as a session would do it, without a session: for the tests that stand in policy files,
//! and for explanations.

use std::sync::Arc;

use super::{
    Action, CacheLimits, CapabilitiesCache, ContentClass, ContentEdit, ContentTypesPolicy, Dialect, Facts,
    Profile, ReadContent, Recipient, Rules, SeedError,
};
use crate::framing::{Decoded, Frame, FrameDecoder, Limits, Refusal, Vocabulary};
use crate::stanza::{self, TreeError};

/// The stream that the stanza stands in.
const HEADER: &[u8] =
    b"<stream:stream version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// As much as any host could allow.
const LIMITS: Limits = Limits {
    stanza_bytes: 64 << 20,
    header_bytes: 1024,
    depth: 1024,
    attributes: 1024,
    namespaces: 1024,
    elements: 1 << 20,
};

/// A policy that stanzas can be put through.
pub struct Rehearsal {
    rules: Arc<Rules>,
    vocabulary: Arc<Vocabulary>,
}

/// Why a stanza was not put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The offset is that in the stanza.
    #[error("the gate refuses the stanza: {} at byte {}", .0.kind.name(), .0.offset)]
    Refused(Refusal),
    #[error("one whole element should stand here")]
    NotOneElement,
    #[error("the stanza could not be read again: {0}")]
    Unreadable(#[from] TreeError),
}

/// The gate's table for one dialect alone.
pub fn vocabulary_of(dialect: &Dialect) -> Vocabulary {
    // A dialect's file has no more names than that. Without one of them messages are read that need not be.
    let names: Vec<_> = dialect.distinct_names().into_iter().take(stanza::ROOM).collect();
    stanza::vocabulary(&[dialect.namespace()], &names)
}

/// What of a message from the gatekeeper is content, and of the messages that it carries, in their order.
pub(super) fn read_contents(dialect: &Dialect, message: &str) -> Result<Vec<ReadContent>, RehearsalError> {
    with_frame(&Arc::new(vocabulary_of(dialect)), message, |frame| ReadContent::all(frame, dialect))
}

/// Gives `see` the text as the frame that the gate makes of it.
fn with_frame<R>(
    vocabulary: &Arc<Vocabulary>,
    text: &str,
    see: impl FnOnce(&Frame<'_>) -> Result<R, TreeError>,
) -> Result<R, RehearsalError> {
    let mut decoder = FrameDecoder::new(Arc::clone(vocabulary), LIMITS);
    let refused = |Refusal { kind, offset }| {
        RehearsalError::Refused(Refusal { kind, offset: offset.saturating_sub(HEADER.len() as u64) })
    };
    decoder.decode(HEADER).map_err(refused)?;
    let text = text.trim();
    match decoder.decode(text.as_bytes()).map_err(refused)? {
        (taken, Some(Decoded::Frame(frame))) if taken == text.len() => Ok(see(&frame)?),
        _ => Err(RehearsalError::NotOneElement),
    }
}

impl Rehearsal {
    /// Of clients' capabilities it knows what the policy's seeds say.
    ///
    /// # Errors
    ///
    /// A seed cannot be read. Those of a policy that was compiled from its file can.
    pub fn new(policy: ContentTypesPolicy) -> Result<Self, SeedError> {
        let vocabulary = vocabulary_of(&policy.dialect);
        // Seeds stay whatever the limits are.
        let capabilities = CapabilitiesCache::new(CacheLimits { entries: 0, bytes: 0 });
        for seed in &policy.seeds {
            capabilities.seed(seed.as_bytes())?;
        }
        let rules = Arc::new(Rules::new(policy, &vocabulary, Arc::new(capabilities)));
        Ok(Self { rules, vocabulary: Arc::new(vocabulary) })
    }

    /// The profile of a client of whom this is known.
    pub fn profile(&self, facts: &Facts) -> &Profile {
        let policy = self.rules.policy();
        &policy.profiles[policy.selection.select(facts).profile]
    }

    /// What the gatekeeper gets of a stanza that the client sends.
    pub fn client_sends(&self, facts: Facts, stanza: &str) -> Result<String, RehearsalError> {
        let mut recipient = Recipient::known(Arc::clone(&self.rules), facts);
        with_frame(&self.vocabulary, stanza, |frame| {
            let edit = recipient.edit_client_frame(frame, usize::MAX)?;
            Ok(edited(frame, edit))
        })
    }

    /// What the client gets of a stanza that the gatekeeper sends, and what became of its content.
    pub fn gatekeeper_sends(&self, facts: Facts, stanza: &str) -> Result<(String, Action), RehearsalError> {
        let mut recipient = Recipient::known(Arc::clone(&self.rules), facts);
        let got = with_frame(&self.vocabulary, stanza, |frame| {
            Ok(edited(frame, recipient.edit_gatekeeper_frame(frame, usize::MAX)?))
        })?;
        let counts = recipient.take_counts().unwrap_or_default();
        let any =
            |counts: &[[u32; ContentClass::ALL.len()]; 2]| counts.iter().flatten().any(|count| *count > 0);
        let verdict = match (any(&counts.replaced), any(&counts.withheld)) {
            (true, _) => Action::Fallback,
            (false, true) => Action::Withhold,
            (false, false) => Action::Pass,
        };
        Ok((got, verdict))
    }
}

fn edited(frame: &Frame<'_>, edit: Option<ContentEdit>) -> String {
    let mut out = Vec::new();
    edit.unwrap_or_default().edit.apply(frame.bytes, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
