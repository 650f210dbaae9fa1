//! What a script says of its candidates, in all.

use std::time::Duration;

use yabby_core::Zone;

use super::script::{Ask, Beat, End, Look, Opens, Place, Prepare, Script, Slots};

/// Nothing takes less time than this on the clock of a script.
pub(super) const INSTANT: Duration = Duration::from_millis(20);
/// The look at a breaker has a limit of its own.
pub(super) const BREAKER: Duration = Duration::from_millis(500);

pub(super) fn nth_ask(place: &Place, number: usize) -> &Ask {
    place.asks.get(number).or(place.asks.last()).unwrap()
}

pub(super) fn covers(one: &Zone, other: &Zone) -> bool {
    match (one, other) {
        (Zone::Hosted, _) | (_, Zone::Machine) => true,
        _ => one == other,
    }
}

pub(super) fn is_allowed(script: &Script, place: &Place, zone: &Zone) -> bool {
    script.rules.iter().all(|rule| {
        let allows = rule.zones.iter().any(|allowed| covers(allowed, zone));
        allows || (rule.ask && place.excepted)
    })
}

/// Whether nothing will ever come of it.
pub(super) fn is_dead(place: &Place) -> bool {
    place.asks.iter().all(|ask| ask.opens == Opens::Hangs)
        && place
            .looks
            .iter()
            .all(|(_, look)| matches!(look, Look::Hung | Look::Refused))
        && place.deadlines.patience == Duration::ZERO
        && place.offers.is_empty()
}

/// Whether it answers in no time whenever it is asked.
pub(super) fn is_well(script: &Script, place: &Place, at: usize) -> bool {
    let last = at + 1 == script.places.len();
    let settled = place.settled.as_ref();
    let zones = [
        Some(&place.zone),
        settled.and_then(|(_, zone)| zone.as_ref().ok()),
        place.prepared.as_ref(),
    ];
    let wants_to_know = !script.rules.is_empty() || script.hedge_after.is_some();
    let quick = !wants_to_know || settled.is_none_or(|(takes, zone)| *takes <= BREAKER && zone.is_ok());
    let idle =
        |prepare: &Prepare| prepare.steps.is_empty() && prepare.takes == Duration::ZERO && prepare.fails.is_none();
    let speaks = |ask: &Ask| {
        let text = ask
            .beats
            .iter()
            .any(|(_, beat)| matches!(beat, Beat::Text(chars) if *chars > 2));
        let time: Duration = ask.beats.iter().map(|(pause, _)| *pause).sum();
        let ends = matches!(ask.end, End::Complete(_));
        ask.opens == Opens::Head && text && ends && ask.head + time + ask.pause <= INSTANT
    };
    zones.into_iter().flatten().all(|zone| is_allowed(script, place, zone))
        && quick
        && (place.breaker.1 || last)
        && matches!(place.slots, Slots::Free)
        && place.budget >= 9
        && place.room.is_none()
        && place.smaller.is_none()
        && place.prepare.iter().all(idle)
        && place.asks.iter().all(speaks)
}
