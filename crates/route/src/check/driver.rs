//! Plays one turn on a paused clock.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::stream::StreamExt;
use tokio::{task::JoinSet, time::sleep};
use yabby_config::Budget;
use yabby_core::{Caller, Message, ModelRequest, Zones};

use super::{
    script::{Script, Slots, Stop},
    upstream::all,
    world::{Entry, What, World},
};
use crate::{
    DropOldest, Spending,
    sessions::Sessions,
    turn::{Turn, run},
};

/// No turn of a script may take as long as this.
const FOR_EVER: Duration = Duration::from_hours(24);

/// All that happens in one turn. The runtime has its clock paused.
pub(super) async fn play(script: &Arc<Script>) -> Vec<Entry> {
    // The timers of tokio are aligned to its own milliseconds; from here on those of the script are.
    sleep(Duration::from_millis(1)).await;
    let world = World::new(Arc::clone(script));
    let mut others = JoinSet::new();
    for (number, place) in script.places.iter().enumerate() {
        match &place.slots {
            Slots::After(_) => drop(others.spawn(Arc::clone(&world).others(number, None))),
            Slots::Shared(arrivals) => {
                for arrival in arrivals {
                    others.spawn(Arc::clone(&world).others(number, Some(*arrival)));
                }
            }
            Slots::Free | Slots::Never | Slots::Broken => {}
        }
    }
    let turn = Turn {
        caller: Caller {
            priority: script.priority,
            session: "s".to_owned(),
        },
        zones: script.rules.iter().cloned().fold(Zones::default(), Zones::with),
        limit: script.limit,
        hedge_after: script.hedge_after,
        prefer_fast: script.prefer_fast,
        refit: Arc::new(DropOldest),
        sessions: Sessions::default(),
        spending: Spending::in_memory(Budget::default()),
    };
    let message = |number: usize| match number % 2 {
        0 => Message::user("question"),
        _ => Message::assistant("history"),
    };
    let request = ModelRequest {
        messages: (0..script.messages).map(message).collect(),
        ..ModelRequest::default()
    };
    let (time, most) = match script.stop {
        Some(Stop::At(time)) => (time, usize::MAX),
        Some(Stop::After(events)) => (FOR_EVER, events),
        None => (FOR_EVER, usize::MAX),
    };
    let mut events = run(turn, all(&world), request);
    let mut stopped = pin!(sleep(time));
    let mut count = 0;
    loop {
        if count == most {
            world.note(What::Stopped);
            break;
        }
        tokio::select! {
            biased;
            event = events.next() => {
                let Some(event) = event else {
                    world.note(What::Over);
                    break;
                };
                count += 1;
                world.told(event);
            }
            () = &mut stopped => {
                world.note(if time == FOR_EVER { What::Endless } else { What::Stopped });
                break;
            }
        }
    }
    drop(events);
    let held = world.held();
    world.note(What::Left { held });
    drop(others);
    world.take_log()
}
