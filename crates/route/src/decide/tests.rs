use std::time::Duration;

use yabby_core::{ErrorKind as E, Phase};

use super::{Decision as D, Degrade, Situation, decide};

const PLAIN: Situation = Situation {
    kind: E::Server,
    phase: Phase::Head,
    visible: false,
    managed: false,
    retries: 0,
    last: false,
    left: Duration::from_secs(100),
    retry_after: None,
    prefer_fast: false,
    step: false,
    chat: false,
    reasoning_off: false,
    refit: false,
    other_key: false,
};

const LAST: Situation = Situation { last: true, ..PLAIN };
const SEEN: Situation = Situation {
    visible: true,
    phase: Phase::Streaming,
    kind: E::Interrupted,
    ..PLAIN
};

fn of(kind: E, base: Situation) -> Situation {
    Situation { kind, ..base }
}

fn again(retries: u32, base: Situation) -> Situation {
    Situation { retries, ..base }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_case_a_row() {
    let loading = Duration::from_millis(500);
    let cases = [
        // Made to make room.
        (of(E::Preempted, PLAIN), D::Requeue),
        (
            of(
                E::Preempted,
                Situation {
                    visible: true,
                    left: Duration::ZERO,
                    ..LAST
                },
            ),
            D::Requeue,
        ),
        // Not contacted.
        (of(E::OutOfZone, PLAIN), D::Next),
        (of(E::OverBudget, LAST), D::Stop),
        (of(E::Resting, PLAIN), D::Next),
        (of(E::Busy, PLAIN), D::Next),
        // No time.
        (of(E::Timeout, PLAIN), D::Next),
        (of(E::Timeout, LAST), D::Stop),
        (of(E::Loading, Situation { left: loading, ..PLAIN }), D::Next),
        (
            of(
                E::Interrupted,
                Situation {
                    left: loading,
                    managed: true,
                    ..LAST
                },
            ),
            D::Stop,
        ),
        // A part was seen.
        (SEEN, D::Next),
        (Situation { last: true, ..SEEN }, D::Wait(seconds(1))),
        (again(1, Situation { last: true, ..SEEN }), D::Stop),
        (
            Situation {
                last: true,
                left: Duration::from_millis(1999),
                ..SEEN
            },
            D::Stop,
        ),
        (of(E::Hung, Situation { last: true, ..SEEN }), D::Stop),
        (of(E::Template, Situation { step: true, ..SEEN }), D::Next),
        (of(E::Loading, SEEN), D::Next),
        (of(E::Interrupted, Situation { managed: true, ..SEEN }), D::Next),
        // Loading.
        (of(E::Loading, PLAIN), D::Wait(loading)),
        (of(E::Loading, again(9, LAST)), D::Wait(loading)),
        (
            of(
                E::Loading,
                Situation {
                    prefer_fast: true,
                    ..PLAIN
                },
            ),
            D::Next,
        ),
        (
            of(
                E::Loading,
                Situation {
                    prefer_fast: true,
                    ..LAST
                },
            ),
            D::Wait(loading),
        ),
        // At once again.
        (of(E::Interrupted, PLAIN), D::Retry),
        (of(E::Interrupted, again(1, PLAIN)), D::Next),
        (
            of(
                E::Interrupted,
                Situation {
                    phase: Phase::FirstToken,
                    ..PLAIN
                },
            ),
            D::Next,
        ),
        (of(E::Refused, PLAIN), D::Next),
        (of(E::Refused, Situation { managed: true, ..PLAIN }), D::Retry),
        (
            of(
                E::Interrupted,
                Situation {
                    managed: true,
                    phase: Phase::FirstToken,
                    ..PLAIN
                },
            ),
            D::Retry,
        ),
        (
            of(
                E::ToolParser,
                Situation {
                    step: true,
                    phase: Phase::Streaming,
                    ..PLAIN
                },
            ),
            D::Retry,
        ),
        (
            of(E::ToolParser, again(1, Situation { step: true, ..PLAIN })),
            D::Degrade(Degrade::Step),
        ),
        (of(E::ToolParser, again(1, PLAIN)), D::Next),
        // Said in another way.
        (
            of(E::UnsupportedField, Situation { step: true, ..PLAIN }),
            D::Degrade(Degrade::Step),
        ),
        (of(E::UnsupportedFeature, PLAIN), D::Next),
        (
            of(E::NotAnApi, Situation { chat: true, ..PLAIN }),
            D::Degrade(Degrade::Chat),
        ),
        (of(E::NotAnApi, PLAIN), D::Next),
        // The window.
        (of(E::ContextOverflow, Situation { refit: true, ..PLAIN }), D::Refit),
        (of(E::ContextOverflow, PLAIN), D::Next),
        (of(E::ContextOverflow, LAST), D::Stop),
        // Keys.
        (of(E::Auth, PLAIN), D::Next),
        (
            of(
                E::Auth,
                Situation {
                    other_key: true,
                    ..PLAIN
                },
            ),
            D::OtherKey,
        ),
        (
            of(
                E::Billing,
                Situation {
                    other_key: true,
                    ..LAST
                },
            ),
            D::OtherKey,
        ),
        (
            of(
                E::RateLimit,
                Situation {
                    other_key: true,
                    retry_after: Some(seconds(1)),
                    ..PLAIN
                },
            ),
            D::OtherKey,
        ),
        (
            of(
                E::Overloaded,
                Situation {
                    other_key: true,
                    ..PLAIN
                },
            ),
            D::Next,
        ),
        // Nothing was said.
        (
            of(
                E::Empty,
                Situation {
                    reasoning_off: true,
                    ..PLAIN
                },
            ),
            D::Degrade(Degrade::ReasoningOff),
        ),
        (of(E::Empty, PLAIN), D::Retry),
        (of(E::Empty, again(1, PLAIN)), D::Next),
        (of(E::Empty, again(1, LAST)), D::Stop),
        // It says when.
        (
            of(
                E::RateLimit,
                Situation {
                    retry_after: Some(seconds(2)),
                    ..PLAIN
                },
            ),
            D::Wait(seconds(2)),
        ),
        (
            of(
                E::RateLimit,
                Situation {
                    retry_after: Some(seconds(30)),
                    ..PLAIN
                },
            ),
            D::Next,
        ),
        (
            of(
                E::RateLimit,
                Situation {
                    retry_after: Some(seconds(30)),
                    ..LAST
                },
            ),
            D::Wait(seconds(30)),
        ),
        (
            of(
                E::RateLimit,
                Situation {
                    retry_after: Some(seconds(100)),
                    ..LAST
                },
            ),
            D::Stop,
        ),
        (
            of(
                E::Overloaded,
                again(
                    2,
                    Situation {
                        retry_after: Some(seconds(3)),
                        ..LAST
                    },
                ),
            ),
            D::Stop,
        ),
        // It does not, and there is nobody else.
        (of(E::RateLimit, PLAIN), D::Next),
        (of(E::RateLimit, LAST), D::Wait(seconds(1))),
        (of(E::Overloaded, again(1, LAST)), D::Wait(seconds(2))),
        (of(E::Overloaded, again(2, LAST)), D::Stop),
        (
            of(
                E::Overloaded,
                Situation {
                    left: Duration::from_millis(2999),
                    ..again(1, LAST)
                },
            ),
            D::Stop,
        ),
        (
            of(
                E::Interrupted,
                Situation {
                    phase: Phase::FirstToken,
                    ..LAST
                },
            ),
            D::Wait(seconds(1)),
        ),
        (PLAIN, D::Next),
        (LAST, D::Wait(seconds(1))),
        // Whatever else.
        (of(E::BadRequest, PLAIN), D::Next),
        (of(E::ModelNotFound, LAST), D::Stop),
        (of(E::Dns, LAST), D::Stop),
        (of(E::Hung, PLAIN), D::Next),
    ];
    for (situation, expected) in cases {
        assert_eq!(decide(&situation), expected, "{situation:?}");
    }
}
