//! Who has asked last on a connection.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Caller;

/// Who has asked last on a connection, and with which key: the next request mostly brings the same one.
#[derive(Default)]
pub(crate) struct Last(Mutex<Option<Known>>);

struct Known {
    /// None where nobody is asked for one.
    key: Option<Box<[u8]>>,
    caller: Caller,
}

// === impl Last ===

impl Last {
    /// Whose key this is, if it is the one that came last and still counts.
    pub(super) fn with(&self, key: &[u8]) -> Option<Caller> {
        let known = self.lock();
        let known = known.as_ref()?;
        let is_same = known.key.as_deref().is_some_and(|last| is_same(last, key));
        (is_same && !known.caller.is_revoked()).then(|| known.caller.clone())
    }

    pub(super) fn take(&self, key: Option<&[u8]>, caller: &Caller) {
        *self.lock() = Some(Known {
            key: key.map(Into::into),
            caller: caller.clone(),
        });
    }

    /// Nobody has.
    pub(crate) fn leave(&self) {
        *self.lock() = None;
    }

    /// Whether the key that came last does not count any more.
    pub(crate) fn is_revoked(&self) -> bool {
        self.lock().as_ref().is_some_and(|known| known.caller.is_revoked())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Last")
    }
}

/// In a time that says nothing of where they differ: a proxy may put several clients on one connection.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one
        .iter()
        .zip(other)
        .fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_counts_and_only_while_it_counts() {
        let last = Last::default();
        let caller = Caller::owner();
        let knows = |key: &[u8]| last.with(key).is_some();
        assert!(!knows(b""));
        last.take(Some(b"sk-abc"), &caller);
        assert_eq!(
            [&b"sk-abc"[..], b"sk-abd", b"sk-ab", b"sk-abcd", b""].map(knows),
            [true, false, false, false, false]
        );
        caller.revoke();
        assert!(!knows(b"sk-abc") && last.is_revoked());
        last.leave();
        assert!(!last.is_revoked());
        // Whoever came without a key has none that somebody could bring.
        last.take(None, &Caller::owner());
        assert!(!knows(b""));
    }
}
