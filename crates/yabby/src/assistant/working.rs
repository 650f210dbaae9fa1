//! The assistant at work for everybody who comes through the gateway.

use std::{collections::HashMap, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    task::JoinSet,
    time::{Instant, timeout},
};
use yabby_agent::{Assistant, Live};
use yabby_core::SessionKey;
use yabby_gateway::Office;
use yabby_store::{Alarms, Pace, Store, Turns};

use super::{Chosen, Staff};
use crate::{app::App, toolbox::Toolbox};

/// So long after a turn nobody seems to wait.
const QUIET: Duration = Duration::from_secs(5);

/// Turns that run get so long to come to their end, when the gateway has ended.
const LAST: Duration = Duration::from_secs(1);
/// What they have begun is given back within this time; else another replica waits until it is free by itself.
const GIVEN_BACK: Duration = Duration::from_secs(3);

/// The assistant at work. It ends when this is dropped.
pub(crate) struct Working {
    pub(crate) office: Office,
    pub(super) toolbox: Toolbox,
    turns: JoinSet<()>,
    stop: oneshot::Sender<()>,
    _loops: JoinSet<()>,
}

/// What is around an assistant at work, which may change.
pub(crate) struct Furnishing {
    assistant: Assistant,
    toolbox: Toolbox,
}

impl Working {
    /// Begins to work for all conversations.
    pub(crate) fn start(app: &App, store: Store, chosen: Chosen) -> Self {
        let Staff { assistant, toolbox, .. } = Staff::of(app, &store, chosen);
        let never = || std::future::pending::<()>().boxed();
        let (stop, stopped) = oneshot::channel::<()>();
        let pace = Pace {
            drain: LAST,
            ..Pace::default()
        };
        let (mut turns, mut loops) = (JoinSet::new(), JoinSet::new());
        turns.spawn(Turns::new(store.clone(), assistant.clone(), pace).run(async { drop(stopped.await) }));
        loops.spawn(Alarms::new(store.clone(), &Pace::default()).run(never()));
        loops.spawn(rests(assistant.clone(), store.clone()));
        Self {
            office: Office { store, assistant },
            toolbox,
            turns,
            stop,
            _loops: loops,
        }
    }

    /// Gives back what was begun, so that whoever goes on with it need not wait.
    pub(crate) async fn end(mut self) {
        drop(self.stop);
        let all = async { while self.turns.join_next().await.is_some() {} };
        // It is only for the sake of speed.
        let _ = timeout(GIVEN_BACK, all).await;
    }

    /// What is around it.
    pub(crate) fn furnishing(&self) -> Furnishing {
        Furnishing {
            assistant: self.office.assistant.clone(),
            toolbox: self.toolbox.clone(),
        }
    }
}

// === impl Furnishing ===

impl Furnishing {
    /// Another config: turns that begin from now on have it.
    pub(crate) async fn change(&mut self, app: &App, chosen: Chosen) {
        let Staff {
            model, home, toolbox, ..
        } = Staff::after(app, &self.toolbox, chosen).await;
        self.toolbox = toolbox;
        self.assistant.refurnish(model, home);
    }
}

/// Makes conversations smaller some time after a turn, while nobody waits.
async fn rests(assistant: Assistant, store: Store) {
    let mut live = assistant.hub().watch_all();
    let mut quiet: HashMap<SessionKey, Instant> = HashMap::new();
    loop {
        let next = quiet.iter().min_by_key(|(_, at)| **at);
        let next = next.map(|(conversation, at)| (conversation.clone(), *at));
        tokio::select! {
            happens = live.recv() => match happens {
                Ok((conversation, Live::Ended)) => drop(quiet.insert(conversation, Instant::now() + QUIET)),
                Ok((conversation, _)) => drop(quiet.remove(&conversation)),
                Err(RecvError::Lagged(_)) => quiet.clear(),
                Err(RecvError::Closed) => return,
            },
            Some(conversation) = due(next) => {
                quiet.remove(&conversation);
                // It is only for the sake of speed.
                let _ = assistant.rest(&store, &conversation).await;
            }
        }
    }
}

async fn due(next: Option<(SessionKey, Instant)>) -> Option<SessionKey> {
    let (conversation, at) = next?;
    tokio::time::sleep_until(at).await;
    Some(conversation)
}
