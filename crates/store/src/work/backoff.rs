//! Trying again while the store cannot be used.

use std::time::Duration;

use crate::error::{Result, StoreError, StoreErrorKind};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that get longer.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    last: Duration,
}

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        self.last = if self.last.is_zero() {
            FIRST
        } else {
            (self.last * 2).min(LONGEST)
        };
        self.last
    }

    pub(super) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

/// Whether the same may work later: the database comes back, or somebody makes room on the disk.
pub(super) fn may_pass(error: &StoreError) -> bool {
    matches!(
        error.kind,
        StoreErrorKind::Unavailable | StoreErrorKind::Full | StoreErrorKind::ReadOnly | StoreErrorKind::Other
    )
}

/// Does something until it works, or will never.
pub(super) async fn insist<T, F>(operation: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut backoff = Backoff::default();
    loop {
        match operation().await {
            Err(error) if may_pass(&error) => tokio::time::sleep(backoff.next()).await,
            other => return other,
        }
    }
}
