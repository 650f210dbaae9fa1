//! Which conversation a request belongs to, and what of it is new there.

use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use yabby_agent::{Body, Note, State, Unsaid};
use yabby_core::{Confidentiality, Integrity, Label, Message, Origin, Peer, PeerKind, SessionKey, Time};
use yabby_store::{Accepted, Asked, Content, Lease, NewInbound, NewItem, NewResponse, StoreError, Target, new_id};
use yabby_wire::clients::{Api, ClientRequest, Failure};

use super::{Programs, away, follow::Follower};

/// The channel of programs.
pub(super) const CHANNEL: &str = "api";
/// Who a program says it goes on with.
const SESSION: [&str; 2] = ["x-yabby-session-key", "x-openclaw-session-key"];
/// The model that it wants the agent to use.
const MODEL: [&str; 2] = ["x-yabby-model", "x-openclaw-model"];
/// Writing a history takes no longer.
const LEASE: Duration = Duration::from_secs(30);
/// Names of a client's users are cut here.
const LONGEST: usize = 64;

/// One request, as a part of a conversation.
pub(super) struct Talk {
    pub(super) conversation: SessionKey,
    /// What was said before it, when the conversation is a new one.
    history: Vec<Message>,
    /// What the client tells the agent beside it.
    instructions: Option<String>,
    message: Body,
    model: Option<String>,
    /// The id of the answer.
    pub(super) id: String,
    /// The answer that it goes on from.
    previous: Option<String>,
}

/// A conversation while a message is put into it, and what is set for it with the message.
struct Held {
    lease: Lease,
    state: State,
}

impl Talk {
    /// `known` is the conversation of the response that is gone on from, where that is kept.
    pub(super) fn of(
        agent: &str,
        headers: &HeaderMap,
        request: &ClientRequest,
        known: Option<&SessionKey>,
    ) -> Result<Self, Failure> {
        let header = |names: [&str; 2]| {
            let value = names.iter().find_map(|name| headers.get(*name)?.to_str().ok());
            value.map(str::trim).filter(|value| !value.is_empty())
        };
        let own = new_id().to_lowercase();
        let previous = request.previous_response_id.clone();
        let (name, is_new) = match (header(SESSION), &previous, &request.user) {
            (Some(key), ..) => (key.to_owned(), false),
            (None, Some(previous), _) => match known {
                Some(known) => (known.as_str().to_owned(), false),
                None => (format!("openai:{}", conversation_of(previous)?), false),
            },
            (None, None, Some(user)) => (format!("openai-user:{}", plain(user)), false),
            (None, None, None) => (format!("openai:{own}"), true),
        };
        let conversation = SessionKey::within(agent, &name)
            .map_err(|error| Failure::new(400, "invalid_session_key", error.to_string()))?;
        if conversation.agent() != agent {
            let message = format!(
                "{conversation} is a conversation of another agent",
                conversation = conversation.as_str()
            );
            return Err(Failure::new(400, "invalid_session_key", message));
        }
        let mut messages = request.request.messages.clone();
        let begin = messages
            .iter()
            .rposition(|message| !matches!(message, Message::User { .. }))
            .map_or(0, |last| last + 1);
        // Of one that is known, what was said before is known too.
        let (mut text, mut images) = (Vec::new(), Vec::new());
        let said = if is_new {
            messages.pop().into_iter().collect()
        } else {
            messages.split_off(begin.min(messages.len()))
        };
        for message in said {
            if let Message::User {
                text: words,
                images: seen,
            } = message
            {
                text.push(words);
                images.extend(seen);
            }
        }
        let text = text.join("\n\n");
        if text.trim().is_empty() && images.is_empty() {
            let message = "the last message must be one of the user, with a text or a picture";
            return Err(Failure::new(400, "invalid_request", message));
        }
        let of_name = name.strip_prefix("openai:").unwrap_or(&own).to_owned();
        Ok(Self {
            conversation,
            history: if is_new { messages } else { Vec::new() },
            instructions: request.request.system.clone().filter(|_| is_new),
            message: Body {
                text,
                images,
                ..Body::default()
            },
            model: header(MODEL).map(str::to_owned),
            id: match request.api {
                Api::Chat => format!("chatcmpl-{own}"),
                Api::Messages => format!("msg_{own}"),
                Api::Responses => format!("resp_{of_name}_{own}"),
            },
            previous,
        })
    }

