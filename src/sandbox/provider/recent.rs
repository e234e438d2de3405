//! What is remembered for a while and up to a number, by name.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Values by name. Each is forgotten when its time is over, and before that when it is the oldest of too many.
pub struct Recent<V> {
    lifetime: Duration,
    capacity: usize,
    entries: HashMap<String, Entry<V>>,
    /// The names in the order in which they came.
    order: BTreeMap<u64, String>,
    next: u64,
}

struct Entry<V> {
    value: V,
    since: Instant,
    place: u64,
}

impl<V> Recent<V> {
    pub fn new(lifetime: Duration, capacity: usize) -> Self {
        Self { lifetime, capacity, entries: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// The value of this name and the time that is left to it.
    pub fn get_mut(&mut self, name: &str, now: Instant) -> Option<(&mut V, Duration)> {
        self.forget_old(now);
        let entry = self.entries.get_mut(name)?;
        let left = self.lifetime.saturating_sub(now.saturating_duration_since(entry.since));
        Some((&mut entry.value, left))
    }

    /// Remembers a value from now on, instead of an older one of this name.
    pub fn insert(&mut self, name: &str, value: V, now: Instant) {
        self.remove(name);
        let place = self.next;
        self.next += 1;
        self.entries.insert(name.to_owned(), Entry { value, since: now, place });
        self.order.insert(place, name.to_owned());
        self.forget_old(now);
    }

    pub fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.order.remove(&entry.place);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((_, name)) = self.order.first_key_value() {
            let age = self.entries.get(name).map(|entry| now.saturating_duration_since(entry.since));
            let is_over = age.is_none_or(|age| age >= self.lifetime);
            if !is_over && self.entries.len() <= self.capacity {
                break;
            }
            self.entries.remove(name);
            self.order.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn value(recent: &mut Recent<u32>, name: &str, now: Instant) -> Option<u32> {
        recent.get_mut(name, now).map(|(value, _)| *value)
    }

    #[test]
    fn a_value_is_forgotten_when_its_time_is_over() {
        let start = Instant::now();
        let mut recent = Recent::new(LIFETIME, 9);
        recent.insert("a", 1, start);
        let later = start + LIFETIME - Duration::from_secs(1);
        assert_eq!(recent.get_mut("a", later), Some((&mut 1, Duration::from_secs(1))));
        assert_eq!(value(&mut recent, "a", start + LIFETIME), None);
        assert!(recent.entries.is_empty() && recent.order.is_empty());
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let now = Instant::now();
        let mut recent = Recent::new(LIFETIME, 2);
        for (number, name) in (0..).zip(["a", "b", "a", "c"]) {
            recent.insert(name, number, now);
        }
        assert_eq!(["a", "b", "c"].map(|name| value(&mut recent, name, now)), [Some(2), None, Some(3)]);
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let now = Instant::now();
        let mut recent = Recent::new(LIFETIME, 2);
        for number in 0..100 {
            recent.insert("a", number, now);
            recent.remove("a");
        }
        assert!(recent.entries.is_empty() && recent.order.is_empty());
    }
}
