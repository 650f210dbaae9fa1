//! One rule a test. The clock is a number here, but for those that wait.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::time::{Instant, advance, timeout};
use yabby_core::ErrorKind;

use super::{Breaker, BreakerState, BreakerStatus, Jitter, ProbeTicket, Verdict, interval};

/// Intervals of 2 s, 4 s, 8 s, 16 s, 32 s and 40 s.
const SHORTEST: Jitter = Jitter::Fixed(0);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ticket(breaker: &Breaker, now: Instant) -> ProbeTicket {
    match breaker.check(now) {
        Verdict::HalfOpen(ticket) => ticket,
        other => panic!("it is not half-open: {other:?}"),
    }
}

fn retry_in(breaker: &Breaker, now: Instant) -> Option<Duration> {
    match breaker.check(now) {
        Verdict::Closed => None,
        Verdict::Open { retry_in } => Some(retry_in),
        Verdict::HalfOpen(ticket) => panic!("it is half-open: {ticket:?}"),
    }
}

/// The ticket that comes soon, or never.
async fn due(breaker: &Breaker) -> ProbeTicket {
    timeout(seconds(100), breaker.probe_due()).await.unwrap()
}

/// How many failures of a kind in a row open a breaker, up to four; and whether one closes it when it is half-open.
fn effect(kind: ErrorKind) -> (Option<usize>, bool) {
    let now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    let opens = (1..=4).find(|_| {
        breaker.failed(kind, now);
        retry_in(&breaker, now).is_some()
    });
    let breaker = Breaker::new(SHORTEST);
    breaker.failed(ErrorKind::Refused, now);
    let later = now + seconds(2);
    let _ticket = ticket(&breaker, later);
    breaker.failed(kind, later);
    (opens, breaker.status(later).state == BreakerState::Closed)
}

#[test]
fn what_each_error_does() {
    use ErrorKind as E;
    let at_once = (Some(1), false);
    let third_time = (Some(3), false);
    let lives = (None, true);
    let nothing = (None, false);
    let table = [
        (E::Refused, at_once),
        (E::Dns, at_once),
        (E::Tls, at_once),
        (E::Unreachable, at_once),
        (E::Hung, at_once),
        (E::Timeout, nothing),
        (E::Interrupted, third_time),
        (E::Loading, lives),
        (E::NotLoaded, lives),
        (E::ModelNotFound, lives),
        (E::Auth, lives),
        (E::Billing, lives),
        (E::RateLimit, lives),
        (E::Overloaded, lives),
        (E::ContextOverflow, lives),
        (E::Template, lives),
        (E::Grammar, lives),
        (E::UnsupportedField, lives),
        (E::UnsupportedFeature, lives),
        (E::ToolParser, lives),
        (E::BadRequest, lives),
        (E::NotAnApi, third_time),
        (E::Server, third_time),
        (E::Malformed, nothing),
        (E::Empty, lives),
        (E::Provision, nothing),
    ];
    assert_eq!(table.map(|(kind, _)| (kind, effect(kind))), table);
}

#[test]
fn failures_count_in_a_row() {
    let now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    let opens = |kinds: &[ErrorKind]| {
        kinds.iter().any(|kind| {
            breaker.failed(*kind, now);
            retry_in(&breaker, now).is_some()
        })
    };
    assert!(!opens(&[ErrorKind::Server, ErrorKind::Interrupted]));
    breaker.succeeded(now);
    assert!(!opens(&[ErrorKind::Server, ErrorKind::Server, ErrorKind::Loading]));
    assert!(!opens(&[ErrorKind::Server, ErrorKind::NotAnApi, ErrorKind::Timeout]));
    assert!(opens(&[ErrorKind::Interrupted]));
}

