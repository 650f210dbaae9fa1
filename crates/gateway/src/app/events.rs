//! What happens, as it happens: as server-sent events, or on a WebSocket.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{
        Query, State,
        rejection::QueryRejection,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Frame, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{interval, timeout},
};
use yabby_core::SessionKey;

use super::{Desk, Problem};
use crate::{
    auth::{Caller, Visitor},
    feed::{self, Event, Told},
};

/// A sign of life this often, so that nothing between takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);
/// A WebSocket says within this time who it is.
const FIRST: Duration = Duration::from_secs(10);
/// The longest message that a page sends on a WebSocket.
const LONGEST: usize = 4 << 10;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    conversation: Option<String>,
}

/// What a page says on a WebSocket.
#[derive(Deserialize)]
struct Asks {
    #[serde(alias = "watch")]
    conversation: Option<String>,
    /// Of a browser, which cannot send it with a head; in the first message.
    key: Option<String>,
}

/// The events of whoever watches one conversation.
struct Watcher {
    desk: Desk,
    events: Receiver<Arc<Told>>,
    conversation: Option<SessionKey>,
    /// What is older is in the snapshot.
    seen: u64,
    /// What is to be said before the next event.
    first: Vec<String>,
}

pub(super) async fn stream(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted?;
    let conversation = wanted.conversation.as_deref().map(Desk::key).transpose()?;
    let mut watcher = Watcher::new(desk);
    watcher.hello();
    watcher.watch(conversation);
    let frames = watcher
        .into_stream()
        .map(|json| Ok::<_, Infallible>(Frame::default().data(json)));
    let mut response = Sse::new(frames)
        .keep_alive(KeepAlive::new().interval(ALIVE))
        .into_response();
    let headers = response.headers_mut();
    // A proxy that collects a stream before it passes it on would make it useless.
    headers.insert("x-accel-buffering", hyper::header::HeaderValue::from_static("no"));
    Ok(response)
}

pub(super) async fn socket(
    State(desk): State<Desk>,
    caller: Option<Extension<Caller>>,
    visitor: Option<Extension<Visitor>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let caller = caller.map(|Extension(caller)| caller);
    let visitor = visitor.map(|Extension(visitor)| visitor);
    upgrade
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST)
        .on_upgrade(move |socket| talk(desk, socket, caller, visitor))
}

async fn talk(desk: Desk, mut socket: WebSocket, caller: Option<Caller>, visitor: Option<Visitor>) {
    let Ok(Some(asks)) = timeout(FIRST, asked(&mut socket)).await else {
        return close(socket, close_code::POLICY, "the first message says {\"key\": …}").await;
    };
    let shown = || desk.0.gate.admit(visitor?, asks.key.as_deref()?);
    let Some(caller) = caller.or_else(shown).filter(Caller::may_operate) else {
        return close(socket, close_code::POLICY, "that is no key that may do this").await;
    };
    let mut watcher = Watcher::new(desk);
    watcher.hello();
    if watcher.asked(&asks).is_err() {
        return close(socket, close_code::POLICY, "that is no key of a conversation").await;
    }
    let mut alive = interval(ALIVE);
    loop {
        let told = tokio::select! {
            json = watcher.next() => match json {
                Some(json) => socket.send(Message::text(json)).await,
                None => return,
            },
            asks = asked(&mut socket) => match asks {
                Some(asks) if watcher.asked(&asks).is_ok() => Ok(()),
                _ => return,
            },
            () = caller.revoked() => {
                return close(socket, close_code::POLICY, "the key was revoked").await;
            }
            _ = alive.tick() => socket.send(Message::Ping(Default::default())).await,
        };
        if told.is_err() {
            return;
        }
    }
}

/// The next thing that a page says; nothing when it has left or speaks otherwise.
async fn asked(socket: &mut WebSocket) -> Option<Asks> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // It may have left already.
    let _ = socket.send(Message::Close(Some(frame))).await;
}

// === impl Watcher ===

impl Watcher {
    fn new(desk: Desk) -> Self {
        let events = desk.0.feed.watch();
        Self {
            desk,
            events,
            conversation: None,
            seen: 0,
            first: Vec::new(),
        }
    }

    fn hello(&mut self) {
        let hello = Event::Hello {
            version: env!("CARGO_PKG_VERSION"),
            replica: self.desk.0.office.store.me().to_owned(),
        };
        self.first.push(feed::json(self.seen, None, &hello));
    }

    fn asked(&mut self, asks: &Asks) -> Result<(), Problem> {
        let conversation = asks.conversation.as_deref().map(Desk::key).transpose()?;
        self.watch(conversation);
        Ok(())
    }

    /// From now on watches this conversation, beginning with what its running turn has brought so far.
    fn watch(&mut self, conversation: Option<SessionKey>) {
        self.conversation = conversation;
        if let Some(conversation) = &self.conversation {
            let (turn, seq) = self.desk.0.feed.running(conversation);
            self.seen = seq;
            let snapshot = Event::Snapshot { turn };
            self.first.push(feed::json(seq, Some(conversation), &snapshot));
        }
    }

    /// The next event, as JSON; nothing at the end of the gateway.
    async fn next(&mut self) -> Option<String> {
        loop {
            if !self.first.is_empty() {
                return Some(self.first.remove(0));
            }
            match self.events.recv().await {
                Ok(told) if self.concerns(&told) => return Some(told.json.clone()),
                Ok(_) => {}
                // It was too slow: what it has missed is in the entries and in the snapshot.
                Err(RecvError::Lagged(_)) => {
                    if let Some(conversation) = self.conversation.clone() {
                        self.watch(Some(conversation.clone()));
                        self.first
                            .push(feed::json(self.seen, Some(&conversation), &Event::Entries));
                    }
                    self.first.push(feed::json(self.seen, None, &Event::Conversations));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn concerns(&self, told: &Told) -> bool {
        match &told.conversation {
            None => true,
            Some(conversation) => told.seq > self.seen && self.conversation.as_ref() == Some(conversation),
        }
    }

    fn into_stream(self) -> impl Stream<Item = String> {
        futures_util::stream::unfold(self, async |mut watcher| {
            let json = watcher.next().await?;
            Some((json, watcher))
        })
    }
}
