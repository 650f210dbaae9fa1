//! What was said in a conversation, as people read it.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yabby_agent::Note;
use yabby_core::{Image, Integrity, Message};
use yabby_store::{Content, Item};

use super::{Answer, Desk, Problem};
use crate::feed::{Question, Running, Words, attempt};

const USUAL: usize = 100;
const MOST: usize = 500;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    before: Option<u64>,
    /// Only what is new since this number of `session`; the latest of the present session when it is another one by now.
    after: Option<u64>,
    session: Option<String>,
    limit: Option<usize>,
}

/// Which items of a session.
enum Part {
    Last,
    Before(u64),
    After(u64),
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Entries {
    #[serde(rename = "entries")]
    list: Vec<Entry>,
    /// Whether there are more: earlier ones, or, of those that were wanted after a number, later ones.
    more: bool,
    /// The session that they stand in; null where nothing was said yet.
    session: Option<String>,
    /// The first number that was looked at, also where people are shown nothing of it: `before` goes on from there.
    first: Option<u64>,
    /// The last one, from which `after` goes on.
    last: Option<u64>,
    turn: Option<Running>,
    /// The number of the last event that is in `turn`.
    event: u64,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    Assistant,
    Tool,
    Notice,
    Summary,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unworked {
    Failed,
    Denied,
    Expired,
    NotRun,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Picture {
    media_type: &'static str,
    data: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Call {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Map<String, Value>>,
}

/// One thing that was said or done.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Entry {
    seq: u64,
    id: String,
    at: i64,
    turn: Option<String>,
    kind: Kind,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Words>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Picture>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Call>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Value>,
    /// The question that a notice is.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Question>,
    /// How a call has ended that did not do what it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Unworked>,
}

pub(super) async fn list(
    State(desk): State<Desk>,
    Path(key): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Entries> {
    let (key, Query(wanted)) = (Desk::key(&key)?, wanted?);
    let most = wanted.limit.unwrap_or(USUAL).clamp(1, MOST);
    if wanted.after.is_some() && (wanted.before.is_some() || wanted.session.is_none()) {
        let problem = Problem::bad_request("`after` goes with `session`, and not with `before`");
        return Err(problem.with_hint("`session` stands in the answer that had the last entry that is known"));
    }
    // Before the items: what the turn adds meanwhile comes with an event behind this number.
    let (turn, event) = desk.0.feed.running(&key);
    let store = &desk.0.office.store;
    let session = store.conversation(&key).await?.and_then(|known| known.session);
    let Some(session) = session else {
        return Ok(Json(Entries {
            list: Vec::new(),
            more: false,
            session: None,
            first: None,
            last: None,
            turn,
            event,
        }));
    };
    let (items, more) = desk.items(&session, wanted.part(&session), most).await?;
    let mut list = Vec::with_capacity(items.len());
    for item in &items {
        mark(&mut list, item);
        let Some(mut entry) = entry(item) else { continue };
        if let Some(id) = asked(item) {
            entry.approval = store.approval(&id).await?.as_ref().map(Question::of);
        }
        list.push(entry);
    }
    let last = items.last().map(|item| item.seq);
    if let (Some(last), Some(true)) = (last, list.last().map(|entry| entry.kind == Kind::Tool)) {
        // How a call has ended stands right behind its result, where the page may be cut.
        for item in &store.items(&session, last.saturating_add(1), 1).await? {
            mark(&mut list, item);
        }
    }
    Ok(Json(Entries {
        list,
        more,
        first: items.first().map(|item| item.seq),
        last,
        session: Some(session),
        turn,
        event,
    }))
}

impl Wanted {
    /// What is wanted of the present session.
    fn part(&self, session: &str) -> Part {
        match (self.before, self.after) {
            (Some(before), _) => Part::Before(before),
            // Numbers of another session say nothing here.
            (None, Some(after)) if self.session.as_deref() == Some(session) => Part::After(after),
            (None, _) => Part::Last,
        }
    }
}

impl Entry {
    fn is_of(&self, call: &str) -> bool {
        self.call.as_ref().is_some_and(|own| own.id == call)
    }
}

impl From<yabby_agent::Unworked> for Unworked {
    fn from(how: yabby_agent::Unworked) -> Self {
        match how {
            yabby_agent::Unworked::Failed => Self::Failed,
            yabby_agent::Unworked::Denied => Self::Denied,
            yabby_agent::Unworked::Expired => Self::Expired,
            yabby_agent::Unworked::NotRun => Self::NotRun,
        }
    }
}

impl Desk {
    /// A part of a session, and whether there is more of it.
    async fn items(&self, session: &str, part: Part, most: usize) -> Result<(Vec<Item>, bool), Problem> {
        let store = &self.0.office.store;
        let items = match part {
            Part::Last => store.last_items(session, most).await?,
            Part::Before(before) => {
                let from = before.saturating_sub(most as u64);
                let count = usize::try_from(before - from).unwrap_or(most);
                store.items(session, from, count).await?
            }
            Part::After(after) => {
                let mut items = store.items(session, after.saturating_add(1), most + 1).await?;
                let more = items.len() > most;
                items.truncate(most);
                return Ok((items, more));
            }
        };
        let more = items.first().is_some_and(|first| first.seq > 0);
        Ok((items, more))
    }
}

/// Puts it to the result of its call where an item says how that has ended.
fn mark(list: &mut [Entry], item: &Item) {
    if let Some(Note::Unworked { call, how }) = Note::of(&item.item.content) {
        let of_call = |entry: &&mut Entry| entry.kind == Kind::Tool && entry.is_of(&call);
        if let Some(result) = list.iter_mut().rev().find(of_call) {
            result.state = Some(how.into());
        }
    }
}

/// An item as people read it; nothing for what only the model is told.
fn entry(item: &Item) -> Option<Entry> {
    let new = |kind, text: &str| Entry {
        seq: item.seq,
        id: item.item.id.clone(),
        at: item.item.at.0,
        turn: item.item.turn.clone(),
        kind,
        text: text.to_owned(),
        words: None,
        images: Vec::new(),
        calls: Vec::new(),
        call: None,
        attempts: Vec::new(),
        approval: None,
        state: None,
    };
    Some(match &item.item.content {
        Content::Message { message } => match message {
            Message::User { text, images } => {
                // Pictures of a tool's result are a message of a person to the model alone.
                let of_tool = item.item.id.ends_with("/pictures") && item.item.label.integrity != Integrity::Owner;
                Entry {
                    images: images.iter().map(picture).collect(),
                    ..new(if of_tool { Kind::Tool } else { Kind::User }, text)
                }
            }
            Message::Assistant { text, tool_calls, .. } => Entry {
                calls: tool_calls
                    .iter()
                    .map(|call| Call {
                        id: call.id.clone(),
                        name: call.name.clone(),
                        arguments: Some(call.arguments.clone()),
                    })
                    .collect(),
                attempts: item.item.attempts.iter().map(attempt).collect(),
                ..new(Kind::Assistant, text)
            },
            Message::ToolResult { call_id, name, content } => Entry {
                call: Some(Call {
                    id: call_id.clone(),
                    name: name.clone(),
                    arguments: None,
                }),
                ..new(Kind::Tool, content)
            },
        },
        Content::Summary { text, .. } => new(Kind::Summary, text),
        content @ Content::Note { .. } => match Note::of(content)? {
            Note::Told { text, .. } => {
                let words = Words::of(&text);
                Entry {
                    text: words.english().to_owned(),
                    words: Some(words.clone()),
                    ..new(Kind::Notice, "")
                }
            }
            Note::Unanswered { text, seen } => {
                let shown = seen.unwrap_or(text);
                if shown.trim().is_empty() {
                    return None;
                }
                new(Kind::Assistant, &shown)
            }
            _ => return None,
        },
    })
}

/// The id of the question to the owner that an item is.
fn asked(item: &Item) -> Option<String> {
    match Note::of(&item.item.content)? {
        Note::Told { asks, .. } => asks,
        _ => None,
    }
}

fn picture(image: &Image) -> Picture {
    Picture {
        media_type: image.media_type.name(),
        data: image.base64().to_owned(),
    }
}
