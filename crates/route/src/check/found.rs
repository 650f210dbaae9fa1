//! What the check has found, as small as it can be said: these turns went wrong once.

use std::{collections::BTreeSet, time::Duration};

use yabby_core::{EndReason, ErrorKind, Priority, Zone, ZoneRule};

use super::{
    play, runtime,
    script::{Ask, Beat, Continues, End, Failure, Look, Offer, Opens, Place, Prepare, Script, Slots},
};
use crate::{Deadlines, upstream::Remedies};

const SECOND: Duration = Duration::from_secs(1);

fn turn(places: Vec<Place>) -> Script {
    Script {
        priority: Priority::Person,
        limit: None,
        hedge_after: None,
        prefer_fast: false,
        rules: Vec::new(),
        messages: 1,
        story: 0,
        places,
        stop: None,
    }
}

/// A candidate that is asked in this way.
fn place(asks: &[Ask]) -> Place {
    Place {
        zone: Zone::Machine,
        settled: None,
        prepared: None,
        excepted: false,
        managed: false,
        deadlines: Deadlines {
            silence: 5 * SECOND,
            sign_of_life: 4 * SECOND,
            patience: Duration::ZERO,
            queue: 300 * SECOND,
            first_token: 300 * SECOND,
            gap: 120 * SECOND,
            total: 600 * SECOND,
        },
        breaker: (Duration::ZERO, true),
        slots: Slots::Free,
        budget: usize::MAX,
        room: None,
        smaller: None,
        expected: None,
        usual_load: None,
        continues: Continues::Prefills,
        lead: "",
        prepare: Vec::new(),
        beside: None,
        asks: asks.to_vec(),
        looks: vec![(Duration::ZERO, Look::Working)],
        look_takes: Duration::ZERO,
        offers: Vec::new(),
        offers_for_ever: false,
    }
}

fn says(after: u32, end: End) -> Ask {
    Ask {
        head: SECOND * after,
        opens: Opens::Head,
        beats: vec![(Duration::ZERO, Beat::Text(9))],
        pause: Duration::ZERO,
        end,
    }
}

fn opens(opens: Opens) -> Ask {
    Ask {
        opens,
        ..says(0, End::Cut)
    }
}

fn fails(kind: ErrorKind, retry_after: Option<Duration>) -> Ask {
    opens(Opens::Fails(Failure { kind, retry_after }))
}

const WELL: End = End::Complete(EndReason::Stop);

fn is_right(script: Script) {
    if let Err((wrong, log)) = play(&runtime(), script) {
        panic!("{}\n{log:#?}", wrong.rule);
    }
}

#[test]
fn who_was_outrun_beside_another_is_asked_when_that_breaks_off() {
    let first = place(&[says(3, End::Cut)]);
    let second = place(&[opens(Opens::Hangs), says(0, WELL)]);
    is_right(Script {
        hedge_after: Some(2 * SECOND),
        ..turn(vec![first, second])
    });
}

#[test]
fn who_turns_out_to_be_farther_away_is_not_asked_beside_another_but_after_it() {
    let first = || place(&[opens(Opens::Hangs)]);
    let settled = Place {
        settled: Some((Duration::ZERO, Ok(Zone::Hosted))),
        ..place(&[says(0, WELL)])
    };
    let prepared = Place {
        prepared: Some(Zone::Hosted),
        ..place(&[says(0, WELL)])
    };
    for second in [settled, prepared] {
        is_right(Script {
            hedge_after: Some(2 * SECOND),
            ..turn(vec![first(), second])
        });
    }
}

#[test]
fn who_turns_out_to_be_outside_is_asked_nothing_more() {
    let rule = ZoneRule {
        zones: BTreeSet::from([Zone::Machine]),
        from: "a rule".to_owned(),
        ask: false,
    };
    let prepare = |fails| Prepare {
        steps: Vec::new(),
        takes: Duration::ZERO,
        fails,
    };
    for fails in [None, Some(ErrorKind::Interrupted)] {
        let outside = Place {
            prepared: Some(Zone::Hosted),
            prepare: vec![prepare(fails)],
            ..place(&[says(0, WELL)])
        };
        is_right(Script {
            rules: vec![rule.clone()],
            ..turn(vec![outside])
        });
    }
}

#[test]
fn the_record_has_the_zone_that_a_request_went_to() {
    let moved = Place {
        prepared: Some(Zone::Hosted),
        ..place(&[fails(ErrorKind::BadRequest, None)])
    };
    is_right(turn(vec![moved]));
}

#[test]
fn what_is_asked_beside_ends_with_the_request() {
    let slow = Place {
        beside: Some(60 * SECOND),
        ..place(&[fails(ErrorKind::Server, None)])
    };
    is_right(turn(vec![slow]));
}

#[test]
fn who_always_offers_another_way_is_believed_for_some_time() {
    let remedies = Remedies {
        step: true,
        ..Remedies::default()
    };
    let liar = Place {
        offers: vec![Offer {
            takes: Duration::ZERO,
            remedies: Ok(remedies),
        }],
        offers_for_ever: true,
        ..place(&[fails(ErrorKind::UnsupportedField, None)])
    };
    is_right(turn(vec![liar]));
}

#[test]
fn nothing_is_asked_when_the_time_is_over() {
    let slow = Place {
        prepare: vec![Prepare {
            steps: Vec::new(),
            takes: 6000 * SECOND,
            fails: None,
        }],
        ..place(&[says(0, WELL)])
    };
    for _ in 0..20 {
        is_right(turn(vec![slow.clone()]));
    }
}

#[test]
fn a_pause_ends_when_a_person_needs_the_slot() {
    let limited = Place {
        slots: Slots::Shared(vec![(5 * SECOND, SECOND)]),
        ..place(&[fails(ErrorKind::RateLimit, Some(100 * SECOND)), says(0, WELL)])
    };
    is_right(Script {
        priority: Priority::Cron,
        ..turn(vec![limited])
    });
}