    /// The same, to be counted only.
    pub(super) fn unsaid(self) -> Unsaid {
        Unsaid {
            aside: self.instructions.as_deref().map(told_beside),
            conversation: self.conversation,
            model: self.model,
            history: self.history,
            body: self.message,
        }
    }
}

/// What a client tells the agent.
fn told_beside(instructions: &str) -> String {
    format!("[Instructions of the program that the person uses]\n{instructions}")
}

impl Programs {
    /// Puts a request into the inbox, with what has to be there before it, and keeps the response that it begins. When any of
    /// it cannot be written, nothing is begun.
    pub(super) async fn say(&self, talk: Talk, kept: Option<NewResponse>) -> Result<Follower, Failure> {
        let held = self.prepare(&talk).await?;
        let conversation = &talk.conversation;
        let live = self.0.office.assistant.hub().watch(conversation);
        let said = self.0.waiting.wait(conversation);
        let command = yabby_agent::Command::of(&talk.message).is_some();
        let new = NewInbound {
            message: format!("{CHANNEL}:{}", talk.id),
            origin: self.origin(conversation),
            conversation: conversation.clone(),
            received_at: Time::from(SystemTime::now()),
            body: talk.message.to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, CHANNEL),
        };
        let accepted = self.accept(new, held, kept).await.map_err(|error| away(&error))?;
        let (Accepted::New { id } | Accepted::Known { id, .. }) = accepted;
        let here = Target {
            channel: CHANNEL.to_owned(),
            account: self.0.account.clone(),
            peer: conversation.as_str().to_owned(),
            thread: None,
        };
        let message = (id, here, command);
        Ok(Follower::new(self.clone(), conversation.clone(), message, live, said))
    }

    /// Takes its message in: in a conversation that is held, with what is set there from now on and the response that is kept.
    async fn accept(
        &self,
        message: NewInbound,
        held: Option<Held>,
        kept: Option<NewResponse>,
    ) -> Result<Accepted, StoreError> {
        let store = &self.0.office.store;
        let Some(Held { lease, state }) = held else {
            return store.accept(message).await;
        };
        let asked = Asked {
            message,
            state: serde_json::to_value(state).unwrap_or_default(),
            response: kept,
        };
        let accepted = store.accept_asked(&lease, asked).await;
        if accepted.is_err() {
            // Where that fails too, its time ends.
            let _ = store.release(&lease).await;
        }
        accepted
    }

    /// Stops what nobody waits for any more, for ever.
    pub(super) async fn stop_abandoned(&self) {
        loop {
            let conversation = self.0.stops.next().await;
            // Where the store is away, the turn ends by its limits.
            let _ = self.stop(conversation).await;
        }
    }

    /// Stops what runs in a conversation.
    pub(super) async fn stop(&self, conversation: SessionKey) -> Result<(), StoreError> {
        let new = NewInbound {
            message: format!("{CHANNEL}:stop:{}", new_id()),
            origin: self.origin(&conversation),
            conversation,
            received_at: Time::from(SystemTime::now()),
            body: Body::text("/stop").to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, CHANNEL),
        };
        self.0.office.store.accept(new).await.map(drop)
    }

    fn origin(&self, conversation: &SessionKey) -> Origin {
        Origin {
            channel: CHANNEL.to_owned(),
            account: Some(self.0.account.clone()),
            peer: Peer {
                kind: PeerKind::Direct,
                id: conversation.as_str().to_owned(),
            },
            thread: None,
            sender: None,
        }
    }

    /// Writes the history of a new conversation. What the client wants of one is set with its message: until then it is held.
    async fn prepare(&self, talk: &Talk) -> Result<Option<Held>, Failure> {
        let store = &self.0.office.store;
        let has_history = !talk.history.is_empty() || talk.instructions.is_some();
        let keeps_id = talk.id.starts_with("resp_");
        if !has_history && talk.model.is_none() && !keeps_id {
            return Ok(None);
        }
        let lease = store
            .lease_conversation(talk.conversation.as_str(), LEASE)
            .await
            .map_err(|error| away(&error))?
            .ok_or_else(|| {
                Failure::new(
                    409,
                    "busy",
                    "something is being answered in this conversation; try again when it is over",
                )
            })?;
        match self.begun(&lease, talk, keeps_id).await {
            Ok(state) => Ok(Some(Held { lease, state })),
            Err(failure) => {
                let _ = store.release(&lease).await;
                Err(failure)
            }
        }
    }

    /// Writes what comes before a message; what is set from then on.
    async fn begun(&self, lease: &Lease, talk: &Talk, keeps_id: bool) -> Result<State, Failure> {
        let known = self.0.office.store.conversation(&talk.conversation).await;
        let known = known.map_err(|error| away(&error))?;
        let mut state = known
            .as_ref()
            .map_or_else(State::default, |known| State::of(&known.state));
        if let Some(previous) = &talk.previous {
            let last = state.others.get("response").and_then(|last| last.as_str());
            if last != Some(previous.as_str()) {
                let message = "only the latest response of a conversation can be gone on from";
                return Err(Failure::new(400, "previous_response_not_found", message));
            }
        }
        if let Some(model) = &talk.model {
            let model = self.0.office.assistant.home().model(model);
            let model = model.ok_or_else(|| {
                Failure::new(
                    404,
                    "model_not_found",
                    "the header names a model that is not known; GET /v1/models lists them",
                )
            })?;
            state.model = Some(model);
        }
        if keeps_id {
            state.others.insert("response".to_owned(), talk.id.clone().into());
        }
        let written = self.write(lease, talk, known.and_then(|known| known.session)).await;
        written.map(|()| state).map_err(|error| away(&error))
    }

    async fn write(&self, lease: &Lease, talk: &Talk, session: Option<String>) -> Result<(), StoreError> {
        let store = &self.0.office.store;
        let session = if let Some(session) = session {
            session
        } else {
            let new = format!("{}-s", talk.id);
            let now = Time::from(SystemTime::now());
            let origin = self.origin(&talk.conversation);
            store.begin_session(lease, Some(&origin), "api", (&new, now)).await?.id
        };
        let mut items = Vec::new();
        let mut add = |content, label| {
            items.push(NewItem {
                id: format!("{}/before/{}", talk.id, items.len()),
                turn: None,
                at: Time::from(SystemTime::now()),
                content,
                label,
                attempts: Vec::new(),
                files: Vec::new(),
            });
        };
        let owner = Label::new(Integrity::Owner, Confidentiality::Private, CHANNEL);
        for message in &talk.history {
            let message = message.clone();
            add(Content::Message { message }, owner.clone());
        }
        if let Some(instructions) = &talk.instructions {
            let text = told_beside(instructions);
            add(Note::Aside { text }.content(), owner);
        }
        if !items.is_empty() {
            store.append(lease, &session, items).await?;
        }
        Ok(())
    }
}

/// The conversation of a response that was given before.
fn conversation_of(response: &str) -> Result<&str, Failure> {
    let parts = response.strip_prefix("resp_").and_then(|rest| rest.split_once('_'));
    parts.map(|(conversation, _)| conversation).ok_or_else(|| {
        let message = format!("there is no response {response}");
        Failure::new(404, "previous_response_not_found", message)
    })
}

/// A client's word for a user, as a part of a key.
fn plain(user: &str) -> String {
    let plain = user.chars().take(LONGEST).map(|c| {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') {
            c
        } else {
            '-'
        }
    });
    plain.collect::<String>().to_lowercase()
}
