//! Which conversation a request belongs to, and what of it is new there.

use std::time::SystemTime;

use hyper::HeaderMap;
use yabby_agent::{Body, Unsaid};
use yabby_core::{Confidentiality, Integrity, Label, Message, Origin, Peer, PeerKind, SessionKey, Time};
use yabby_store::{Accepted, Asked, NewInbound, NewResponse, StoreError, Target, new_id};
use yabby_wire::clients::{Api, ClientRequest, Failure};

use super::{Programs, away, before::Prepared, follow::Follower, open_webui};

/// The channel of programs.
pub(super) const CHANNEL: &str = "api";
/// Who a program says it goes on with.
const SESSION: [&str; 2] = ["x-yabby-session-key", "x-openclaw-session-key"];
/// The model that it wants the agent to use.
const MODEL: [&str; 2] = ["x-yabby-model", "x-openclaw-model"];
/// Names of a client's users are cut here.
const LONGEST: usize = 64;

/// One request, as a part of a conversation.
pub(super) struct Talk {
    pub(super) conversation: SessionKey,
    pub(super) sends: Sends,
    /// What was said before it, where the client sends that.
    pub(super) history: Vec<Message>,
    /// What the client tells the agent beside it.
    pub(super) instructions: Option<String>,
    message: Body,
    /// Whether the client reads the answer as it comes.
    streams: bool,
    pub(super) model: Option<String>,
    /// The id of the answer.
    pub(super) id: String,
    /// The answer that it goes on from.
    pub(super) previous: Option<String>,
}

/// What of its conversation a client sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// All of it, and it is asked for nowhere else.
    Once,
    /// All of it, each time.
    All,
    /// What is new.
    New,
}

impl Talk {
    /// `known` is the conversation of the response that is gone on from, where that is kept.
    pub(super) fn of(
        agent: &str,
        headers: &HeaderMap,
        request: &ClientRequest,
        known: Option<&SessionKey>,
    ) -> Result<Self, Failure> {
        let own = new_id().to_lowercase();
        let previous = request.previous_response_id.clone();
        let (name, sends) = if let Some(key) = session(headers) {
            (key.to_owned(), Sends::New)
        } else if let Some(previous) = &previous {
            let name = match known {
                Some(known) => known.as_str().to_owned(),
                None => format!("openai:{}", conversation_of(previous)?),
            };
            (name, Sends::New)
        } else if let Some(chat) = open_webui::chat(headers) {
            (chat, Sends::All)
        } else if let Some(user) = &request.user {
            (format!("openai-user:{}", plain(user)), Sends::New)
        } else {
            (format!("openai:{own}"), Sends::Once)
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
        let said = match sends {
            Sends::Once | Sends::All => messages.pop().into_iter().collect(),
            Sends::New => messages.split_off(begin.min(messages.len())),
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
        let of_all = sends != Sends::New;
        Ok(Self {
            conversation,
            sends,
            history: if of_all { messages } else { Vec::new() },
            instructions: request.request.system.clone().filter(|_| of_all),
            message: Body {
                text,
                images,
                ..Body::default()
            },
            streams: request.stream,
            model: header(headers, MODEL).map(str::to_owned),
            id: match request.api {
                Api::Chat => format!("chatcmpl-{own}"),
                Api::Messages => format!("msg_{own}"),
                Api::Responses => format!("resp_{of_name}_{own}"),
            },
            previous,
        })
    }

    /// Whether its answer can be gone on from by its id.
    pub(super) fn keeps_id(&self) -> bool {
        self.id.starts_with("resp_")
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
pub(super) fn told_beside(instructions: &str) -> String {
    format!("[Instructions of the program that the person uses]\n{instructions}")
}

impl Programs {
    /// Puts a request into the inbox, with what has to be there before it, and keeps the response that it begins. When any of
    /// it cannot be written, nothing is begun.
    pub(super) async fn say(&self, talk: Talk, kept: Option<NewResponse>) -> Result<Follower, Failure> {
        let prepared = self.prepare(&talk).await?;
        let conversation = &talk.conversation;
        let live = self.0.office.assistant.hub().watch(conversation);
        let elsewhere = self.0.feed.elsewhere(conversation);
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
        let accepted = self.accept(new, prepared, kept).await.map_err(|error| away(&error))?;
        let (Accepted::New { id } | Accepted::Known { id, .. }) = accepted;
        let here = Target {
            channel: CHANNEL.to_owned(),
            account: self.0.account.clone(),
            peer: conversation.as_str().to_owned(),
            thread: None,
        };
        let message = (id, here, command);
        let live = (live, elsewhere);
        Ok(Follower::new(
            self.clone(),
            (conversation.clone(), talk.streams),
            message,
            live,
            said,
        ))
    }

    /// Takes its message in: in a conversation that is held, with what is set there from now on and the response that is kept.
    async fn accept(
        &self,
        message: NewInbound,
        prepared: Option<Prepared>,
        kept: Option<NewResponse>,
    ) -> Result<Accepted, StoreError> {
        let store = &self.0.office.store;
        let Some(Prepared { held, state }) = prepared else {
            return store.accept(message).await;
        };
        let asked = Asked {
            message,
            state: serde_json::to_value(state).unwrap_or_default(),
            response: kept,
        };
        let accepted = store.accept_asked(held.lease(), asked).await?;
        held.given_back();
        Ok(accepted)
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

    pub(super) fn origin(&self, conversation: &SessionKey) -> Origin {
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
}

/// The conversation that a program says it goes on with.
pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    header(headers, SESSION)
}

fn header<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    let value = names.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    value.map(str::trim).filter(|value| !value.is_empty())
}

/// The conversation of a response that was given before.
fn conversation_of(response: &str) -> Result<&str, Failure> {
    let parts = response.strip_prefix("resp_").and_then(|rest| rest.split_once('_'));
    parts.map(|(conversation, _)| conversation).ok_or_else(|| {
        let message = format!("there is no response {response}");
        Failure::new(404, "previous_response_not_found", message)
    })
}

/// A client's word for a user or a chat, as a part of a key.
pub(super) fn plain(user: &str) -> String {
    let plain = user.chars().take(LONGEST).map(|c| {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') {
            c
        } else {
            '-'
        }
    });
    plain.collect::<String>().to_lowercase()
}
