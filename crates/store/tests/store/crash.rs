//! R1, R2, R3: a gateway is killed wherever it can be, and again and again; then nothing is missing or doubled.

use std::{
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use yabby_store::{Place, new_id};

use crate::{
    both::on_both,
    trial::{Fate, Trial},
};

const AT_ONCE: usize = 4;

const STEPS: [&str; 3] = ["ran", "committed", "told"];
const OPERATIONS: [&str; 8] = [
    "accept",
    "claim_message",
    "begin_turn",
    "begin_effect",
    "end_effect",
    "end_turn",
    "claim_delivery",
    "end_delivery",
];
const BETWEEN: [&str; 4] = ["effect/before", "effect/after", "deliver/before", "deliver/sent"];

fn points() -> Vec<&'static str> {
    let all = OPERATIONS.iter().flat_map(|operation| {
        STEPS.iter().map(move |step| -> &'static str {
            let point = format!("{operation}/{step}");
            Box::leak(point.into_boxed_str())
        })
    });
    all.chain(BETWEEN).collect()
}

/// When a point is passed for which time: fewer with PostgreSQL, where a dead replica's leases must run out first.
fn numbers(place: &Place) -> &'static [u64] {
    match place {
        Place::Folder(_) => &[1, 2, 5],
        Place::Postgres { .. } => &[2],
    }
}

fn killed(point: &'static str, number: u64) -> Fate {
    Fate {
        point,
        number,
        stops: false,
    }
}

/// R1: nothing is lost, nothing is done or sent twice, wherever it is killed.
#[tokio::test]
async fn killed_at_every_point() {
    on_both(async |place| {
        // Some at once: most of the time they wait for a disk or a lease.
        let mut trials = JoinSet::new();
        for point in points() {
            for number in numbers(place) {
                if trials.len() == AT_ONCE {
                    trials.join_next().await.expect("one").expect("as it should be");
                }
                let place = place.clone();
                trials.spawn(async move { one_kill(&place, killed(point, *number), true).await });
            }
        }
        trials.join_all().await;
    })
    .await;
}

/// R3: where the channel cannot say whether it has sent something, it is not sent again.
#[tokio::test]
async fn killed_while_sending_through_a_channel_that_cannot_look_up() {
    on_both(async |place| {
        for (point, unknown) in [
            // It may be one that has found nothing.
            ("claim_delivery/committed", 0),
            ("deliver/before", 1),
            ("deliver/sent", 1),
            ("end_delivery/ran", 1),
            ("end_delivery/told", 0),
        ] {
            for number in numbers(place) {
                let found = one_kill(place, killed(point, *number), false).await;
                // Two places: another one may have been in work.
                assert!((unknown..=2).contains(&found), "{found} unknown after {point}:{number}");
            }
        }
    })
    .await;
}

/// The number of deliveries of which nobody knows.
async fn one_kill(place: &Place, fate: Fate, look_up: bool) -> usize {
    let mut trial = Trial::new(place, 6, 2);
    trial.look_up = look_up;
    let killed = trial.run(Some(fate)).await;
    assert_eq!(killed.signal(), Some(9), "{fate:?} was not met: {killed}");
    let ended = trial.run(None).await;
    assert!(ended.success(), "{ended} after {fate:?}");
    trial.check(&format!("after {fate:?}")).await
}

/// R2, in short.
#[tokio::test]
async fn killed_at_random() {
    on_both(async |place| {
        let kills = match place {
            Place::Folder(_) => 40,
            Place::Postgres { .. } => 20,
        };
        random_kills(place, kills).await;
    })
    .await;
}

/// R2: `cargo test -p yabby-store --release --test store -- --ignored --nocapture a_thousand`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn killed_a_thousand_times() {
    on_both(async |place| random_kills(place, 1000).await).await;
}

async fn random_kills(place: &Place, kills: u32) {
    let mut random = Random::new();
    // A connection to PostgreSQL takes longer than a file.
    let longest = match place {
        Place::Folder(_) => 120_000,
        Place::Postgres { .. } => 800_000,
    };
    println!("seed {:#x}", random.0);
    let mut trial = Trial::new(place, 1_000_000, 5);
    // So that something is done between two kills.
    trial.lease = Duration::from_millis(200);
    let begun = Instant::now();
    for _ in 0..kills {
        let mut gateway = trial.start(None, true);
        std::thread::sleep(Duration::from_micros(random.below(longest)));
        gateway.process.kill().expect("killed");
        let status = gateway.wait().await;
        assert_eq!(status.signal(), Some(9), "{status}");
    }
    let (acked, delivered) = (trial.lines("acked").len(), trial.lines("deliveries").len());
    println!("{acked} messages and {delivered} deliveries between the kills");
    // Now for those that have begun to come in.
    let last = trial
        .lines("acked")
        .iter()
        .filter_map(|name| name[1..].parse::<usize>().ok())
        .max();
    // The next one of each conversation may have been kept, and not acknowledged.
    trial.messages = last.map_or(0, |last| last + 1) + trial.conversations;
    let ended = trial.run(None).await;
    assert!(ended.success(), "{ended}");
    trial.check("after all").await;
    println!(
        "{kills} kills, {} messages, {} deliveries, {:.0?}",
        trial.messages,
        trial.lines("deliveries").len(),
        begun.elapsed()
    );
}

/// Numbers that can be had again.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let id = new_id();
        Self(u64::from_str_radix(&id[16..], 16).unwrap_or(1) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
