//! What has to be there before a message is said: what came before it, and what the client wants of the conversation.

use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;
use yabby_agent::{Note, State};
use yabby_core::{Confidentiality, Integrity, Label, Message, Time};
use yabby_store::{Content, Held, Item, Lease, NewItem, StoreError};
use yabby_wire::clients::Failure;

use super::{
    Programs, away,
    conversation::{CHANNEL, Sends, Talk, told_beside},
    course::{Course, is_private, present},
};
use crate::branch::branch;

/// Writing a history takes no longer.
const LEASE: Duration = Duration::from_secs(30);
/// Whoever has just heard the end of an answer, or has stopped it, may go on before its turn has put everything away, which it
/// does within this time.
const STOPS: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);
/// No session has as many items.
const ALL: usize = 1_000_000;

/// The session that a message goes into.
enum Begin {
    /// The one that is there.
    There,
    /// A new one, with what the client has sent of it.
    Anew,
    /// A new one, which begins with these items.
    With(Vec<Item>),
}

/// A conversation while a message is put into it, and what is set for it with the message.
pub(super) struct Prepared {
    pub(super) held: Held,
    pub(super) state: State,
}

impl Programs {
    /// Writes what is missing. Where there is any, or the client wants something of the conversation, it is held until its
    /// message is in.
    pub(super) async fn prepare(&self, talk: &Talk) -> Result<Option<Prepared>, Failure> {
        let wants = talk.model.is_some() || talk.keeps_id();
        if talk.sends == Sends::New && !wants {
            return Ok(None);
        }
        let (_, begin) = self.begin_of(talk).await.map_err(|error| away(&error))?;
        let is_there = match begin {
            Begin::There => true,
            Begin::Anew => talk.history.is_empty() && talk.instructions.is_none(),
            Begin::With(_) => false,
        };
        if is_there && !wants {
            return Ok(None);
        }
        let model = talk.model.as_deref().map(|model| self.known(model)).transpose()?;
        let held = self.hold(talk).await?;
        let state = self.begun(held.lease(), talk, model).await?;
        Ok(Some(Prepared { held, state }))
    }

    /// Writes what comes before a message; what is set from then on.
    async fn begun(&self, lease: &Lease, talk: &Talk, model: Option<String>) -> Result<State, Failure> {
        // Until now somebody else may have held it.
        let (mut state, begin) = self.begin_of(talk).await.map_err(|error| away(&error))?;
        if let Some(previous) = &talk.previous {
            let last = state.others.get("response").and_then(|last| last.as_str());
            if last != Some(previous.as_str()) {
                let message = "only the latest response of a conversation can be gone on from";
                return Err(Failure::new(400, "previous_response_not_found", message));
            }
        }
        if model.is_some() {
            state.model = model;
        }
        // Nobody else knows what was set in a conversation that has no name.
        if talk.sends == Sends::Once && is_private(&talk.history) {
            state.private = true;
        }
        if talk.keeps_id() {
            state.others.insert("response".to_owned(), talk.id.clone().into());
        }
        let written = self.write(lease, talk, begin).await;
        written.map(|()| state).map_err(|error| away(&error))
    }

    /// What is set for the conversation of a message, and the session that it goes into.
    async fn begin_of(&self, talk: &Talk) -> Result<(State, Begin), StoreError> {
        let store = &self.0.office.store;
        let Some(known) = store.conversation(&talk.conversation).await? else {
            return Ok((State::default(), Begin::Anew));
        };
        let state = State::of(&known.state);
        let Some(session) = known.session else {
            return Ok((state, Begin::Anew));
        };
        if talk.sends != Sends::All {
            return Ok((state, Begin::There));
        }
        let mut items = store.items(&session, 0, ALL).await?;
        let begin = match Course::of(&items, &talk.history) {
            Course::On => Begin::There,
            Course::BackTo(seq) => {
                items.retain(|item| item.seq < seq);
                Begin::With(items)
            }
            Course::Elsewhere => Begin::Anew,
        };
        Ok((state, begin))
    }

    /// The model of a name.
    fn known(&self, name: &str) -> Result<String, Failure> {
        let model = self.0.office.assistant.home().model(name);
        model.ok_or_else(|| {
            let message = "the header names a model that is not known; GET /v1/models lists them";
            Failure::new(404, "model_not_found", message)
        })
    }

    /// The conversation, while nothing is answered in it.
    async fn hold(&self, talk: &Talk) -> Result<Held, Failure> {
        let (store, began) = (&self.0.office.store, Instant::now());
        loop {
            let held = store.hold(talk.conversation.as_str(), LEASE).await;
            if let Some(held) = held.map_err(|error| away(&error))? {
                return Ok(held);
            }
            if began.elapsed() >= STOPS {
                let message = "something is being answered in this conversation; try again when it is over";
                return Err(Failure::new(409, "busy", message));
            }
            sleep(LOOK).await;
        }
    }

    async fn write(&self, lease: &Lease, talk: &Talk, begin: Begin) -> Result<(), StoreError> {
        let store = &self.0.office.store;
        let (new, origin) = (format!("{}-s", talk.id), self.origin(&talk.conversation));
        let before = match begin {
            Begin::There => Vec::new(),
            Begin::Anew => {
                let now = Time::from(SystemTime::now());
                store.begin_session(lease, Some(&origin), "api", (&new, now)).await?;
                before(talk)
            }
            Begin::With(items) => {
                branch(store, lease, &origin, (&new, items)).await?;
                Vec::new()
            }
        };
        if before.is_empty() {
            return Ok(());
        }
        store.append(lease, &new, before).await.map(drop)
    }
}

/// What a client has sent of a conversation, and what it tells the agent beside it.
fn before(talk: &Talk) -> Vec<NewItem> {
    // What the assistant has said may repeat what strangers say, and what a tool has returned may be from anywhere.
    let messages = present(&talk.history).iter().map(|message| {
        let integrity = match message {
            Message::User { .. } => Integrity::Owner,
            _ => Integrity::Untrusted,
        };
        let message = message.clone();
        (Content::Message { message }, integrity)
    });
    let instructions = talk.instructions.iter().map(|instructions| {
        let text = told_beside(instructions);
        (Note::Aside { text }.content(), Integrity::Owner)
    });
    let items = messages
        .chain(instructions)
        .enumerate()
        .map(|(n, (content, integrity))| NewItem {
            id: format!("{}/before/{n}", talk.id),
            turn: None,
            at: Time::from(SystemTime::now()),
            content,
            label: Label::new(integrity, Confidentiality::Private, CHANNEL),
            attempts: Vec::new(),
            files: Vec::new(),
        });
    items.collect()
}
