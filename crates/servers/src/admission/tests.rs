//! One rule a test, on paused time.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt;
use tokio::time::{advance, sleep, timeout};
use yabby_core::{Caller, Priority};

use super::{Admission, AdmissionQueue, AdmissionStatus, Permit, Waiting};

fn caller(priority: Priority, session: &str) -> Caller {
    Caller {
        priority,
        session: session.to_owned(),
    }
}

fn enter(queue: &AdmissionQueue, priority: Priority) -> Waiting {
    queue.enter(caller(priority, "s"))
}

/// What there is to tell, without waiting.
fn told(waiting: &mut Waiting) -> Option<(usize, Option<u64>)> {
    match waiting.next().now_or_never()? {
        Admission::Queued { ahead, expected } => Some((ahead, expected.map(|wait| wait.as_secs()))),
        Admission::Granted(permit) => panic!("it is granted: {permit:?}"),
    }
}

/// The permit that lies ready.
fn permit(waiting: &mut Waiting) -> Permit {
    match waiting.next().now_or_never() {
        Some(Admission::Granted(permit)) => permit,
        other => panic!("it has no permit: {other:?}"),
    }
}

/// What comes soon, or never.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(100), future).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_finds_a_free_slot_waits_for_nothing() {
    let queue = AdmissionQueue::new(2);
    let first = permit(&mut enter(&queue, Priority::Person));
    let _second = permit(&mut enter(&queue, Priority::Upkeep));
    assert_eq!(first.caller(), &caller(Priority::Person, "s"));
    let mut third = enter(&queue, Priority::Person);
    assert_eq!(told(&mut third), Some((0, None)));
    assert_eq!(
        queue.status(),
        AdmissionStatus {
            limit: 2,
            running: BTreeMap::from([(Priority::Person, 1), (Priority::Upkeep, 1)]),
            yielding: 1,
            waiting: BTreeMap::from([(Priority::Person, 1)]),
            usual_hold: None,
        }
    );
    drop(first);
    drop(permit(&mut third));
}

