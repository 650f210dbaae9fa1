//! Addresses that have shown too many wrong keys.
//!
//! Different wrong keys count, and each once: a program that has an old key of its owner's guesses nothing when it shows it
//! again and again, and must not lock everybody out who comes from the same address. Where wrong keys come from many
//! addresses together, one of them locks an address.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use yabby_config::Lockout as Settings;
use yabby_store::KeyHash;

/// So many times the wrong keys of an address, from all together, are too many.
const TOGETHER: u32 = 10;
/// Of so many addresses wrong keys are remembered.
const MOST_PLACES: usize = 8192;

/// What wrong keys there were.
#[derive(Debug)]
pub(super) struct Lockout {
    /// Whether there is anything to look at.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    places: HashMap<IpAddr, Place>,
    /// When wrong keys came last, from everywhere.
    all: VecDeque<Instant>,
}

/// What came from one address.
#[derive(Debug, Default)]
struct Place {
    wrong: VecDeque<(Instant, KeyHash)>,
    locked_until: Option<Instant>,
}

impl Lockout {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            any: false.into(),
            state: Mutex::new(State {
                settings,
                ..State::default()
            }),
        }
    }

    /// From now on these count, also for those who are locked out: their time is as if it had been so from the beginning.
    /// Wrong keys that have come still count.
    pub(super) fn change(&self, settings: Settings, now: Instant) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.settings, settings);
        if settings.spares_loopback {
            let loopback_6 = place(Ipv6Addr::LOCALHOST.into());
            state
                .places
                .retain(|place, _| !place.is_loopback() && *place != loopback_6);
        }
        let locked = state
            .places
            .values_mut()
            .filter_map(|place| place.locked_until.as_mut());
        for until in locked.filter(|until| **until > now) {
            let began = until.checked_sub(before.time).unwrap_or(now);
            *until = began + settings.time;
        }
    }

    /// How long an address is still locked out. The clock is looked at only where somebody may be.
    pub(super) fn left(&self, from: IpAddr, now: impl FnOnce() -> Instant) -> Option<Duration> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let until = self.lock().places.get(&place(from))?.locked_until?;
        until.checked_duration_since(now()).filter(|left| !left.is_zero())
    }

    /// A wrong key has come.
    pub(super) fn wrong(&self, from: IpAddr, key: KeyHash, now: Instant) {
        let mut state = self.lock();
        let State { settings, places, all } = &mut *state;
        if settings.spares_loopback && from.is_loopback() {
            return;
        }
        self.any.store(true, Ordering::Relaxed);
        let Settings {
            attempts, window, time, ..
        } = *settings;
        if places.len() >= MOST_PLACES && !places.contains_key(&place(from)) {
            places.retain(|_, place| place.counts(now, window));
            if places.len() >= MOST_PLACES {
                // Rather those are forgotten that are not locked out: they begin anew.
                places.retain(|_, place| place.locked_until.is_some());
            }
            if places.len() >= MOST_PLACES {
                return;
            }
        }
        let place = places.entry(place(from)).or_default();
        while place
            .wrong
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) >= window)
        {
            place.wrong.pop_front();
        }
        if place.wrong.iter().any(|(_, known)| *known == key) {
            return;
        }
        place.wrong.push_back((now, key));
        while all.front().is_some_and(|at| now.duration_since(*at) >= window) {
            all.pop_front();
        }
        let most = attempts.saturating_mul(TOGETHER) as usize;
        let from_everywhere = all.len() >= most;
        if all.len() < most {
            all.push_back(now);
        }
        if from_everywhere || place.wrong.len() >= attempts as usize {
            place.wrong.clear();
            place.locked_until = Some(now + time);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn counts(&self, now: Instant, window: Duration) -> bool {
        self.locked_until.is_some_and(|until| now < until)
            || self
                .wrong
                .back()
                .is_some_and(|(at, _)| now.duration_since(*at) < window)
    }
}

