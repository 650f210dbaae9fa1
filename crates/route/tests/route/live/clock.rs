//! A clock for tests with sockets that does not depend on the speed of the machine.
//!
//! Tokio's paused clock jumps to the next timer whenever the runtime waits, also when it waits for a socket: deadlines
//! would pass while a server answers. Here time goes on by small steps, each of them only after everybody in the runtime
//! had his turn several times. Client and servers live in the same thread, so that a slow machine makes the time slow
//! with them.

use std::{sync::mpsc, time::Duration};

use tokio::task::{spawn_blocking, yield_now};

/// How often sockets are looked at and tasks run before time goes on.
const ROUNDS: usize = 12;
/// Real time for the kernel between two steps.
const REST: Duration = Duration::from_micros(300);

/// Runs a test whose time goes on by 50 ms each step.
pub(crate) async fn fast<T>(test: impl Future<Output = T>) -> T {
    in_steps(Duration::from_millis(50), test).await
}

/// The same with long steps, for hours: whatever is asked must be answered within a few of them.
pub(super) async fn in_steps<T>(step: Duration, test: impl Future<Output = T>) -> T {
    tokio::time::pause();
    // As long as this waits, the clock does not jump.
    let (end, ended) = mpsc::channel::<()>();
    let held = spawn_blocking(move || ended.recv().is_err());
    let goes_on = async {
        loop {
            for _ in 0..ROUNDS {
                yield_now().await;
            }
            std::thread::sleep(REST);
            tokio::time::advance(step).await;
        }
    };
    let outcome = tokio::select! {
        outcome = test => outcome,
        () = goes_on => unreachable!("it goes on for ever"),
    };
    drop(end);
    assert!(held.await.unwrap());
    outcome
}
