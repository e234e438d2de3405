//! What becomes of one content: the profile says whether the client can receive it, the policy what is done if not.

use crate::content_types::{
    Action, ClassRule, ContentClass, ContentRule, ContentTypes, Conversation, Enforcement, MediaType,
    TypeRule,
};

pub(super) struct Judge {
    content_types: ContentTypes,
    enforcement: Enforcement,
}

/// What becomes of a content.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// The client was said to receive it.
    pub advertised: bool,
    pub action: Action,
}

impl Judge {
    pub fn new(content_types: &ContentTypes, enforcement: &Enforcement) -> Self {
        Self { content_types: content_types.clone(), enforcement: enforcement.clone() }
    }

    pub fn judge(
        &self,
        class: ContentClass,
        conversation: Conversation,
        media_type: Option<&MediaType>,
        size: Option<u64>,
    ) -> Verdict {
        match self.content_types.judge(class, conversation, media_type, size) {
            Ok(()) => Verdict { advertised: true, action: Action::Pass },
            Err(because) => Verdict {
                advertised: false,
                action: self.enforcement.action(class, conversation, media_type, because),
            },
        }
    }

    /// The class and the verdict of content by this rule, if they are the same whatever the element holds.
    pub fn judge_unread(
        &self,
        rule: &ContentRule,
        conversation: Conversation,
    ) -> Option<(ContentClass, Verdict)> {
        let media_type = match &rule.media_type {
            None => None,
            Some(TypeRule::Fixed(media_type)) => Some(media_type),
            Some(TypeRule::Read(_)) => return None,
        };
        match &rule.class {
            ClassRule::Fixed(class) if rule.size.is_none() => {
                Some((*class, self.judge(*class, conversation, media_type, None)))
            }
            _ => None,
        }
    }
}
