//! R11: several gateways on one PostgreSQL. One of them dies, or sleeps and comes back.

use std::{
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::task::JoinSet;
use yabby_store::{Access, Place, Store};

use crate::{
    both::on_both,
    trial::{Fate, Gateway, Trial},
};

const MESSAGES: usize = 40;
const CONVERSATIONS: usize = 4;

/// Replicas work on PostgreSQL alone.
async fn on_postgres(case: impl AsyncFn(&Place)) {
    on_both(async |place| {
        if matches!(place, Place::Postgres { .. }) {
            case(place).await;
        }
    })
    .await;
}

/// They find an empty database at the same moment.
#[tokio::test]
async fn many_may_come_first() {
    on_postgres(async |place| {
        let mut opening = JoinSet::new();
        for _ in 0..8 {
            let place = place.clone();
            opening.spawn(async move { Store::open(&place, Access::Write).await.map(drop) });
        }
        for opened in opening.join_all().await {
            opened.expect("a store");
        }
    })
    .await;
}

#[tokio::test]
async fn both_work_and_nothing_is_done_twice() {
    on_postgres(async |place| {
        let trial = Trial::new(place, MESSAGES, CONVERSATIONS);
        let both = [trial.start(None, true), trial.start(None, false)];
        for gateway in both {
            assert!(gateway.wait().await.success());
        }
        trial.check("with two").await;
    })
    .await;
}

#[tokio::test]
async fn one_is_killed_and_the_other_goes_on() {
    on_postgres(async |place| {
        for point in [
            "begin_turn/told",
            "effect/before",
            "effect/after",
            "end_turn/ran",
            "end_turn/committed",
            "deliver/sent",
        ] {
            let trial = Trial::new(place, MESSAGES, CONVERSATIONS);
            let fate = Fate {
                point,
                number: 3,
                stops: false,
            };
            let other = trial.start(None, false);
            let dies = trial.start(Some(fate), true).wait().await;
            assert_eq!(dies.signal(), Some(9), "{fate:?} was not met: {dies}");
            let dead = Instant::now();
            // What it has not taken in comes to a third one.
            let third = trial.start(None, true);
            for gateway in [other, third] {
                assert!(gateway.wait().await.success(), "{fate:?}");
            }
            println!("killed at {point}: all was done {:.1?} later", dead.elapsed());
            trial.check(&format!("{fate:?}")).await;
        }
    })
    .await;
}

/// A paused replica that comes back is fenced: whatever it was about to do, the other one has done, and nothing it
/// writes counts.
#[tokio::test]
async fn one_that_has_slept_writes_nothing_more() {
    on_postgres(async |place| {
        // All at once: in each of them the other one waits until the server ends the transactions of the one that sleeps.
        let mut trials = JoinSet::new();
        for (point, look_up) in [
            ("claim_message/told", true),
            ("effect/before", true),
            ("effect/after", true),
            ("claim_delivery/told", true),
            // It sends what nobody else has: the channel cannot look up, so that the other one has left it.
            ("deliver/before", false),
            ("deliver/sent", true),
        ] {
            let mut trial = Trial::new(place, MESSAGES, CONVERSATIONS);
            trial.look_up = look_up;
            let fate = Fate {
                point,
                number: 3,
                stops: true,
            };
            trials.spawn(async move { one_sleeps(&trial, fate).await });
        }
        trials.join_all().await;
    })
    .await;
}

async fn one_sleeps(trial: &Trial, fate: Fate) {
    let sleeper = trial.start(Some(fate), true);
    wait_until_stopped(&sleeper).await;
    let asleep = Instant::now();
    // It may have slept before all was taken in.
    let other = trial.start(None, true);
    assert!(other.wait().await.success(), "{fate:?}");
    println!(
        "asleep at {}: the other was done {:.1?} later",
        fate.point,
        asleep.elapsed()
    );
    kill_process(pid(&sleeper), Signal::CONT).expect("it goes on");
    let ended = sleeper.wait().await;
    assert!(ended.success(), "{ended} {fate:?}");
    trial.check(&format!("{fate:?}")).await;
}

fn pid(gateway: &Gateway) -> Pid {
    Pid::from_child(&gateway.process)
}

async fn wait_until_stopped(gateway: &Gateway) {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        match waitid(WaitId::Pid(pid(gateway)), options).expect("a status") {
            Some(status) if status.stopped() => return,
            Some(status) => panic!("it has ended: {status:?}"),
            None => tokio::time::sleep(Duration::from_millis(3)).await,
        }
    }
    panic!("it does not sleep");
}
