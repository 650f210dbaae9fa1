//! What was read a moment ago.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use yabby_core::Time;

/// Texts by what was asked for, for some minutes and within a number of bytes.
#[derive(Debug)]
pub(super) struct Cache<T> {
    ttl: Duration,
    most: usize,
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    entries: HashMap<String, Entry<T>>,
    /// Keys in the order in which they came.
    order: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    since: Time,
    bytes: usize,
    place: u64,
}

/// What an entry costs beside its text, about.
const OVERHEAD: usize = 256;

impl<T: Clone> Cache<T> {
    pub(super) fn new(ttl: Duration, most: usize) -> Self {
        Self {
            ttl,
            most,
            kept: Mutex::new(Kept {
                entries: HashMap::new(),
                order: BTreeMap::new(),
                next: 0,
                bytes: 0,
            }),
        }
    }

    /// What was kept for `key`, and how long ago. A clock that was put back makes everything old.
    pub(super) fn get(&self, key: &str, now: Time) -> Option<(T, Duration)> {
        let kept = self.kept();
        let entry = kept.entries.get(key)?;
        let age = now.since(entry.since);
        (entry.since <= now && age < self.ttl).then(|| (entry.value.clone(), age))
    }

    /// Keeps a value that takes about `bytes`, in place of the oldest ones.
    pub(super) fn put(&self, key: &str, value: T, bytes: usize, now: Time) {
        let bytes = bytes + 2 * key.len() + OVERHEAD;
        let mut kept = self.kept();
        kept.remove(key);
        if self.ttl.is_zero() || bytes > self.most {
            return;
        }
        while let Some(oldest) = kept.oldest().cloned() {
            let is_old = kept
                .entries
                .get(&oldest)
                .is_none_or(|entry| now.since(entry.since) >= self.ttl);
            if !is_old && kept.bytes + bytes <= self.most {
                break;
            }
            kept.remove(&oldest);
        }
        let place = kept.next;
        kept.next += 1;
        kept.bytes += bytes;
        kept.order.insert(place, key.to_owned());
        let entry = Entry {
            value,
            since: now,
            bytes,
            place,
        };
        kept.entries.insert(key.to_owned(), entry);
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn oldest(&self) -> Option<&String> {
        self.order.first_key_value().map(|(_, key)| key)
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.place);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_some_minutes_and_the_newest() {
        let cache = Cache::new(Duration::from_mins(15), 3 * (OVERHEAD + 102));
        let minute = |minutes: i64| Time(minutes * 60_000);
        for (key, at) in [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("b", 4)] {
            cache.put(key, at, 100, minute(at));
        }
        let ages =
            |now| ["a", "b", "c", "d"].map(|key| cache.get(key, minute(now)).map(|(at, age)| (at, age.as_secs() / 60)));
        assert_eq!(ages(5), [None, Some((4, 1)), Some((2, 3)), Some((3, 2))]);
        assert_eq!(ages(17), [None, Some((4, 13)), None, Some((3, 14))]);
        assert_eq!(ages(3), [None, None, Some((2, 1)), Some((3, 0))]);
        // What is too large takes nobody's place, but is not mistaken for what was there before.
        cache.put("b", 9, 10_000, minute(5));
        assert_eq!(ages(5), [None, None, Some((2, 3)), Some((3, 2))]);
        assert_eq!(cache.kept().bytes, 2 * (OVERHEAD + 102));
    }

    #[test]
    fn no_time_keeps_nothing() {
        let cache = Cache::new(Duration::ZERO, 1000);
        cache.put("a", 1, 1, Time(0));
        assert_eq!(cache.get("a", Time(0)), None);
    }
}
