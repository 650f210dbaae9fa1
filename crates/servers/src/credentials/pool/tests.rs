use super::*;

const S: Duration = Duration::from_secs(1);
const MIN: Duration = Duration::from_mins(1);

/// Three keys and a clock.
struct Three {
    pool: Pool,
    now: Instant,
}

impl Three {
    fn new() -> Self {
        Self {
            pool: Pool::default(),
            now: Instant::now(),
        }
    }

    fn lease(&self, model: &str) -> Lease {
        self.pool.lease(3, model, self.now)
    }

    fn key(&self, model: &str) -> usize {
        self.lease(model).key
    }

    fn fails(&self, lease: Lease, model: &str, kind: ErrorKind, told: Option<Duration>) {
        let mut details = ErrorDetails::default();
        details.numbers.retry_after = told;
        self.pool.failed(lease, model, kind, &details, self.now);
    }

    /// Asks with whichever key it is and fails.
    fn ask(&mut self, model: &str, kind: ErrorKind, told: Option<Duration>) -> usize {
        let lease = self.lease(model);
        self.now += S;
        self.fails(lease, model, kind, told);
        lease.key
    }

    /// For how long a key rests for a model.
    fn left(&self, key: usize, model: &str) -> Option<Duration> {
        let state = self.pool.lock();
        state.rest(key, model, self.now).map(|rest| rest.until - self.now)
    }
}

/// One case a row of the table in the room's README.
#[test]
fn what_an_error_says_of_its_key() {
    use ErrorKind as E;
    let half_hour = Some(30 * MIN);
    let rows = [
        // Kind, status, retry-after; the rest for the model that was asked, and for another one.
        (E::Auth, 401, None, half_hour, half_hour),
        (E::Auth, 401, Some(5 * S), half_hour, half_hour),
        (E::Auth, 403, None, half_hour, None),
        (E::Billing, 402, None, half_hour, half_hour),
        (E::Billing, 402, Some(90 * S), Some(90 * S), Some(90 * S)),
        (E::RateLimit, 429, Some(20 * S), Some(20 * S), None),
        (E::RateLimit, 429, None, Some(5 * S), None),
        (E::Overloaded, 529, Some(20 * S), None, None),
        (E::Server, 500, None, None, None),
        (E::ContextOverflow, 413, None, None, None),
    ];
    for (kind, status, told, asked, other) in rows {
        let three = Three::new();
        let mut details = ErrorDetails {
            status: Some(status),
            ..ErrorDetails::default()
        };
        details.numbers.retry_after = told;
        three.pool.failed(three.lease("m"), "m", kind, &details, three.now);
        assert_eq!(
            (three.left(0, "m"), three.left(0, "n")),
            (asked, other),
            "{kind:?} {status}"
        );
        // Only that key.
        assert_eq!((three.left(1, "m"), three.left(2, "m")), (None, None));
        assert_eq!(three.key("m"), usize::from(asked.is_some()), "{kind:?} {status}");
    }
}

#[test]
fn limits_without_a_time_grow() {
    let mut three = Three::new();
    for wait in [5 * S, 25 * S, 125 * S, 625 * S, 30 * MIN, 30 * MIN] {
        let lease = three.pool.of(0, three.now);
        three.fails(lease, "m", ErrorKind::RateLimit, None);
        assert_eq!(three.left(0, "m"), Some(wait));
        three.now += wait;
        assert_eq!(three.left(0, "m"), None, "usable again at once");
    }
    // An answer ends the row, and so does half an hour without a limit.
    let lease = three.pool.of(0, three.now);
    three.pool.succeeded(lease, "m", three.now);
    three.fails(lease, "m", ErrorKind::RateLimit, None);
    assert_eq!(three.left(0, "m"), Some(5 * S));
    three.now += 5 * S + 30 * MIN;
    three.fails(three.pool.of(0, three.now), "m", ErrorKind::RateLimit, None);
    assert_eq!(three.left(0, "m"), Some(5 * S));
}

