//! Whoever has shown a key.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use yabby_core::{ZoneRule, Zones};
use yabby_store::{KeyKind, Scopes};

/// A rate counts requests within this time.
const MINUTE: Duration = Duration::from_mins(1);

/// Whoever has shown a key. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Holder>);

#[derive(Debug)]
struct Holder {
    id: String,
    name: String,
    kind: KeyKind,
    scopes: Scopes,
    /// How far its data may travel.
    zones: Zones,
    gone: watch::Sender<bool>,
    /// When its last requests came, as many as it may have in a minute.
    lately: Mutex<VecDeque<Instant>>,
    /// Since that was noted last.
    used: AtomicBool,
}

impl Caller {
    pub(super) fn new(id: &str, name: &str, kind: KeyKind, scopes: Scopes) -> Self {
        let mut zones = Zones::default();
        if let Some(zone) = &scopes.zone {
            zones = zones.with(ZoneRule {
                zones: [zone.clone()].into(),
                from: format!("the key {name:?}"),
                ask: false,
            });
        }
        Self(Arc::new(Holder {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            scopes,
            zones,
            gone: watch::Sender::new(false),
            lately: Mutex::default(),
            used: false.into(),
        }))
    }

    /// The owner.
    pub(super) fn owner() -> Self {
        Self::new("owner", "owner", KeyKind::Owner, Scopes::all())
    }

    /// The id of its key; `owner` for the owner's own.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name of its key.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }

    /// What it may do.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Whether it may see and change how the gateway works.
    pub fn may_operate(&self) -> bool {
        self.0.scopes.operate
    }

    /// How far its data may travel.
    pub fn zones(&self) -> &Zones {
        &self.0.zones
    }

    /// Whether its key does not count any more.
    pub fn is_revoked(&self) -> bool {
        *self.0.gone.borrow()
    }

    /// Until its key does not count any more. What was begun for it ends then.
    pub async fn revoked(&self) {
        let mut gone = self.0.gone.subscribe();
        // The sender lives in the key that is held here.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    pub(super) fn revoke(&self) {
        self.0.gone.send_replace(true);
    }

    /// A request comes; how long it would have to wait where there were too many in the last minute.
    pub(super) fn comes(&self, now: impl FnOnce() -> Instant) -> Result<(), Duration> {
        // Where it is set already, nothing is written that other processors have in their caches.
        if !self.0.used.load(Ordering::Relaxed) {
            self.0.used.store(true, Ordering::Relaxed);
        }
        let Some(rate) = self.0.scopes.rate else { return Ok(()) };
        let now = now();
        let mut lately = self.0.lately.lock().unwrap_or_else(PoisonError::into_inner);
        while lately.front().is_some_and(|first| now.duration_since(*first) >= MINUTE) {
            lately.pop_front();
        }
        match lately.front() {
            Some(first) if lately.len() >= rate as usize => Err(MINUTE.saturating_sub(now.duration_since(*first))),
            None if rate == 0 => Err(MINUTE),
            _ => {
                lately.push_back(now);
                Ok(())
            }
        }
    }

    /// Whether it was used since this was asked last.
    pub(super) fn take_used(&self) -> bool {
        self.0.used.swap(false, Ordering::Relaxed)
    }

    /// Whether it is the key of this description still.
    pub(super) fn is(&self, id: &str, name: &str, scopes: &Scopes) -> bool {
        self.0.id == id && self.0.name == name && self.0.scopes == *scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(rate: Option<u32>) -> Caller {
        let scopes = Scopes {
            rate,
            ..Scopes::default()
        };
        Caller::new("k", "laptop", KeyKind::Client, scopes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_holds_in_every_minute() {
        let limited = caller(Some(2));
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(limited.comes(|| at(0)), Ok(()));
        assert_eq!(limited.comes(|| at(30)), Ok(()));
        assert_eq!(limited.comes(|| at(31)), Err(Duration::from_secs(29)));
        assert_eq!(limited.comes(|| at(60)), Ok(()));
        assert_eq!(limited.comes(|| at(61)), Err(Duration::from_secs(29)));
        assert_eq!(caller(Some(0)).comes(|| at(0)), Err(MINUTE));
        let unlimited = caller(None);
        assert!((0..1000).all(|_| unlimited.comes(|| at(0)).is_ok()));
    }

    #[tokio::test]
    async fn who_holds_a_key_hears_that_it_is_gone() {
        let caller = caller(None);
        let held = caller.clone();
        assert!(!held.is_revoked());
        let ((), ()) = tokio::join!(held.revoked(), async { caller.revoke() });
        held.revoked().await;
        assert!(held.is_revoked());
    }
}
