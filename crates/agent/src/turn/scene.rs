//! What a turn works with, and what does not change while it runs.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use yabby_core::{Integrity, Label, Message, Origin, SessionKey};
use yabby_store::{
    Answered, Content, Item, Lease, NewDelivery, NewInbound, NewItem, NewItems, Said, Session, Store, StoreError,
    StoreErrorKind, Target, TurnOutcome,
};
use yabby_tools::{Effect, Registry};

use super::{Assistant, ending::Ending, heard, item};
use crate::{Body, Frozen, Live, Note, Pending, Permit, Rules, Served, Spent, State, Toolset, Wish};

/// What a turn works with.
pub(super) struct Scene<'a> {
    pub(super) assistant: &'a Assistant,
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) conversation: SessionKey,
    /// Where its answer goes.
    pub(super) origin: Origin,
    /// Whether it is the owner who has begun it.
    pub(super) owners: bool,
    pub(super) session: Session,
    /// The turn that is worked on.
    pub(super) turn: String,
    /// The turn of the message that has come in. It is another one when that message lets an earlier turn go on.
    pub(super) reply: String,
    /// The number of its message in the inbox.
    pub(super) message: i64,
    pub(super) state: State,
    pub(super) rules: Rules,
    pub(super) registry: Registry,
    /// The same as the model sees and finds them in this epoch.
    pub(super) tools: Toolset,
    pub(super) wish: Wish,
    /// Whether it is a sub-task, whose questions nobody would see.
    pub(super) alone: bool,
    /// The model that would be asked first; `None` when none can be.
    pub(super) served: Option<Served>,
    pub(super) began: Instant,
}

// === impl Scene ===

impl Scene<'_> {
    /// Whether the turn has waited for the owner, and goes on with another message.
    pub(super) fn waited(&self) -> bool {
        self.turn != self.reply
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, live: Live) {
        self.assistant.hub.tell(&self.conversation, live);
    }

    /// Keeps items.
    pub(super) async fn append(&self, items: Vec<NewItem>) -> Result<(), StoreError> {
        let append = || self.store.append(&self.lease, &self.session.id, items.clone());
        insist(append).await.map(drop)
    }

    /// The items of a message, which `id` stands for.
    pub(super) fn heard(&self, message: &NewInbound, id: &str) -> Vec<NewItem> {
        let body = Body::of(message);
        let aside = self.assistant.home.aside(self.served.as_ref(), message.received_at);
        let said = Message::User {
            text: body.text,
            images: body.images,
        };
        heard(&self.turn, id, said, aside, &message.label)
    }

    /// Whether a call may run, after what the model is shown.
    pub(super) fn permit(&self, pending: &Pending, items: &[Item]) -> Permit {
        // What means no tool does not run, which the model is told.
        self.tools.meant(&pending.call).map_or(Permit::Allow, |meant| {
            let (manifest, arguments) = (meant.tool.manifest(), &meant.call.arguments);
            let effect = meant.tool.effect(arguments);
            // What names no place goes to where the message came from.
            let named = |sink: &&String| *sink == "*" || arguments.contains_key(*sink);
            let mut sinks = manifest.sinks.iter().filter(named);
            if effect == Effect::Read {
                // Reading there tells somebody what is read: that may hold what others want to know.
                let may_leak = self.state.private || shown(items).integrity < Integrity::Config;
                let leaks = may_leak && sinks.any(|sink| !typed(items, arguments.get(sink)));
                return if leaks { Permit::Ask } else { Permit::Allow };
            }
            if meant.tool.is_allowed(arguments) && shown(items).integrity >= Integrity::Config {
                return Permit::Allow;
            }
            Permit::of(effect, sinks.next().is_none())
        })
    }

    /// The model sees these tools from now on.
    pub(super) fn see(&mut self, frozen: &Frozen) {
        self.tools = Toolset::new(self.registry.clone(), &frozen.tools);
    }

    /// What the turn has used.
    pub(super) fn spent(&self, items: &[Item]) -> Spent {
        let ours = items
            .iter()
            .filter(|item| item.item.turn.as_deref() == Some(&self.turn));
        let none = Spent {
            time: self.began.elapsed(),
            ..Spent::default()
        };
        ours.flat_map(|item| &item.item.attempts).fold(none, |spent, attempt| {
            let usage = &attempt.usage;
            let read = usage.input_tokens.unwrap_or(0);
            let fresh = read.saturating_sub(usage.cached_tokens.unwrap_or(0));
            Spent {
                tokens: spent.tokens + u64::from(fresh) + u64::from(usage.output_tokens.unwrap_or(0)),
                usd: spent.usd + attempt.cost.unwrap_or(0.0),
                ..spent
            }
        })
    }

    /// The notes of what an end tells the owner. What others are told does not stand in the owner's conversation.
    pub(super) fn told(&self, ending: &Ending) -> Vec<NewItem> {
        let notices = ending.says.iter().enumerate().filter_map(|(n, said)| match said {
            Said::Notice(text) if self.owners => {
                let told = Note::Told {
                    text: text.clone(),
                    asks: ending.asks.get(n).cloned(),
                };
                let id = format!("{}/told/{n}", self.reply);
                Some(item(id, &self.turn, told.content(), Label::of_nothing()))
            }
            Said::Notice(_) | Said::Answer(_) => None,
        });
        notices.collect()
    }

    /// What the inbox and the outbox are told of an end.
    pub(super) fn answered(&self, mut ending: Ending) -> Answered {
        let told = self.told(&ending);
        ending.items.extend(told);
        let deliveries = deliveries(&self.origin, &self.reply, ending.says);
        let items = (!ending.items.is_empty()).then(|| NewItems {
            session: self.session.id.clone(),
            items: ending.items,
        });
        Answered {
            how: TurnOutcome::Done,
            items,
            deliveries,
        }
    }
}

/// What goes back to where a message came from; `id` stands for all of it.
pub(super) fn deliveries(to: &Origin, id: &str, says: Vec<Said>) -> Vec<NewDelivery> {
    let to = Target::answering(to);
    let numbered = says.into_iter().enumerate();
    numbered
        .map(|(n, content)| NewDelivery {
            key: format!("{id}/{n}"),
            to: to.clone(),
            content,
            expires_at: None,
        })
        .collect()
}

/// Whether the owner has written this very word.
fn typed(items: &[Item], value: Option<&Value>) -> bool {
    let Some(value) = value.and_then(Value::as_str) else {
        return false;
    };
    items.iter().any(|item| match &item.item.content {
        Content::Message {
            message: Message::User { text, .. },
        } if item.item.label.integrity == Integrity::Owner => text
            .split_whitespace()
            .any(|word| word.trim_matches(['<', '>', '"', ',', '.', '!', '?', '(', ')']) == value),
        _ => false,
    })
}

/// The label of what a model makes from what it is shown.
pub(super) fn shown(items: &[Item]) -> Label {
    items
        .iter()
        .filter(|item| matches!(item.item.content, Content::Message { .. } | Content::Summary { .. }))
        .fold(Label::of_nothing(), |label, item| label.join(&item.item.label))
}

/// Tries an operation of the store for a short time when the database is away: what was done must not be lost.
pub(super) async fn insist<T, F>(mut operation: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for wait in [100, 500, 2_000] {
        match operation().await {
            Err(error) if error.kind == StoreErrorKind::Unavailable => {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            done => return done,
        }
    }
    operation().await
}
