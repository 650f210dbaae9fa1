//! Who is answered next when a real server has fewer slots than there are questions.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use yabby_core::{Delivery, ModelRequest, Priority, Progress};
use yabby_route::Deadlines;

use super::{Here, PROBE, caller, config, long_answer, provider, request, runtime, tried};
use crate::llama::{Llama, SMOLLM2, Served};

/// Does something, and looks at a server every few milliseconds meanwhile.
fn watched<D, T: Send>(look: impl Fn() -> T + Sync, work: impl FnOnce() -> D) -> (D, Vec<(Instant, T)>) {
    /// Also when the work panics, since the scope waits for its thread.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut seen = Vec::new();
            while !over.load(Ordering::Relaxed) {
                seen.push((Instant::now(), look()));
                sleep(Duration::from_millis(10));
            }
            seen
        });
        let stop = Stop(&over);
        let done = work();
        drop(stop);
        (done, watching.join().unwrap())
    })
}

#[test]
fn no_more_are_sent_than_the_server_has_slots() {
    let llama = Llama::start();
    let here = Here::of(&config(&[provider("here", llama.port(), "smollm2")], &[]));
    let endpoint = here.endpoint("here");
    let question = |number: usize| long_answer(&format!("Count from {number} on."), 150);
    // As the keeper does when Yabby starts.
    runtime().block_on(endpoint.refresh(&here.http, Duration::ZERO, PROBE));

    let ask = |number: usize| {
        let here = &here;
        async move {
            let session = caller(Priority::Person, &number.to_string());
            let model = Some("here/smollm2");
            here.ask_for(&session, model, question(number), Deadlines::of).await
        }
    };
    let (told, seen) = watched(|| llama.load(), || runtime().block_on(join_all((0..3).map(ask))));
    for told in &told {
        assert_eq!(told.tried(), tried(&[("here/smollm2", "answered")]));
    }
    let queued = |told: &super::Told| {
        let places = told.progress.iter().filter_map(|sign| match sign {
            Progress::Queued { ahead, .. } => Some(*ahead),
            _ => None,
        });
        places.collect::<Vec<_>>()
    };
    let places: Vec<_> = told.iter().map(queued).collect();
    assert_eq!(places, [vec![], vec![], vec![0]]);
    assert!(told[2].first > told[0].first.min(told[1].first));
    let most = |number: fn(&crate::llama::Load) -> f64| {
        let numbers = seen.iter().map(|(_, load)| number(load));
        numbers.fold(0.0, f64::max)
    };
    assert_eq!((most(|load| load.processing), most(|load| load.deferred)), (2.0, 0.0));

    // Without Yabby's queue the third would wait in the server, where nobody can tell its place.
    runtime().block_on(async {
        let questions: Vec<ModelRequest> = (0..3).map(question).collect();
        let asked = questions.iter().map(|question| {
            let dialect = endpoint.dialect_of("smollm2", question);
            endpoint.ask(&here.http, dialect, "smollm2", question)
        });
        let mut asked = Box::pin(join_all(asked));
        let begun = Instant::now();
        while llama.load().deferred < 1.0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "one waits in the server");
            let _ = tokio::time::timeout(Duration::from_millis(20), &mut asked).await;
        }
    });
}

/// What came of a question, and in which place.
type Done<'a> = RefCell<Vec<&'a str>>;

async fn done<'a>(order: &Done<'a>, who: &'a str, told: impl Future<Output = super::Told>) -> super::Told {
    let told = told.await;
    order.borrow_mut().push(who);
    told
}

#[test]
fn background_work_makes_room_for_a_person() {
    let served = Served { slots: 1, ..SMOLLM2 };
    let llama = Llama::serve(&served);
    let here = Here::of(&config(&[provider("here", llama.port(), "smollm2")], &[]));
    let model = Some("here/smollm2");
    for delivery in [Delivery::Stream, Delivery::Whole] {
        let order = Done::default();
        let work = || {
            let upkeep = caller(Priority::Upkeep, "upkeep");
            let work = ModelRequest {
                delivery,
                ..long_answer("Write a title.", 400)
            };
            let (here, order) = (&here, &order);
            async move { done(order, "background", here.ask_for(&upkeep, model, work, Deadlines::of)).await }
        };
        let person = || async {
            let begun = Instant::now();
            while llama.task().is_none() {
                assert!(
                    begun.elapsed() < Duration::from_mins(1),
                    "the background work has begun"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // It has written some.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let asked = Instant::now();
            let told = done(&order, "person", here.ask(model, request("Say yes.", 8))).await;
            (told, asked)
        };
        let ((background, (person, asked)), seen) = watched(
            || llama.task(),
            || {
                runtime().block_on(async {
                    here.endpoint("here").refresh(&here.http, Duration::ZERO, PROBE).await;
                    join(work(), person()).await
                })
            },
        );
        assert_eq!(order.into_inner(), ["person", "background"], "{delivery:?}");
        assert_eq!(person.tried(), tried(&[("here/smollm2", "answered")]));
        assert_eq!(
            background.tried(),
            tried(&[("here/smollm2", "Preempted"), ("here/smollm2", "answered")]),
            "{delivery:?}"
        );
        let answer = background.answer();
        assert_eq!(answer.usage.output_tokens, Some(400), "it is whole: {answer:?}");
        let first = seen.iter().find_map(|(_, task)| *task);
        let last = seen.iter().rfind(|(_, task)| *task == first).unwrap().0;
        let freed = last.saturating_duration_since(asked);
        println!(
            "{delivery:?}: slot free {freed:?} after the person had asked, answered after {:?}",
            person.first
        );
        assert!(freed < Duration::from_secs(5), "{freed:?}");
    }
}
