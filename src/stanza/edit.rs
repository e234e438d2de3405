use std::ops::Range;

/// Splices for one frame: what is taken out of its bytes, and what stands there instead. In order, not overlapping.
#[derive(Default)]
pub struct Edit {
    // splices: Vec<(Range<usize>, Vec<u8>)>
}

impl Edit {
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    pub fn remove(&mut self, _range: Range<usize>) {
        todo!()
    }
    pub fn replace(&mut self, _range: Range<usize>, _with: &[u8]) {
        todo!()
    }
    /// The length of the frame after the edit.
    pub fn len_after(&self, _frame: usize) -> usize {
        todo!()
    }
    /// Appends the edited frame.
    pub fn apply(&self, _frame: &[u8], _out: &mut Vec<u8>) {
        todo!()
    }
}
