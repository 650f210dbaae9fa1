//! What each request is measured by: the keys that count now, and the rules of the config.

use std::{collections::HashMap, sync::Arc};

use yabby_core::Time;
use yabby_store::{Key, KeyHash};

use super::{Caller, rules::Rules};

/// The keys that count now, and the rules. It is replaced as a whole, so that a request loads one pointer.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) rules: Arc<Rules>,
    by_hash: HashMap<KeyHash, Caller>,
    /// All that are kept, also those that do not count.
    pub(super) kept: Arc<[Key]>,
    /// When the first of them ends.
    pub(super) until: Option<Time>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            rules: Arc::default(),
            by_hash: HashMap::new(),
            kept: Arc::new([]),
            until: None,
        }
    }
}

impl Ring {
    /// The keys that are valid at `now`, beside those of the owner. What is held of a key that was there before stays.
    pub(super) fn new(rules: Arc<Rules>, kept: Arc<[Key]>, now: Time, before: &Self) -> Self {
        let valid = || kept.iter().filter(|key| key.is_valid(now));
        let mut by_hash = rules.owners.clone();
        for key in valid() {
            let made = &key.made;
            let same = before
                .by_hash
                .get(&made.hash)
                .filter(|caller| caller.is(&made.id, &made.name, &made.scopes));
            let caller = same.cloned();
            let new = || Caller::new(&made.id, &made.name, made.kind, made.scopes.clone());
            // A key that is kept takes nothing from the owner's own.
            by_hash.entry(made.hash).or_insert_with(|| caller.unwrap_or_else(new));
        }
        Self {
            rules,
            by_hash,
            until: valid().filter_map(|key| key.made.expires_at).min(),
            kept,
        }
    }

    /// Whose key it is.
    pub(super) fn find(&self, hash: &KeyHash) -> Option<&Caller> {
        self.by_hash.get(hash)
    }

    /// Revokes what is not in `now` any more; whether that was any.
    pub(super) fn revoke_others(&self, now: &Self) -> bool {
        let mut any = false;
        // Keys are asked for again: whoever is in without one has to go.
        if let (Some(anybody), None) = (&self.rules.anybody, &now.rules.anybody) {
            anybody.revoke();
            any = true;
        }
        for (hash, caller) in &self.by_hash {
            let stays = now
                .by_hash
                .get(hash)
                .is_some_and(|other| other.is(caller.id(), caller.name(), caller.scopes()));
            if !stays {
                caller.revoke();
                any = true;
            }
        }
        any
    }

    /// The keys that were used since this was asked last.
    pub(super) fn take_used(&self) -> Vec<String> {
        let used = self.by_hash.values().filter(|caller| caller.take_used());
        used.map(|caller| caller.id().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::GatewaySettings;
    use yabby_core::Secret;
    use yabby_store::{KeyKind, NewKey, Scopes};

    use super::*;

    fn key(id: &str, expires_at: Option<i64>) -> Key {
        Key {
            made: NewKey {
                id: id.to_owned(),
                name: id.to_owned(),
                hash: KeyHash::of(id.as_bytes()),
                kind: KeyKind::Client,
                scopes: Scopes::default(),
                expires_at: expires_at.map(Time),
            },
            created_at: Time(0),
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn keys_come_and_go() {
        let settings = GatewaySettings::default();
        let rules = Arc::new(Rules::new(&settings, &[KeyHash::of(b"owner")], &Rules::default()));
        let all = [key("a", None), key("b", Some(10)), key("c", Some(5))];
        let first = Ring::new(Arc::clone(&rules), all.into(), Time(1), &Ring::default());
        assert_eq!(first.until, Some(Time(5)));
        let of = |ring: &Ring, id: &str| ring.find(&KeyHash::of(id.as_bytes())).cloned();
        let held = ["a", "b", "c", "owner"].map(|id| of(&first, id).unwrap());
        let revoked = Key {
            revoked_at: Some(Time(6)),
            ..key("a", None)
        };
        let all = [revoked, key("b", Some(10)), key("c", Some(5))];
        let second = Ring::new(Arc::clone(&rules), all.into(), Time(6), &first);
        assert!(first.revoke_others(&second));
        assert_eq!(held.each_ref().map(Caller::is_revoked), [true, false, true, false]);
        assert_eq!(
            ["a", "b", "c"].map(|id| of(&second, id).is_some()),
            [false, true, false]
        );
        // Nothing of the one that stays was forgotten.
        let third = Ring::new(Arc::clone(&rules), [key("b", Some(10))].into(), Time(7), &second);
        assert!(!second.revoke_others(&third));
        assert!(!held[1].is_revoked() && of(&third, "b").is_some());
    }
    #[test]
    fn a_token_of_the_config_goes_without_the_others() {
        let created = [KeyHash::of(b"created")];
        let with = |token: Option<&str>, open: bool, before: &Ring| {
            let mut settings = GatewaySettings::default();
            settings.auth.owner = token.map(Secret::new);
            settings.auth.open = open;
            let rules = Arc::new(Rules::new(&settings, &created, &before.rules));
            Ring::new(rules, [key("kept", None)].into(), Time(1), before)
        };
        let of = |ring: &Ring, id: &str| ring.find(&KeyHash::of(id.as_bytes())).cloned();
        let first = with(Some("one"), true, &Ring::default());
        let held = ["created", "one", "kept"].map(|id| of(&first, id).unwrap());
        let anybody = first.rules.anybody.clone().unwrap();
        let gone = || [&held[0], &held[1], &held[2], &anybody].map(Caller::is_revoked);
        let second = with(Some("one"), true, &first);
        assert!(!first.revoke_others(&second));
        let third = with(Some("two"), true, &second);
        assert!(second.revoke_others(&third));
        assert_eq!(gone(), [false, true, false, false]);
        assert!(of(&third, "one").is_none() && of(&third, "two").is_some());
        // What the state folder has too stays when the config has it no more.
        let fourth = with(Some("created"), true, &third);
        let fifth = with(None, false, &fourth);
        assert!(third.revoke_others(&fourth) && fourth.revoke_others(&fifth));
        assert_eq!(gone(), [false, true, false, true]);
        // Who has come in before hears of the end also after many changes.
        assert!(fifth.revoke_others(&Ring::default()));
        assert_eq!(gone(), [true; 4]);
    }
}