#[tokio::test(start_paused = true)]
async fn who_looks_at_once_has_the_slot_without_a_wait() {
    let queue = AdmissionQueue::new(1);
    let mut first = enter(&queue, Priority::Person);
    let mut running = first.granted().unwrap();
    assert!(first.granted().is_none());
    // It waits as everybody does.
    let mut second = enter(&queue, Priority::Person);
    assert!(second.granted().is_none());
    assert_eq!(told(&mut second), Some((0, None)));
    // What is held counts from the entry to the end that was told.
    advance(Duration::from_secs(5)).await;
    running.ended(tokio::time::Instant::now());
    advance(Duration::from_secs(7)).await;
    drop(running);
    assert_eq!(queue.status().usual_hold, Some(Duration::from_secs(5)));
    let running = second.granted().unwrap();
    drop(running);
    // The next call gets in line anew.
    assert!(second.granted().is_none());
    drop(permit(&mut second));
    assert_eq!(queue.status().running, BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_told_at_once_and_when_it_changes() {
    let queue = AdmissionQueue::new(1);
    let running = permit(&mut enter(&queue, Priority::Person));
    let [mut cron, mut first, mut second] =
        [Priority::Cron, Priority::Webhook, Priority::Webhook].map(|priority| enter(&queue, priority));
    assert_eq!(
        [&mut cron, &mut first, &mut second].map(told),
        [2, 0, 1].map(|ahead| Some((ahead, None)))
    );
    assert_eq!([&mut cron, &mut first, &mut second].map(told), [None, None, None]);
    let mut person = enter(&queue, Priority::Person);
    assert_eq!(
        [&mut person, &mut cron, &mut first, &mut second].map(told),
        [0, 3, 1, 2].map(|ahead| Some((ahead, None)))
    );
    drop(first);
    assert_eq!(
        [&mut cron, &mut second].map(told),
        [2, 1].map(|ahead| Some((ahead, None)))
    );
    // Who comes last changes nothing for the others.
    let mut upkeep = enter(&queue, Priority::Upkeep);
    assert_eq!(
        [&mut cron, &mut second, &mut upkeep].map(told),
        [None, None, Some((3, None))]
    );
    drop(running);
    let running = permit(&mut person);
    drop(running);
    drop(permit(&mut second));
}

#[tokio::test(start_paused = true)]
async fn a_place_wakes_who_waits_for_it() {
    let queue = AdmissionQueue::new(1);
    let running = permit(&mut enter(&queue, Priority::Person));
    let mut waiting = enter(&queue, Priority::Person);
    assert_eq!(told(&mut waiting), Some((0, None)));
    let (admission, ()) = tokio::join!(soon(waiting.next()), async {
        sleep(Duration::from_secs(1)).await;
        drop(running);
    });
    assert!(matches!(admission, Admission::Granted(_)));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_given_up_loses_nothing() {
    let queue = AdmissionQueue::new(1);
    let running = permit(&mut enter(&queue, Priority::Person));
    let mut waiting = enter(&queue, Priority::Person);
    assert_eq!(told(&mut waiting), Some((0, None)));
    assert!(timeout(Duration::from_secs(1), waiting.next()).await.is_err());
    drop(running);
    // Rung, and not looked at.
    drop(waiting.next());
    drop(permit(&mut waiting));
}

#[tokio::test(start_paused = true)]
async fn a_permit_for_one_who_has_left_goes_to_the_next() {
    let queue = AdmissionQueue::new(1);
    let running = permit(&mut enter(&queue, Priority::Person));
    let [gone, mut next] = [Priority::Person; 2].map(|priority| enter(&queue, priority));
    advance(Duration::from_secs(1)).await;
    drop(running);
    assert_eq!(told(&mut next), Some((0, Some(1))));
    advance(Duration::from_secs(9)).await;
    drop(gone);
    let _next = permit(&mut next);
    let held = queue.status().usual_hold;
    assert_eq!(
        held,
        Some(Duration::from_secs(1)),
        "what nobody took was held by nobody"
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_shrinks_cancels_nothing() {
    let queue = AdmissionQueue::new(2);
    let [first, second] = [Priority::Person; 2].map(|priority| permit(&mut enter(&queue, priority)));
    let mut waiting = enter(&queue, Priority::Person);
    queue.set_limit(1);
    drop(first);
    assert_eq!(told(&mut waiting), Some((0, Some(0))));
    drop(second);
    let third = permit(&mut waiting);
    queue.set_limit(0);
    drop(third);
    let mut waiting = enter(&queue, Priority::Person);
    assert_eq!(told(&mut waiting), Some((0, None)), "nothing is expected without slots");
    queue.set_limit(1);
    drop(permit(&mut waiting));
}

#[tokio::test(start_paused = true)]
async fn the_least_urgent_and_youngest_yields() {
    use Priority::{Cron, Heartbeat, Person, ToolLoop, Upkeep, Webhook};
    let queue = AdmissionQueue::new(5);
    let running = [ToolLoop, Upkeep, Upkeep, Heartbeat, Cron].map(|priority| permit(&mut enter(&queue, priority)));
    let told_to_yield = || running.each_ref().map(Permit::is_preempted);
    let _background = [Cron, Heartbeat].map(|priority| enter(&queue, priority));
    assert_eq!(told_to_yield(), [false; 5], "background work waits for background work");
    let mut person = enter(&queue, Person);
    assert_eq!(told_to_yield(), [false, false, true, false, false]);
    let _webhook = enter(&queue, Webhook);
    assert_eq!(told_to_yield(), [false, true, true, false, false]);
    // Two yield already, and two wait.
    drop(enter(&queue, Upkeep));
    queue.set_limit(5);
    assert_eq!(told_to_yield(), [false, true, true, false, false]);
    let waiting = [Person, Person, Person].map(|priority| enter(&queue, priority));
    assert_eq!(told_to_yield(), [false, true, true, true, true]);
    // What was told stays told, and does for the next as well.
    drop(waiting);
    assert_eq!(told_to_yield(), [false, true, true, true, true]);
    let [_, youngest, ..] = running;
    drop(youngest);
    drop(permit(&mut person));
}

#[tokio::test(start_paused = true)]
async fn nobody_yields_in_vain() {
    let queue = AdmissionQueue::new(3);
    let [first, second, upkeep] =
        [Priority::Person, Priority::Person, Priority::Upkeep].map(|priority| permit(&mut enter(&queue, priority)));
    queue.set_limit(2);
    let mut waiting = enter(&queue, Priority::Person);
    assert!(!upkeep.is_preempted(), "foreground work fills the limit");
    queue.set_limit(0);
    assert!(!upkeep.is_preempted(), "there are no slots");
    queue.set_limit(2);
    drop(first);
    assert!(upkeep.is_preempted(), "now it is in the way");
    drop(upkeep);
    drop(permit(&mut waiting));
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn who_has_yielded_asks_again() {
    let queue = AdmissionQueue::new(1);
    let mut upkeep = enter(&queue, Priority::Upkeep);
    let running = permit(&mut upkeep);
    assert_eq!(running.preempted().now_or_never(), None);
    let (mut person, (), ()) = tokio::join!(
        async {
            sleep(Duration::from_secs(1)).await;
            enter(&queue, Priority::Person)
        },
        soon(running.preempted()),
        soon(running.preempted()),
    );
    drop(running);
    assert_eq!(
        told(&mut upkeep),
        Some((0, None)),
        "what was cut short says nothing about how long work takes"
    );
    let running = permit(&mut person);
    advance(Duration::from_secs(3)).await;
    drop(running);
    drop(permit(&mut upkeep));
    assert_eq!(queue.status().usual_hold, Some(Duration::from_secs(3)));
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_expected_from_how_long_others_took() {
    let queue = AdmissionQueue::new(2);
    let [first, second] = [Priority::Person; 2].map(|priority| permit(&mut enter(&queue, priority)));
    advance(Duration::from_secs(10)).await;
    drop(first);
    let _first = permit(&mut enter(&queue, Priority::Person));
    advance(Duration::from_secs(4)).await;
    // The second is overdue, the first has 6 of 10 s to go.
    let mut waiting = [Priority::Person; 4].map(|priority| enter(&queue, priority));
    let expected = [(0, 0), (1, 6), (2, 10), (3, 16)].map(|(ahead, wait)| Some((ahead, Some(wait))));
    assert_eq!(waiting.each_mut().map(told), expected);
    drop(second);
    // Held for 14 s: the greater of the two in the middle counts.
    let [front, rest @ ..] = &mut waiting;
    let _front = permit(front);
    let expected = [(0, 10), (1, 14), (2, 24)].map(|(ahead, wait)| Some((ahead, Some(wait))));
    assert_eq!(rest.each_mut().map(told), expected);
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_shared_by_its_clones_and_shows_what_it_does() {
    let queue = AdmissionQueue::new(1);
    let running = permit(&mut enter(&queue.clone(), Priority::Cron));
    let waiting = enter(&queue, Priority::Cron);
    let shown = format!("{queue:?} {running:?} {waiting:?}");
    assert!(
        shown.contains("running: {Cron: 1}") && shown.contains("waiting: {Cron: 1}"),
        "{shown}"
    );
}
