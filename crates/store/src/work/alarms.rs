//! Letting timers fire, and ending questions that nobody has answered in time.

use std::{pin::pin, time::Duration};

use tokio::time::sleep;

use super::{Pace, backoff::Backoff};
use crate::{error::Result, store::Store, wakes::Topic};

/// A clock may jump, so that nobody waits longer for a moment.
const LONGEST: Duration = Duration::from_mins(1);

/// The loop that lets timers fire. Every process has one: a timer fires once, whoever lets it.
#[derive(Clone, Debug)]
pub struct Alarms {
    store: Store,
    longest: Duration,
}

impl Alarms {
    /// A loop that has not begun.
    pub fn new(store: Store, pace: &Pace) -> Self {
        Self {
            store,
            longest: LONGEST.min(pace.look * 6),
        }
    }

    /// Works until `stop` is ready.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut wakes = self.store.wakes(Topic::Timers);
        let mut questions = self.store.wakes(Topic::Approvals);
        let mut backoff = Backoff::default();
        loop {
            // Before the look, so that nothing that comes after it is missed.
            wakes.mark_unchanged();
            questions.mark_unchanged();
            let wait = match self.look().await {
                Ok(wait) => {
                    backoff.reset();
                    wait
                }
                Err(_) => backoff.next(),
            };
            tokio::select! {
                () = &mut stop => return,
                Ok(()) = wakes.changed() => {}
                Ok(()) = questions.changed() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Does what is due; how long until there may be more.
    async fn look(&self) -> Result<Duration> {
        let fires = self.store.fire_due().await?;
        let next_question = self.store.expire_approvals().await?;
        let now = yabby_core::Time::from(std::time::SystemTime::now());
        let question = next_question.map(|at| at.since(now).max(Duration::from_secs(1)));
        let waits = fires.wait.into_iter().chain(question);
        Ok(waits.fold(self.longest, Duration::min))
    }
}
