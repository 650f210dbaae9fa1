//! Points at which a test can kill the process, as a power cut would.
//!
//! `YABBY_FAIL_AT=OPERATION/STEP:N` kills it when the point is passed for the Nth time. Steps of each operation that writes
//! are `ran` (its statements have run, nothing is committed), `committed` and `told` (its caller goes on). With
//! `YABBY_FAIL_HOW=stop` it is stopped instead, as a machine that is suspended would be, until somebody lets it go on.
//! Without the feature `fail-points` nothing of this is compiled.

/// A point on the way of a message.
#[cfg(feature = "fail-points")]
#[expect(clippy::disallowed_methods, reason = "only tests set it, and only for this")]
pub fn point(operation: &str, step: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    struct Wanted {
        operation: String,
        step: String,
        number: u64,
    }

    static WANTED: LazyLock<Option<Wanted>> = LazyLock::new(|| {
        let wanted = std::env::var("YABBY_FAIL_AT").ok()?;
        let (point, number) = wanted.rsplit_once(':')?;
        let (operation, step) = point.split_once('/')?;
        Some(Wanted {
            operation: operation.to_owned(),
            step: step.to_owned(),
            number: number.parse().ok()?,
        })
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);

    if let Some(wanted) = &*WANTED
        && wanted.operation == operation
        && wanted.step == step
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == wanted.number
    {
        let me = rustix::process::getpid();
        if std::env::var("YABBY_FAIL_HOW").is_ok_and(|how| how == "stop") {
            let _ = rustix::process::kill_process(me, rustix::process::Signal::STOP);
            // Until the signal has reached this thread too.
            std::thread::sleep(std::time::Duration::from_millis(50));
            return;
        }
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// A point on the way of a message.
#[cfg(not(feature = "fail-points"))]
pub(crate) const fn point(_operation: &str, _step: &str) {}
