//! The assistant at work in this process, for one conversation on a terminal.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, oneshot},
    task::JoinSet,
};
use yabby_agent::{Assistant, Body, Kind, Live, Watcher};
use yabby_core::{Confidentiality, Integrity, Label, Origin, Peer, PeerKind, SessionKey, Time, text};
use yabby_route::Spending;
use yabby_store::{
    Accepted, Alarms, ClaimedDelivery, Deliver, Deliveries, InboundState, NewInbound, Pace, Place, Said, Sending,
    Store, StoreError, Target, Turns, new_id,
};

use super::{Chosen, Staff};
use crate::{app::App, toolbox::Toolbox};

/// The channel of a person at a terminal.
const CHANNEL: &str = "terminal";
/// So long after a turn nobody seems to wait.
const QUIET: Duration = Duration::from_secs(5);

/// The assistant at work. It ends when this is dropped.
pub(crate) struct Running {
    store: Store,
    conversation: SessionKey,
    account: String,
    /// What happens in turns.
    pub(crate) live: Watcher<Live>,
    /// What is to be shown, one after another.
    pub(crate) deliveries: mpsc::Receiver<Delivered>,
    /// What hosted models cost, for others to know.
    pub(crate) spending: Spending,
    _loops: JoinSet<()>,
}

/// Something for the person.
pub(crate) struct Delivered {
    /// What.
    pub(crate) content: Said,
    /// Told when it was shown; dropping it means that it was not.
    pub(crate) shown: oneshot::Sender<()>,
}

/// Hands deliveries to whoever writes to the terminal.
struct Screen(mpsc::Sender<Delivered>);

impl Deliver for Screen {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        let (shown, was_shown) = oneshot::channel();
        let delivered = Delivered {
            content: delivery.content.clone(),
            shown,
        };
        let sent = self.0.send(delivered).await.is_ok() && was_shown.await.is_ok();
        if sent {
            Sending::Sent { receipt: None }
        } else {
            Sending::NotSent {
                problem: text!("the terminal was closed"),
                again: true,
                after: None,
            }
        }
    }
}

/// Makes the conversation smaller some time after a turn, and notes findable by their meaning, while nobody waits.
async fn rests(assistant: Assistant, store: Store, toolbox: Toolbox, conversation: SessionKey) {
    let mut live = assistant.hub().watch(&conversation);
    // Told once, until it is well again.
    let mut away = false;
    loop {
        match live.recv().await {
            Ok(Live::Ended) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep(QUIET).await;
        if live.is_empty() {
            // It is only for the sake of speed.
            let _ = assistant.rest(&store, &conversation).await;
            let refreshed = tokio::select! {
                refreshed = toolbox.refresh_memory(conversation.agent(), &conversation) => refreshed,
                // Somebody waits.
                _ = live.recv() => continue,
            };
            let why = refreshed.and_then(|state| state.away);
            if let Some(why) = why.as_ref().filter(|_| !away) {
                let notice = text!("notes are found by their words alone for now: {error}", error = why);
                assistant.hub().tell(&conversation, Live::Notice(notice));
            }
            away = why.is_some();
        }
    }
}

// === impl Running ===

impl Running {
    /// Begins to work for a conversation.
    pub(crate) fn start(app: &App, store: Store, conversation: SessionKey, chosen: Chosen) -> Self {
        let Staff {
            assistant,
            toolbox,
            spending,
            ..
        } = Staff::of(app, &store, chosen);
        let live = assistant.hub().watch(&conversation);
        // Where several processes deliver, each has its own terminal.
        let account = match store.place() {
            Place::Folder(_) => String::new(),
            Place::Postgres { .. } => store.me().to_owned(),
        };
        let (sender, deliveries) = mpsc::channel(16);
        let resting = rests(assistant.clone(), store.clone(), toolbox, conversation.clone());
        let mut loops = JoinSet::new();
        let turns = Turns::new(store.clone(), assistant, Pace::default()).only(&conversation);
        let sending = Deliveries::new(store.clone(), Screen(sender), Pace::default()).only(CHANNEL, &account);
        let never = || std::future::pending::<()>().boxed();
        loops.spawn(turns.run(never()));
        loops.spawn(resting);
        let sharing = spending.clone();
        loops.spawn(async move { sharing.keep_sharing().await });
        loops.spawn(Alarms::new(store.clone(), &Pace::default()).run(never()));
        loops.spawn(sending.run(never()));
        Self {
            store,
            conversation,
            account,
            live,
            deliveries,
            spending,
            _loops: loops,
        }
    }

    /// The person says something; its number in the inbox.
    pub(crate) async fn say(&self, text: &str) -> Result<i64, StoreError> {
        self.accept(Body::text(text)).await
    }

    async fn accept(&self, body: Body) -> Result<i64, StoreError> {
        let new = NewInbound {
            message: new_id(),
            origin: Origin {
                channel: CHANNEL.to_owned(),
                account: Some(self.account.clone()).filter(|account| !account.is_empty()),
                peer: Peer {
                    kind: PeerKind::Direct,
                    id: "owner".to_owned(),
                },
                thread: None,
                sender: None,
            },
            conversation: self.conversation.clone(),
            received_at: Time::from(SystemTime::now()),
            body: body.to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, CHANNEL),
        };
        Ok(match self.store.accept(new).await? {
            Accepted::New { id } | Accepted::Known { id, .. } => id,
        })
    }

    /// Has a command obeyed, of which the person is not told: behind what an earlier run has `begun`, and before anything
    /// that is said from now on.
    pub(crate) async fn set(&self, command: &str, begun: bool) -> Result<(), StoreError> {
        let kind = Kind::Setting;
        let message = self
            .accept(Body {
                kind,
                ..Body::text(command)
            })
            .await?;
        while !begun && !self.is_done(Some(message)).await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Whether an earlier run has left something here: a message that it did not come to an end with, or something that
    /// it has not shown.
    pub(crate) async fn has_begun(&self) -> Result<bool, StoreError> {
        match self.store.place() {
            Place::Folder(_) => Ok(!self.is_done(None).await?),
            // It may be the work of another one, on a terminal of its own.
            Place::Postgres { .. } => Ok(false),
        }
    }

    /// Whether a message was dealt with, and all that is to be shown was; without one, all messages of the conversation.
    pub(crate) async fn is_done(&self, message: Option<i64>) -> Result<bool, StoreError> {
        let is_dealt_with = match message {
            Some(message) => match self.store.inbound(message).await? {
                Some((_, state)) => matches!(state, InboundState::Done | InboundState::Dead),
                None => return Ok(true),
            },
            None => !self.store.is_open(&self.conversation).await?,
        };
        if !is_dealt_with {
            return Ok(false);
        }
        let here = Target {
            channel: CHANNEL.to_owned(),
            account: self.account.clone(),
            peer: "owner".to_owned(),
            thread: None,
        };
        Ok(self.store.undelivered(&here).await? == 0)
    }
}
