//! A small generator of random numbers, the same each time: `SplitMix64`.

use std::time::Duration;

pub(super) struct Random(u64);

impl Random {
    /// Seeds that are near each other give numbers that are not.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    /// As often as `percent` says.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub(super) fn maybe<T>(&mut self, percent: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| make(self))
    }

    /// Whole milliseconds below `end` seconds; short ones are as likely as long ones.
    pub(super) fn time(&mut self, end: u64) -> Duration {
        let scale = [1, 20, 400, 8_000, 160_000, 3_200_000];
        let most = (end * 1000).min(self.one_of(&scale));
        Duration::from_millis(self.next() % most.max(1))
    }

    /// Whole seconds from `from` on and below `end`.
    pub(super) fn seconds(&mut self, from: u64, end: u64) -> Duration {
        Duration::from_secs(from + self.next() % (end - from))
    }
}