#[test]
fn times_that_are_told_have_bounds() {
    let three = Three::new();
    for (told, believed) in [(Duration::ZERO, S), (10_000 * MIN, 1440 * MIN)] {
        three.fails(three.pool.of(0, three.now), "m", ErrorKind::RateLimit, Some(told));
        assert_eq!(three.left(0, "m"), Some(believed));
    }
}

#[test]
fn a_model_keeps_its_key_while_it_works() {
    let mut three = Three::new();
    assert_eq!(three.ask("m", ErrorKind::RateLimit, Some(30 * S)), 0);
    // Another model is not concerned.
    assert_eq!((three.key("m"), three.key("n")), (1, 0));
    // The first can be used again, and the prompts are in the cache of the second.
    three.now += MIN;
    assert_eq!(three.key("m"), 1);
    three.now += 9 * MIN;
    assert_eq!(three.key("m"), 1);
    // Not any more.
    three.now += 10 * MIN;
    assert_eq!(three.key("m"), 0);
}

#[test]
fn the_next_is_the_first_that_can_be_used() {
    let mut three = Three::new();
    assert_eq!(three.ask("m", ErrorKind::RateLimit, Some(5 * S)), 0);
    assert_eq!(three.ask("m", ErrorKind::Auth, None), 1);
    assert_eq!(three.key("m"), 2);
    three.now += 10 * S;
    assert_eq!(three.ask("m", ErrorKind::RateLimit, None), 2);
    assert_eq!(three.key("m"), 0);
    // A refusal holds for all models.
    assert_eq!(three.left(1, "n"), Some(29 * MIN + 49 * S));
}

#[test]
fn when_all_rest_the_first_to_be_usable_is_known_and_used() {
    let mut three = Three::new();
    for wait in [30, 10, 20] {
        assert_eq!(three.pool.all_rest(3, "m", three.now), None);
        three.ask("m", ErrorKind::RateLimit, Some(wait * S));
    }
    let rest = Resting {
        key: 1,
        why: ErrorKind::RateLimit,
        left: 9 * S,
    };
    assert_eq!(three.pool.all_rest(3, "m", three.now), Some(rest));
    assert!(!three.pool.has_usable(3, "m", three.now) && three.pool.has_usable(3, "n", three.now));
    assert_eq!(three.key("m"), 1, "somebody asks all the same");
    three.now += 9 * S;
    assert_eq!(three.pool.all_rest(3, "m", three.now), None);
}

/// Two requests with the same key, and one with another, end in any order.
#[test]
fn an_error_is_about_the_key_of_its_own_request() {
    let mut three = Three::new();
    let (one, two) = (three.lease("m"), three.lease("m"));
    three.now += S;
    three.fails(one, "m", ErrorKind::RateLimit, None);
    let three_rd = three.lease("m");
    assert_eq!((one.key, two.key, three_rd.key), (0, 0, 1));
    three.now += S;
    three.fails(two, "m", ErrorKind::RateLimit, None);
    assert_eq!(three.left(0, "m"), Some(4 * S), "the same limit, told twice");
    three.fails(two, "m", ErrorKind::RateLimit, Some(20 * S));
    assert_eq!(three.left(0, "m"), Some(20 * S), "and now with its time");
    assert_eq!(three.left(1, "m"), None);
    // An answer that began before the limit says nothing about it; one that began after it does.
    three.pool.succeeded(two, "m", three.now);
    assert!(three.left(0, "m").is_some());
    three.pool.succeeded(three.pool.of(0, three.now), "n", three.now);
    assert!(three.left(0, "m").is_some(), "another model");
    three.pool.succeeded(three.pool.of(0, three.now), "m", three.now);
    assert_eq!(three.left(0, "m"), None);
}

#[test]
fn an_endpoint_without_a_key_has_one_place() {
    let pool = Pool::default();
    let now = Instant::now();
    let lease = pool.lease(0, "m", now);
    assert_eq!((lease.key, pool.all_rest(0, "m", now)), (0, None));
    pool.failed(lease, "m", ErrorKind::RateLimit, &ErrorDetails::default(), now);
    assert_eq!(pool.all_rest(0, "m", now).map(|rest| rest.left), Some(5 * S));
}
