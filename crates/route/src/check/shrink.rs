//! The smallest script that still fails: parts are taken out of it one after the other, as long as any can be.

use std::time::Duration;

use super::script::{Continues, Script, Slots};

pub(super) fn smallest(mut script: Script, fails: impl Fn(&Script) -> bool) -> Script {
    loop {
        let smaller = smaller(&script);
        let Some(next) = smaller.into_iter().find(|smaller| fails(smaller)) else {
            return script;
        };
        script = next;
    }
}

/// Scripts that have a part less each.
fn smaller(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    let before = format!("{script:?}");
    let mut without = |change: &dyn Fn(&mut Script)| {
        let mut smaller = script.clone();
        change(&mut smaller);
        if format!("{smaller:?}") != before {
            all.push(smaller);
        }
    };
    for at in 0..script.places.len() {
        if script.places.len() > 1 {
            without(&|script| drop(script.places.remove(at)));
        }
    }
    without(&|script| script.stop = None);
    without(&|script| script.rules.clear());
    without(&|script| script.rules.truncate(1));
    without(&|script| script.hedge_after = None);
    without(&|script| script.limit = None);
    without(&|script| script.prefer_fast = false);
    without(&|script| script.messages = 1);
    without(&|script| script.story = 0);
    for (at, place) in script.places.iter().enumerate() {
        without(&|script| script.places[at].settled = None);
        without(&|script| script.places[at].prepared = None);
        without(&|script| script.places[at].excepted = false);
        without(&|script| script.places[at].managed = false);
        without(&|script| script.places[at].breaker = (Duration::ZERO, true));
        without(&|script| script.places[at].slots = Slots::Free);
        without(&|script| script.places[at].budget = usize::MAX);
        without(&|script| script.places[at].room = None);
        without(&|script| script.places[at].smaller = None);
        without(&|script| script.places[at].expected = None);
        without(&|script| script.places[at].usual_load = None);
        without(&|script| script.places[at].beside = None);
        without(&|script| script.places[at].lead = "");
        without(&|script| script.places[at].continues = Continues::Prefills);
        without(&|script| script.places[at].look_takes = Duration::ZERO);
        without(&|script| script.places[at].offers_for_ever = false);
        without(&|script| script.places[at].deadlines.patience = Duration::ZERO);
        without(&|script| drop(script.places[at].prepare.pop()));
        without(&|script| script.places[at].offers.truncate(place.offers.len().saturating_sub(1)));
        if place.looks.len() > 1 {
            without(&|script| script.places[at].looks.truncate(place.looks.len() - 1));
        }
        if place.asks.len() > 1 {
            without(&|script| drop(script.places[at].asks.pop()));
        }
        if let Slots::Shared(arrivals) = &place.slots {
            for other in 0..arrivals.len() {
                without(&|script| {
                    if let Slots::Shared(arrivals) = &mut script.places[at].slots {
                        arrivals.remove(other);
                    }
                });
            }
        }
        for (number, ask) in place.asks.iter().enumerate() {
            without(&|script| script.places[at].asks[number].head = Duration::ZERO);
            without(&|script| script.places[at].asks[number].pause = Duration::ZERO);
            for beat in 0..ask.beats.len() {
                without(&|script| {
                    script.places[at].asks[number].beats.remove(beat);
                });
                without(&|script| script.places[at].asks[number].beats[beat].0 = Duration::ZERO);
            }
        }
    }
    all
}