/// What counts as one address: of IPv6 a whole network of the last level, of which one machine has all addresses.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lockout() -> Lockout {
        Lockout::new(Settings {
            attempts: 3,
            ..Settings::default()
        })
    }

    fn key(number: u32) -> KeyHash {
        KeyHash::of(&number.to_le_bytes())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn different_wrong_keys_lock_an_address_out_for_a_while() {
        let lockout = lockout();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let from = address("127.0.0.1");
        // An old key, again and again.
        for second in 0..50 {
            lockout.wrong(from, key(0), at(second));
        }
        lockout.wrong(from, key(1), at(50));
        assert_eq!(lockout.left(from, || at(50)), None);
        lockout.wrong(from, key(2), at(51));
        assert_eq!(lockout.left(from, || at(51)), Some(Duration::from_mins(5)));
        // The same machine by another of its names; others are not concerned.
        assert!(lockout.left(address("::ffff:127.0.0.1"), || at(52)).is_some());
        assert_eq!(lockout.left(address("127.0.0.2"), || at(52)), None);
        assert_eq!(lockout.left(from, || at(51 + 300)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_keys_count_for_a_minute() {
        let lockout = lockout();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let from = address("2001:db8::1");
        for (number, second) in [(0, 0), (1, 30), (2, 61)] {
            lockout.wrong(from, key(number), at(second));
        }
        assert_eq!(lockout.left(from, || at(61)), None);
        // Another address of the same network is the same one.
        lockout.wrong(address("2001:db8::2"), key(3), at(62));
        assert!(lockout.left(from, || at(62)).is_some());
        assert_eq!(lockout.left(address("2001:db8:0:1::1"), || at(62)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_together_have_one_try_each() {
        let lockout = lockout();
        let now = Instant::now();
        let from = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 | number));
        for number in 0..30 {
            lockout.wrong(from(number), key(number), now);
            assert_eq!(lockout.left(from(number), || now), None, "{number}");
        }
        lockout.wrong(from(30), key(30), now);
        assert!(lockout.left(from(30), || now).is_some());
        // Who has shown no wrong key is not concerned.
        assert_eq!(lockout.left(from(31), || now), None);
        for number in 0..20_000 {
            lockout.wrong(from(number), key(number), now);
        }
        assert!(lockout.lock().places.len() <= MOST_PLACES);
    }

    #[tokio::test(start_paused = true)]
    async fn this_machine_may_be_spared() {
        let lockout = Lockout::new(Settings {
            attempts: 1,
            spares_loopback: true,
            ..Settings::default()
        });
        let now = Instant::now();
        for from in ["127.0.0.1", "::1", "10.0.0.1"].map(address) {
            lockout.wrong(from, key(0), now);
            assert_eq!(lockout.left(from, || now).is_some(), from == address("10.0.0.1"));
        }
    }
    #[tokio::test(start_paused = true)]
    async fn other_settings_count_at_once_and_nothing_is_forgotten() {
        let lockout = lockout();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let [one, two, here, here_6] = ["10.0.0.1", "10.0.0.2", "127.0.0.1", "::1"].map(address);
        for number in 0..3 {
            for from in [one, here, here_6] {
                lockout.wrong(from, key(number), at(0));
            }
        }
        lockout.wrong(two, key(0), at(0));
        let left = |from, seconds| lockout.left(from, || at(seconds)).map(|left| left.as_secs());
        assert_eq!(
            [one, two, here, here_6].map(|from| left(from, 10)),
            [Some(290), None, Some(290), Some(290)]
        );
        let settings = |attempts, seconds, spares_loopback| Settings {
            attempts,
            time: Duration::from_secs(seconds),
            spares_loopback,
            ..Settings::default()
        };
        lockout.change(settings(2, 60, false), at(10));
        assert_eq!([one, two, here].map(|from| left(from, 10)), [Some(50), None, Some(50)]);
        // The first one counts still.
        lockout.wrong(two, key(1), at(10));
        assert_eq!(left(two, 10), Some(60));
        lockout.change(settings(2, 600, true), at(20));
        assert_eq!(
            [one, two, here, here_6].map(|from| left(from, 20)),
            [Some(580), Some(590), None, None]
        );
        // What is over stays so.
        lockout.change(settings(2, 6000, true), at(605));
        assert_eq!([one, two].map(|from| left(from, 605)), [None, Some(5405)]);
    }
}
