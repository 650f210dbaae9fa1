//! Lists of conversations.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_agent::State as Set;
use yabby_core::SessionKey;
use yabby_store::{Page, Session, SessionFilter, new_id};

use super::{Answer, Desk, Problem};
use crate::feed::Event;

/// So many are listed unless the caller says otherwise, and at the most.
const USUAL: usize = 50;
const MOST: usize = 200;
/// So many sessions are read at once; several may belong to one conversation.
const AT_ONCE: usize = 100;
/// So many sessions are looked through for one list.
const LOOKED_AT: usize = 2_000;

/// A conversation in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Conversation {
    key: String,
    agent: String,
    title: Option<String>,
    active_at: i64,
    private: bool,
    model: Option<String>,
    running: bool,
    /// The place behind it in the list.
    cursor: String,
    /// What was found in it, for a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Conversations {
    conversations: Vec<Conversation>,
    more: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    search: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Begin {
    /// The agent; `main` unless it is said.
    agent: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Begun {
    key: String,
}

pub(super) async fn list(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Conversations> {
    let Query(wanted) = wanted?;
    let most = wanted.limit.unwrap_or(USUAL).clamp(1, MOST);
    match wanted
        .search
        .as_deref()
        .map(str::trim)
        .filter(|words| !words.is_empty())
    {
        Some(words) => desk.search(words, most).await,
        None => desk.latest(wanted.before.as_deref(), most).await,
    }
    .map(Json)
}

pub(super) async fn one(State(desk): State<Desk>, Path(key): Path<String>) -> Answer<Conversation> {
    let key = Desk::key(&key)?;
    let filter = SessionFilter {
        conversation: Some(key.clone()),
        ..SessionFilter::default()
    };
    let sessions = desk.0.office.store.sessions(filter, None, 1).await?;
    match sessions.first() {
        Some(session) => Ok(Json(desk.shown(session, None).await?)),
        // One that was begun at the page, or the main one of a new house, has nothing in it yet.
        None => Ok(Json(Conversation {
            key: key.as_str().to_owned(),
            agent: key.agent().to_owned(),
            title: None,
            active_at: 0,
            private: false,
            model: None,
            running: desk.0.feed.runs(&key),
            cursor: String::new(),
            found: None,
        })),
    }
}

pub(super) async fn begin(State(desk): State<Desk>, begin: Result<Json<Begin>, JsonRejection>) -> Answer<Begun> {
    let Json(begin) = begin?;
    let agent = begin.agent.as_deref().unwrap_or("main");
    if !desk.agents().iter().any(|known| known.id == agent) {
        return Err(Problem::not_found(&format!("agent {agent}")).with_hint("GET /api/agents lists them"));
    }
    let key = SessionKey::within(agent, &format!("web:{}", new_id().to_lowercase()));
    let key = key.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(Begun {
        key: key.as_str().to_owned(),
    }))
}

pub(super) async fn delete(State(desk): State<Desk>, Path(key): Path<String>) -> Result<StatusCode, Problem> {
    let key = Desk::key(&key)?;
    if desk.0.feed.runs(&key) {
        let problem = Problem::new(
            StatusCode::CONFLICT,
            "busy",
            "something is being answered in this conversation",
        );
        return Err(problem.with_hint("stop it first"));
    }
    let filter = SessionFilter {
        conversation: Some(key),
        ..SessionFilter::default()
    };
    let store = &desk.0.office.store;
    loop {
        let sessions = store.sessions(filter.clone(), None, AT_ONCE).await?;
        if sessions.is_empty() {
            break;
        }
        for session in sessions {
            store.remove_session(&session.id).await?;
        }
    }
    desk.0.feed.tell(None, Event::Conversations);
    Ok(StatusCode::NO_CONTENT)
}

impl Desk {
    /// Those in which something has happened last.
    async fn latest(&self, before: Option<&str>, most: usize) -> Result<Conversations, Problem> {
        let store = &self.0.office.store;
        let mut page: Option<Page> = before.map(cursor).transpose()?;
        let mut seen: HashMap<SessionKey, ()> = HashMap::new();
        let mut conversations = Vec::new();
        let mut looked = 0;
        loop {
            let sessions = store.sessions(SessionFilter::default(), page.clone(), AT_ONCE).await?;
            let end = sessions.len() < AT_ONCE;
            looked += sessions.len();
            for session in &sessions {
                page = Some(session.page());
                if seen.insert(session.conversation.clone(), ()).is_some() || !self.is_latest(session).await? {
                    continue;
                }
                if conversations.len() == most {
                    return Ok(Conversations {
                        conversations,
                        more: true,
                    });
                }
                conversations.push(self.shown(session, None).await?);
            }
            if end || looked >= LOOKED_AT {
                return Ok(Conversations {
                    conversations,
                    more: !end,
                });
            }
        }
    }

    /// Whether no later session of the conversation stands on an earlier page.
    async fn is_latest(&self, session: &Session) -> Result<bool, Problem> {
        let filter = SessionFilter {
            conversation: Some(session.conversation.clone()),
            ..SessionFilter::default()
        };
        let latest = self.0.office.store.sessions(filter, None, 1).await?;
        Ok(latest.first().is_none_or(|latest| latest.id == session.id))
    }

    async fn search(&self, words: &str, most: usize) -> Result<Conversations, Problem> {
        let store = &self.0.office.store;
        let hits = store.search(words, None, MOST).await?;
        let more = hits.len() == MOST;
        let mut conversations: Vec<Conversation> = Vec::new();
        for hit in hits {
            let known = conversations.iter().any(|known| known.key == hit.conversation.as_str());
            if known || conversations.len() == most {
                continue;
            }
            let filter = SessionFilter {
                conversation: Some(hit.conversation.clone()),
                ..SessionFilter::default()
            };
            if let Some(session) = store.sessions(filter, None, 1).await?.first() {
                conversations.push(self.shown(session, Some(hit.snippet)).await?);
            }
        }
        Ok(Conversations { conversations, more })
    }

    async fn shown(&self, session: &Session, found: Option<String>) -> Result<Conversation, Problem> {
        let known = self.0.office.store.conversation(&session.conversation).await?;
        let set = known.map_or_else(Set::default, |known| Set::of(&known.state));
        Ok(Conversation {
            key: session.conversation.as_str().to_owned(),
            agent: session.agent.clone(),
            title: session.title.clone(),
            active_at: session.active_at.0,
            private: set.private,
            model: set.model,
            running: self.0.feed.runs(&session.conversation),
            cursor: format!("{}.{}", session.active_at.0, session.id),
            found,
        })
    }
}

/// The place of a [`Conversation::cursor`].
fn cursor(text: &str) -> Result<Page, Problem> {
    let parts = text.split_once('.');
    let parts = parts.and_then(|(at, id)| Some(Page::behind(yabby_core::Time(at.parse().ok()?), id)));
    parts.ok_or_else(|| Problem::bad_request("`before` is no cursor of this list"))
}