#[test]
fn it_opens_for_longer_each_time_and_closes_with_the_first_answer() {
    let mut now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    assert_eq!(breaker.due(now), None);
    breaker.failed(ErrorKind::Refused, now);
    let opened = now;
    for wait in [2, 4, 8, 16, 32, 40, 40] {
        assert_eq!(retry_in(&breaker, now), Some(seconds(wait)));
        assert_eq!(breaker.due(now + seconds(1)), Some(seconds(wait - 1)));
        now += seconds(wait);
        let asked = ticket(&breaker, now);
        breaker.failed(ErrorKind::Hung, now);
        drop(asked);
        let status = breaker.status(now);
        assert_eq!((status.since, status.last_error), (Some(opened), Some(ErrorKind::Hung)));
    }
    now += seconds(40);
    let asked = ticket(&breaker, now);
    breaker.succeeded(now);
    drop(asked);
    let closed = BreakerStatus {
        state: BreakerState::Closed,
        since: Some(now),
        last_error: Some(ErrorKind::Hung),
    };
    assert_eq!(breaker.status(now + seconds(9)), closed);
    // It begins anew.
    breaker.failed(ErrorKind::Refused, now);
    assert_eq!(retry_in(&breaker, now), Some(seconds(2)));
}

#[test]
fn one_asks_while_it_is_half_open() {
    let now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    breaker.failed(ErrorKind::Dns, now);
    let now = now + seconds(2);
    assert_eq!(breaker.due(now), Some(Duration::ZERO));
    let asked = ticket(&breaker.clone(), now);
    assert_eq!(
        (retry_in(&breaker, now), breaker.due(now)),
        (Some(Duration::ZERO), None)
    );
    assert_eq!(breaker.status(now).state, BreakerState::HalfOpen);
    // One that ends without an outcome lets the next try.
    drop(asked);
    let asked = ticket(&breaker, now);
    // One that failed keeps its place until it is gone, however late.
    breaker.failed(ErrorKind::Server, now);
    assert_eq!(retry_in(&breaker, now), Some(seconds(4)));
    assert_eq!(retry_in(&breaker, now + seconds(4)), Some(Duration::ZERO));
    drop(asked);
    drop(ticket(&breaker, now + seconds(4)));
}

#[test]
fn an_old_ticket_does_not_stand_in_the_way_of_new_ones() {
    let now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    breaker.failed(ErrorKind::Refused, now);
    let now = now + seconds(2);
    let answering = ticket(&breaker, now);
    breaker.succeeded(now);
    breaker.failed(ErrorKind::Refused, now);
    let now = now + seconds(2);
    let asked = ticket(&breaker, now);
    drop(answering);
    assert_eq!(retry_in(&breaker, now), Some(Duration::ZERO), "the new one still asks");
    drop(asked);
    drop(ticket(&breaker, now));
}

#[test]
fn what_was_sent_before_does_not_open_it_for_longer() {
    let now = Instant::now();
    let breaker = Breaker::new(SHORTEST);
    for _ in 0..10 {
        breaker.failed(ErrorKind::Refused, now);
        breaker.failed(ErrorKind::Interrupted, now + seconds(1));
    }
    let open = BreakerStatus {
        state: BreakerState::Open { retry_in: seconds(1) },
        since: Some(now),
        last_error: Some(ErrorKind::Interrupted),
    };
    assert_eq!(breaker.status(now + seconds(1)), open);
    // An answer to one of them counts.
    breaker.succeeded(now + seconds(1));
    assert_eq!(retry_in(&breaker, now + seconds(1)), None);
}

#[test]
fn jitter_comes_from_the_system_and_within_its_bounds() {
    assert_eq!(Jitter::Fixed(0).next().to_bits(), 0_f64.to_bits());
    assert_eq!(Jitter::Fixed(u32::MAX).next().to_bits(), 1_f64.to_bits());
    let drawn: Vec<f64> = (0..20).map(|_| Jitter::Random.next()).collect();
    assert!(drawn.iter().all(|jitter| (0.0..=1.0).contains(jitter)), "{drawn:?}");
    assert!(
        drawn.iter().any(|jitter| jitter.to_bits() != drawn[0].to_bits()),
        "{drawn:?}"
    );
}

