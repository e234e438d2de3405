//! Which classes one message holds, so that each counts once.

use crate::content_types::ContentClass;

/// A set of classes.
#[derive(Clone, Copy, Default)]
pub(super) struct Classes([bool; ContentClass::ALL.len()]);

impl Classes {
    pub fn insert(&mut self, class: ContentClass) {
        self.0[class as usize] = true;
    }

    /// Shows every class of the set.
    pub fn each(self, mut see: impl FnMut(ContentClass)) {
        for class in ContentClass::ALL {
            if self.0[class as usize] {
                see(class);
            }
        }
    }
}
