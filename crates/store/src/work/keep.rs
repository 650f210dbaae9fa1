//! Keeping a lease while something is done.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    error::{Result, StoreErrorKind},
    lanes::{self, Lease},
    sql::Flavor,
    store::Store,
};

/// Does something outside of the store, as long as the lease is kept. What follows it is told to the store whether the lease
/// has passed meanwhile or not: the store knows whether another has taken over.
pub(super) async fn while_kept<T>(
    store: &Store,
    lease: &Lease,
    time: Duration,
    work: impl Future<Output = T>,
) -> Result<T> {
    tokio::select! {
        done = work => Ok(done),
        // Another replica goes on with it.
        () = keep(store, lease, time) => Err(lanes::fenced(lease)),
    }
}

/// Keeps a lease, and returns when it is lost, or may be: when it was not renewed in its time.
async fn keep(store: &Store, lease: &Lease, time: Duration) {
    if store.flavor() == Flavor::Sqlite {
        // Nobody can take it.
        return std::future::pending().await;
    }
    let mut last = Instant::now();
    let mut wait = time / 3;
    loop {
        sleep(wait).await;
        let asked = Instant::now();
        match timeout_at(last + time, store.renew(lease, time)).await {
            Ok(Ok(())) => {
                last = asked;
                wait = time / 3;
            }
            Ok(Err(error)) if error.kind == StoreErrorKind::Fenced => return,
            // The database is away.
            Ok(Err(_)) => wait = time / 12,
            Err(_) => return,
        }
    }
}
