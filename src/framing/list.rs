//! A list that takes no memory of its own while it is short, for the attributes of a start tag. What a general one
//! does to move a list that grows would cost every attribute; here the first items stay where they are.

/// The first `N` items stand in place, the others in a vector.
pub(super) struct List<T, const N: usize> {
    first: [T; N],
    others: Vec<T>,
    length: usize,
}

impl<T: Copy + Default, const N: usize> List<T, N> {
    pub(super) fn new() -> Self {
        Self { first: [T::default(); N], others: Vec::new(), length: 0 }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline(always)]
    pub(super) fn push(&mut self, item: T) {
        match self.first.get_mut(self.length) {
            Some(place) => *place = item,
            None => self.push_other(item),
        }
        self.length += 1;
    }

    #[inline(never)]
    fn push_other(&mut self, item: T) {
        self.others.push(item);
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.others.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().take(self.length).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn it_keeps_what_was_pushed_below_and_above_its_border() {
        let mut list = List::<usize, 4>::new();
        for length in [6, 0, 3, 4, 5, 12, 1] {
            list.clear();
            (0..length).for_each(|item| list.push(item * length));
            assert!(list.iter().copied().eq((0..length).map(|item| item * length)));
            assert_eq!((list.len(), list.is_empty()), (length, length == 0));
        }
    }
}
