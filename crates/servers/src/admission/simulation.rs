//! Ten thousand requests come, wait, give up, run and yield, on paused time, while the limit changes, and an [`Oracle`]
//! watches each step. The numbers are random but the same each time.
//!
//! Time goes on only when every task rests. All that happens does so at multiples of some milliseconds, so that much
//! falls together: permits come to those who are giving up, and work ends when it is told to yield. The looks at the
//! queue are between, when every wake-up there ever will be was seen.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use yabby_core::{Caller, Priority};

use super::{Admission, Permit, Waiting, oracle::Oracle};

const STEP: Duration = Duration::from_millis(8);

/// A small generator of random numbers: `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn steps(&mut self, end: u64) -> Duration {
        STEP * u32::try_from(self.below(end)).unwrap()
    }
}

/// What a request is going to do.
struct Arrival {
    caller: Caller,
    /// How long it runs.
    hold: Duration,
    /// How long it takes to yield.
    closing: Duration,
    /// After what wait it gives up.
    patience: Option<Duration>,
    /// Whether it looks for its permit before it gives up.
    looks: bool,
}

impl Arrival {
    fn random(random: &mut Random, number: usize) -> Self {
        let session = match random.below(8) {
            0 => format!("new {number}"),
            1 => random.below(40).to_string(),
            _ => random.below(4).to_string(),
        };
        Self {
            caller: Caller {
                priority: Priority::ALL[usize::try_from(random.below(6)).unwrap()],
                session,
            },
            hold: random.steps(20),
            closing: random.steps(4),
            patience: random.one_in(2).then(|| random.steps(30)),
            looks: random.one_in(2),
        }
    }

    /// Its whole life.
    async fn live(self, oracle: Arc<Mutex<Oracle>>) {
        let see = || oracle.lock().unwrap();
        let (mut id, mut waiting) = see().enter(&self.caller);
        let gives_up = self.patience.map(|patience| Instant::now() + patience);
        loop {
            let granted = wait(&mut waiting, |ahead| see().queued(id, ahead));
            let permit = match gives_up {
                None => Some(granted.await),
                Some(end) => tokio::select! {
                    biased;
                    () = sleep_until(end), if !self.looks => None,
                    permit = granted => Some(permit),
                    () = sleep_until(end), if self.looks => None,
                },
            };
            let Some(permit) = permit else {
                return see().leave(id, waiting);
            };
            see().taken(id);
            let finished = tokio::select! {
                () = sleep(self.hold) => true,
                () = permit.preempted() => false,
            };
            if !finished {
                see().noticed(id);
                sleep(self.closing).await;
            }
            see().end(id, permit);
            if finished {
                return;
            }
            (id, waiting) = see().enter(&self.caller);
        }
    }
}

async fn wait(waiting: &mut Waiting, mut told: impl FnMut(usize)) -> Permit {
    loop {
        match waiting.next().await {
            Admission::Queued { ahead, .. } => told(ahead),
            Admission::Granted(permit) => return permit,
        }
    }
}

/// Lets `arrivals` requests come, and waits until all are gone.
async fn simulate(seed: u64, arrivals: usize) -> Oracle {
    let random = &mut Random(seed);
    let oracle = Arc::new(Mutex::new(Oracle::new(2)));
    let see = || oracle.lock().unwrap();
    let mut requests = JoinSet::new();
    let mut number = 0;
    let mut next = Instant::now();
    for step in 0..1_000_000 {
        next += STEP;
        sleep_until(next - STEP / 2).await;
        see().rests(step % 8 == 0);
        while let Some(ended) = requests.try_join_next() {
            ended.unwrap();
        }
        if number == arrivals && requests.is_empty() {
            drop(requests);
            return Arc::into_inner(oracle).unwrap().into_inner().unwrap();
        }
        sleep_until(next).await;
        // Zero at times, but not for long.
        if random.one_in(40) {
            see().set_limit(usize::try_from(random.below(6)).unwrap());
        }
        if random.one_in(8) {
            let burst = usize::try_from(random.below(4)).unwrap();
            for _ in 0..burst.min(arrivals - number) {
                requests.spawn(Arrival::random(random, number).live(Arc::clone(&oracle)));
                number += 1;
            }
        }
    }
    panic!("somebody is never served: {oracle:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests() {
    for seed in 1..=3 {
        let oracle = simulate(seed, 10_000).await;
        let seen = &oracle.seen;
        assert_eq!(seen.entered, 10_000 + seen.yielded, "who has yielded comes again");
        assert_eq!(
            seen.taken + seen.left + seen.in_vain,
            seen.entered,
            "all others were served"
        );
        assert!(
            seen.waited > 4_000 && seen.left > 500 && seen.in_vain > 20 && seen.yielded > 500 && seen.over > 500,
            "too little happens: {seen:?}"
        );
        assert!(seen.longest > 20, "{seen:?}");
    }
}
