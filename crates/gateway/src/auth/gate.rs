//! The questions that each request has to answer.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use hyper::{HeaderMap, StatusCode, http::request::Parts};
use tokio::{
    sync::{Mutex as Turnstile, watch},
    time::{Instant, sleep, timeout},
};
use yabby_config::GatewaySettings;
use yabby_core::Time;
use yabby_store::{KeyHash, Keys, StoreError};

use super::{
    Caller, Peer,
    last::Last,
    lockout::Lockout,
    presented::{Presented, presented},
    ring::Ring,
    rules::Rules,
};
use crate::{api::Refusal, swap::Swap};

/// How often it is noted which keys were used.
const NOTED: Duration = Duration::from_secs(20);
/// How long it takes until a store that could not be read is asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// Whoever shows a key that is not known waits no longer for the store.
const SOON: Duration = Duration::from_secs(1);
/// So many keys are remembered that are none.
const STRANGERS: usize = 256;
/// No clock is waited for longer at once: it may be set.
const LONGEST: Duration = Duration::from_mins(1);

/// Who may come in, beside what the config says.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Keys of the owner's, which are kept nowhere else.
    pub owners: Vec<KeyHash>,
    /// The keys that are kept.
    pub keys: Option<Keys>,
}

/// Who may come in. Every way in asks it: [`Gate::visitor`] first, and [`Gate::caller`] for all that is not open to everybody.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Keys of the owner's, whatever the config says.
    created: Vec<KeyHash>,
    keys: Option<Keys>,
    ring: Swap<Ring>,
    /// A ring follows from the one before it: one after the other.
    changing: Mutex<()>,
    /// One reading of the keys after the other, so that none brings back what was before another.
    reading: Turnstile<()>,
    /// Keys that were looked for and are none, the latest last.
    strangers: Mutex<VecDeque<KeyHash>>,
    lockout: Lockout,
    signal: watch::Sender<Signal>,
}

/// Whoever has sent a request that is meant for the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    address: IpAddr,
    /// What counted then: it is loaded once for a request.
    ring: Arc<Ring>,
}

/// What all connections are to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signal {
    /// The gateway ends.
    pub(crate) stop: bool,
    /// How often keys were revoked.
    pub(crate) revoked: u64,
}

impl Gate {
    /// Reads the keys that are kept.
    pub(crate) async fn new(access: Access, settings: &GatewaySettings) -> Result<Self, StoreError> {
        let gate = Self {
            created: access.owners,
            keys: access.keys,
            ring: Swap::new(Ring::default()),
            changing: Mutex::default(),
            reading: Turnstile::default(),
            strangers: Mutex::default(),
            lockout: Lockout::new(settings.auth.lockout),
            signal: watch::Sender::default(),
        };
        gate.change(settings);
        gate.read().await?;
        Ok(gate)
    }

    /// From now on this config counts: for requests that come, and for whoever is in by what it does not have any more.
    pub(crate) fn change(&self, settings: &GatewaySettings) {
        self.lockout.change(settings.auth.lockout, Instant::now());
        self.replace(|before, now| {
            let rules = Rules::new(settings, &self.created, &before.rules);
            Ring::new(Arc::new(rules), Arc::clone(&before.kept), now, before)
        });
    }

