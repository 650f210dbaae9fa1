//! Requests that can go on at the same moment take each step together.
//!
//! A write wakes whoever reads at the other end, on another core, and that costs more than all else that is done with a
//! short request. When everything that has come is read before anything is written, the other end is woken once, and finds
//! more to do.

use std::{future::poll_fn, mem, task::Poll};

use crate::routes::Target;

/// Lets other requests that can go on take their step first, where there are any.
pub(crate) async fn after_others(target: &Target) {
    let mut waits = target.counts.has_others();
    poll_fn(|cx| {
        if mem::take(&mut waits) {
            // Behind all tasks that are ready, and before the system is asked which others are: that is another call.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
