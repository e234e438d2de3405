//! What a session counts of content, as plain integers, to be taken away each time that it is told.

use super::{Carrier, ContentClass, Conversation};

const CLASSES: usize = ContentClass::ALL.len();
const CARRIERS: usize = Carrier::ALL.len();
const CONVERSATIONS: usize = Conversation::ALL.len();

/// By conversation and class.
pub type ByKind = [[u32; CLASSES]; CONVERSATIONS];

/// Counts by class, and by conversation but for advertisements, since they were last taken. What a message holds of one
/// class counts once, as its outline shows no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentCounts {
    /// Whether any is not zero.
    pub any: bool,
    /// Content of the class that the gatekeeper sent.
    pub received: ByKind,
    /// Content of the class that the gatekeeper sent although the client was not said to receive it, whatever became of
    /// it. Carbons and archived messages are not counted here: they tell of the past.
    pub unadvertised: ByKind,
    /// Content that a text took the place of.
    pub replaced: ByKind,
    /// Content that was taken out.
    pub withheld: ByKind,
    /// Advertisements that held the class, by carrier.
    pub advertised: [[u32; CLASSES]; CARRIERS],
}

impl ContentCounts {
    /// What passes without being read.
    #[inline]
    pub fn count_unread(&mut self, conversation: Conversation, class: ContentClass, unadvertised: bool) {
        self.count_received(conversation, class);
        if unadvertised {
            self.count_unadvertised(conversation, class);
        }
    }

    pub fn count_received(&mut self, conversation: Conversation, class: ContentClass) {
        self.any = true;
        self.received[conversation as usize][class as usize] += 1;
    }

    pub fn count_unadvertised(&mut self, conversation: Conversation, class: ContentClass) {
        self.any = true;
        self.unadvertised[conversation as usize][class as usize] += 1;
    }

    pub fn count_replaced(&mut self, conversation: Conversation, class: ContentClass) {
        self.any = true;
        self.replaced[conversation as usize][class as usize] += 1;
    }

    pub fn count_withheld(&mut self, conversation: Conversation, class: ContentClass) {
        self.any = true;
        self.withheld[conversation as usize][class as usize] += 1;
    }

    pub fn count_advertised(&mut self, carrier: Carrier, class: ContentClass) {
        self.any = true;
        self.advertised[carrier as usize][class as usize] += 1;
    }
}