    /// Who has sent this request, if it is meant for this gateway and comes from a page that may use it, or from no page, and
    /// if its address was not locked out.
    pub(crate) fn visitor(&self, peer: &Peer, head: &Parts) -> Result<Visitor, Refusal> {
        let ring = self.ring.get();
        ring.rules.names.check(head, peer.local)?;
        let address = peer.client(&head.headers, &ring.rules.proxies);
        match self.lockout.left(address, Instant::now) {
            None => Ok(Visitor { address, ring }),
            Some(left) => {
                let message = "too many wrong keys came from this address; try again later";
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "locked_out", message);
                Err(refusal.after(left))
            }
        }
    }

    /// Whether a request brings something that may be a key, or nobody is asked for one.
    pub(crate) fn shows_key(visitor: &Visitor, headers: &HeaderMap) -> bool {
        visitor.ring.rules.anybody.is_some() || presented(headers) != Presented::None
    }

    /// Whose key this is, which has come in another way than in a head.
    pub(crate) async fn admit(&self, visitor: &Visitor, key: &str) -> Option<Caller> {
        self.lockout
            .left(visitor.address, Instant::now)
            .is_none()
            .then_some(())?;
        let caller = self.holder(visitor, key.as_bytes()).await?;
        caller.comes(Instant::now).ok().map(|()| caller)
    }

    /// Whose key a request brings that has just come, on a connection of which it is known who has asked last.
    pub(crate) async fn caller(&self, visitor: &Visitor, headers: &HeaderMap, last: &Last) -> Result<Caller, Refusal> {
        let ring = &visitor.ring;
        let unknown = "this key is not known here, or not any more (yabby keys list shows those that are; yabby keys add \
                       makes one)";
        let found = match presented(headers) {
            Presented::None => Err(
                "a key is needed: send it as Authorization: Bearer KEY, or as x-api-key: KEY \
                                    (yabby keys add makes one)",
            ),
            Presented::One(key) => {
                let mut found = last.with(key);
                if found.is_none() {
                    // Seldom, so that its size is no part of each request.
                    found = Box::pin(self.find(visitor, ring, key)).await;
                    if let Some(caller) = &found {
                        last.take(Some(key), caller);
                    }
                }
                found.ok_or(unknown)
            }
            Presented::Several(key) => {
                self.wrong(visitor, key);
                Err("there are several keys in this request; send one")
            }
        };
        let caller = match (found, &ring.rules.anybody) {
            (Ok(caller), _) => caller,
            (Err(_), Some(anybody)) => {
                last.take(None, anybody);
                anybody.clone()
            }
            (Err(message), None) => {
                return Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message).challenging());
            }
        };
        caller.comes(Instant::now).map_err(|left| {
            let message = format!(
                "the key {:?} has reached its {} requests a minute",
                caller.name(),
                caller.scopes().rate.unwrap_or_default()
            );
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message).after(left)
        })?;
        Ok(caller)
    }

    /// Whose key this is by what counts now. A wrong one counts against the address that it came from.
    pub(super) async fn holder(&self, visitor: &Visitor, key: &[u8]) -> Option<Caller> {
        // The visitor may have come a while ago.
        let ring = self.ring.get();
        self.find(visitor, &ring, key).await
    }

    async fn find(&self, visitor: &Visitor, ring: &Ring, key: &[u8]) -> Option<Caller> {
        let hash = KeyHash::of(key);
        let mut found = ring.find(&hash).cloned();
        if found.is_none() && ring.rules.anybody.is_none() {
            // Another replica may have made it a moment ago, for a browser that asks here now.
            if self.keys.is_some() && !self.is_strange(&hash) {
                found = timeout(SOON, self.look_again(hash)).await.ok().flatten();
            }
            if found.is_none() {
                self.lockout.wrong(visitor.address, hash, Instant::now());
            }
        }
        found
    }

    /// Looks into the store for a key that is not known. Where it is not there, it is not looked for again.
    async fn look_again(&self, hash: KeyHash) -> Option<Caller> {
        let _alone = self.reading.lock().await;
        // Who has waited for another's reading may find in it what it looks for.
        let known = || self.ring.get().find(&hash).cloned();
        if let Some(found) = known() {
            return Some(found);
        }
        if self.is_strange(&hash) || self.read_alone().await.is_err() {
            return None;
        }
        let found = known();
        if found.is_none() {
            let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            if strangers.len() == STRANGERS {
                strangers.pop_front();
            }
            strangers.push_back(hash);
        }
        found
    }

    /// Whether the store has said that it does not have this key.
    fn is_strange(&self, hash: &KeyHash) -> bool {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.contains(hash)
    }

    pub(super) fn wrong(&self, visitor: &Visitor, key: &[u8]) {
        self.lockout.wrong(visitor.address, KeyHash::of(key), Instant::now());
    }

    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// What connections are to know.
    pub(crate) fn signal(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    /// Tells all connections that the gateway ends.
    pub(crate) fn stop(&self) {
        self.signal.send_modify(|signal| signal.stop = true);
    }

    /// Whether whoever has called is a proxy that is believed.
    pub(crate) fn is_proxy(&self, peer: &Peer) -> bool {
        let ring = self.ring.get();
        ring.rules.proxies.iter().any(|network| network.contains(peer.remote))
    }

    /// Keeps what is known of keys up to date, until it is dropped. While the store cannot be read, what was known counts.
    pub(crate) async fn keep(&self) {
        let Some(keys) = &self.keys else {
            return std::future::pending().await;
        };
        let mut changes = keys.changes().await;
        // What has changed since the beginning was not heard.
        let mut failed = self.read().await.is_err();
        let mut noted = Instant::now();
        loop {
            let now = Time::from(SystemTime::now());
            let ends = self
                .ring
                .get()
                .until
                .map_or(LONGEST, |until| until.since(now).min(LONGEST));
            let pause = if failed { AGAIN } else { ends };
            let due = pause.min(NOTED.saturating_sub(noted.elapsed()));
            tokio::select! {
                () = changes.next() => failed = self.read().await.is_err(),
                // A moment later, so that a key has ended when it is looked at.
                () = sleep(due + Duration::from_millis(5)) => {
                    if due == pause {
                        failed = self.read().await.is_err();
                    }
                }
            }
            if noted.elapsed() >= NOTED {
                noted = Instant::now();
                let used = self.ring.get().take_used();
                if !used.is_empty() {
                    // When a key was used is worth no error.
                    let _ = keys.used(used).await;
                }
            }
        }
    }

    /// Reads the keys, and lets those go that do not count any more.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let _alone = self.reading.lock().await;
        self.read_alone().await
    }

    async fn read_alone(&self) -> Result<(), StoreError> {
        let read = match &self.keys {
            Some(keys) => keys.list().await,
            None => Ok(Vec::new()),
        };
        let (kept, done) = match read {
            Ok(kept) => (Some(kept.into()), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.replace(|before, now| {
            // Of what cannot be read, what was known counts, but for what has ended.
            let kept = kept.unwrap_or_else(|| Arc::clone(&before.kept));
            Ring::new(Arc::clone(&before.rules), kept, now, before)
        });
        done
    }

    /// Puts another ring in the place of the one that counts, and lets those go who are not in it any more.
    fn replace(&self, make: impl FnOnce(&Ring, Time) -> Ring) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.ring.get();
        self.ring.set(make(&before, Time::from(SystemTime::now())));
        if before.revoke_others(&self.ring.get()) {
            self.signal.send_modify(|signal| signal.revoked += 1);
        }
    }
}