proptest! {
    #[test]
    fn intervals_grow_from_2_to_60_s(before in 0..u32::MAX, jitter in 0.0..=1.0) {
        let wait = interval(before, jitter);
        let middle = interval(before, 0.5);
        prop_assert!(wait >= seconds(2) && wait <= seconds(60), "{wait:?}");
        prop_assert!(wait >= middle.mul_f64(0.79) && wait <= middle.mul_f64(1.21), "{wait:?} {middle:?}");
        prop_assert!(interval(before + 1, jitter) >= wait);
    }
}

#[tokio::test(start_paused = true)]
async fn a_prober_is_woken_when_a_probe_is_due() {
    let breaker = Breaker::new(SHORTEST);
    let started = Instant::now();
    let (asked, ()) = tokio::join!(due(&breaker), async {
        advance(seconds(5)).await;
        breaker.failed(ErrorKind::Refused, Instant::now());
    });
    assert_eq!(started.elapsed(), seconds(7));
    // It fails. Meanwhile the next waits.
    breaker.failed(ErrorKind::Refused, Instant::now());
    let (asked, ()) = tokio::join!(due(&breaker), async {
        advance(seconds(10)).await;
        drop(asked);
    });
    assert_eq!(started.elapsed(), seconds(17));
    // It finds the server; and who waits for the next probe goes on to wait.
    breaker.succeeded(Instant::now());
    drop(asked);
    breaker.failed(ErrorKind::Refused, Instant::now());
    let mut next = Box::pin(breaker.probe_due());
    assert!(next.as_mut().now_or_never().is_none());
    breaker.succeeded(Instant::now());
    advance(seconds(100)).await;
    assert!(next.as_mut().now_or_never().is_none());
    breaker.failed(ErrorKind::Refused, Instant::now());
    timeout(seconds(100), next).await.unwrap();
    assert_eq!(started.elapsed(), seconds(119));
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_server_that_is_well_wake_nobody() {
    let breaker = Breaker::new(SHORTEST);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut due = pin!(breaker.probe_due());
    assert!(due.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    for _ in 0..3 {
        breaker.succeeded(Instant::now());
        breaker.failed(ErrorKind::Server, Instant::now());
    }
    assert!(!woken.0.load(Ordering::Relaxed));
    breaker.failed(ErrorKind::Refused, Instant::now());
    assert!(woken.0.load(Ordering::Relaxed));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_breaker_can_be_shown() {
    let breaker = Breaker::new(SHORTEST);
    breaker.failed(ErrorKind::Tls, Instant::now());
    let shown = format!("{breaker:?}");
    assert!(shown.contains("last_error: Some(Tls)"), "{shown}");
}

#[test]
fn a_probe_tells_only_whether_the_server_can_be_reached() {
    let now = Instant::now();
    let off = Breaker::new(SHORTEST);
    off.failed(ErrorKind::Refused, now);
    off.probe_answered(now);
    assert_eq!(retry_in(&off, now), None);

    // Its list of models is fine, and each answer fails.
    let broken = Breaker::new(SHORTEST);
    for _ in 0..2 {
        broken.failed(ErrorKind::Server, now);
        broken.probe_answered(now);
        assert_eq!(retry_in(&broken, now), None, "two are not three");
    }
    broken.failed(ErrorKind::Server, now);
    broken.probe_answered(now);
    assert_eq!((retry_in(&broken, now), broken.due(now)), (Some(seconds(2)), None));

    // A request finds out whether it is well again: it rests for longer, or is used.
    let later = now + seconds(2);
    broken.probe_failed(ErrorKind::Loading, later);
    let trial = ticket(&broken, later);
    broken.failed(ErrorKind::Server, later);
    drop(trial);
    assert_eq!(retry_in(&broken, later), Some(seconds(4)));
    let last = later + seconds(4);
    let trial = ticket(&broken, last);
    broken.succeeded(last);
    drop(trial);
    assert_eq!(retry_in(&broken, last), None);

    // One that is off since then can be looked at again.
    for _ in 0..3 {
        broken.failed(ErrorKind::Server, last);
    }
    broken.failed(ErrorKind::Refused, last);
    broken.probe_answered(last);
    assert_eq!(retry_in(&broken, last), None);
}
