//! Choices made by bytes, so that whoever finds the bytes (chance, a fuzzer, a shrinker) finds the input.

/// A row of choices. When the bytes are used up, every choice is the first one.
pub struct Choices<'b> {
    bytes: &'b [u8],
}

impl<'b> Choices<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// A number below `count`, which is at least 1.
    pub fn below(&mut self, count: usize) -> usize {
        let low = usize::from(self.byte());
        let number = if count > 256 { low << 8 | usize::from(self.byte()) } else { low };
        number % count
    }

    /// True in about `percent` of 100 cases, and never once the bytes are used up.
    pub fn likely(&mut self, percent: usize) -> bool {
        usize::from(self.byte()) * 100 / 256 >= 100 - percent
    }

    pub fn one_of<'t, T: ?Sized>(&mut self, options: &[&'t T]) -> &'t T {
        options[self.below(options.len())]
    }
}
