//! What a session counts of content, as plain integers, to be taken away each time that it is told.

use super::{Carrier, ContentClass};

const CLASSES: usize = ContentClass::ALL.len();
const CARRIERS: usize = Carrier::ALL.len();

/// Counts by class since they were last taken. What a message holds of one class counts once, as its outline shows no
/// more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentCounts {
    /// Whether any is not zero.
    pub any: bool,
    /// Content of the class that the gatekeeper sent.
    pub received: [u32; CLASSES],
    /// Content of the class that the gatekeeper sent although the client was not said to receive it, whatever became of
    /// it. Carbons and archived messages are not counted here: they tell of the past.
    pub unadvertised: [u32; CLASSES],
    /// Content that a text took the place of.
    pub replaced: [u32; CLASSES],
    /// Content that was taken out.
    pub withheld: [u32; CLASSES],
    /// Advertisements that held the class, by carrier.
    pub advertised: [[u32; CLASSES]; CARRIERS],
}

impl ContentCounts {
    pub fn count_received(&mut self, class: ContentClass) {
        self.any = true;
        self.received[class as usize] += 1;
    }

    pub fn count_unadvertised(&mut self, class: ContentClass) {
        self.any = true;
        self.unadvertised[class as usize] += 1;
    }

    pub fn count_replaced(&mut self, class: ContentClass) {
        self.any = true;
        self.replaced[class as usize] += 1;
    }

    pub fn count_withheld(&mut self, class: ContentClass) {
        self.any = true;
        self.withheld[class as usize] += 1;
    }

    pub fn count_advertised(&mut self, carrier: Carrier, class: ContentClass) {
        self.any = true;
        self.advertised[carrier as usize][class as usize] += 1;
    }
}
