//! What happens, as it happens: as server-sent events, or on a WebSocket.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{
        Query, State,
        rejection::QueryRejection,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code},
    },
    response::Response,
};
use futures_util::Stream;
use hyper::{
    StatusCode,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use yabby_core::SessionKey;

use super::{Desk, Problem};
use crate::{
    auth::{Caller, Signal, Visitor},
    feed::{Ears, Event, Line, Told},
    room::Stay,
};

/// A sign of life this often, so that nothing between takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);
/// A WebSocket says within this time who it is.
const FIRST: Duration = Duration::from_secs(10);
/// The longest message that a page sends on a WebSocket.
const LONGEST: usize = 4 << 10;
/// What is read of a WebSocket at once. A page says little, and thousands may be open.
const READ_AT_ONCE: usize = 512;
/// Why another page is told nothing.
const FULL: &str = "too many pages are open here";
/// A WebSocket is told so long why it is closed.
const BYE: Duration = Duration::from_secs(1);

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
    ears: Ears,
    conversation: Option<SessionKey>,
    /// What is older is in the snapshot.
    seen: u64,
    /// What is to be said before the next event.
    first: VecDeque<Line>,
    /// Of the end of the gateway.
    signal: watch::Receiver<Signal>,
    alive: Interval,
    _room: OwnedSemaphorePermit,
}

/// What is to be sent.
enum Said {
    Line(Line),
    /// Nothing but that this lives.
    Alive,
}

pub(super) async fn stream(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted?;
    let conversation = wanted.conversation.as_deref().map(Desk::key).transpose()?;
    let room = desk.0.room.events().ok_or_else(|| {
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many", FULL);
        full.with_hint("close some of them, or try again later")
    })?;
    let mut watcher = Watcher::new(&desk, room);
    watcher.watch(conversation);
    let mut response = Response::new(Body::from_stream(watcher.into_stream()));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache"),
        // A proxy that collects a stream before it passes it on would make it useless.
        (hyper::header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

pub(super) async fn socket(
    State(desk): State<Desk>,
    caller: Option<Extension<Caller>>,
    visitor: Option<Extension<Visitor>>,
    stay: Option<Extension<Stay>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let caller = caller.map(|Extension(caller)| caller);
    let visitor = visitor.map(|Extension(visitor)| visitor);
    let upgrade = upgrade
        .read_buffer_size(READ_AT_ONCE)
        .write_buffer_size(0)
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST);
    upgrade.on_upgrade(move |mut socket| async move {
        if let Some((code, why)) = attend(desk, &mut socket, caller, visitor).await {
            let _ = timeout(BYE, close(socket, code, why)).await;
        }
        // HTTP has handed the connection over.
        drop(stay);
    })
}

/// Tells a page what happens, until it leaves, or with why it is to be closed.
async fn attend(
    desk: Desk,
    socket: &mut WebSocket,
    caller: Option<Caller>,
    visitor: Option<Visitor>,
) -> Option<(u16, &'static str)> {
    let (caller, asks) = match admitted(&desk, socket, caller, visitor).await {
        Ok(admitted) => admitted,
        Err(why) => return Some((close_code::POLICY, why)),
    };
    let Some(room) = desk.0.room.events() else {
        return Some((close_code::AGAIN, FULL));
    };
    tokio::select! {
        // Also while the page takes nothing.
        () = caller.revoked() => Some((close_code::POLICY, "the key was revoked")),
        end = talk(socket, Watcher::new(&desk, room), &asks) => end,
    }
}

/// Whose key the first message brings, where the head has brought none, and what it asks for.
async fn admitted(
    desk: &Desk,
    socket: &mut WebSocket,
    caller: Option<Caller>,
    visitor: Option<Visitor>,
) -> Result<(Caller, Asks), &'static str> {
    let Ok(Some(asks)) = timeout(FIRST, asked(socket)).await else {
        return Err("the first message says {\"key\": …}");
    };
    let caller = match (caller, &visitor, &asks.key) {
        (None, Some(visitor), Some(key)) => desk.0.gate.admit(visitor, key).await,
        (caller, ..) => caller,
    };
    match caller.filter(Caller::may_operate) {
        Some(caller) => Ok((caller, asks)),
        None => Err("that is no key that may do this"),
    }
}

async fn talk(socket: &mut WebSocket, mut watcher: Watcher, asks: &Asks) -> Option<(u16, &'static str)> {
    if watcher.asked(asks).is_err() {
        return Some((close_code::POLICY, "that is no key of a conversation"));
    }
    loop {
        let message = tokio::select! {
            said = watcher.next() => match said {
                None => return Some((close_code::AWAY, "the gateway ends")),
                Some(Said::Alive) => Message::Ping(Bytes::new()),
                // It is JSON.
                Some(Said::Line(line)) => Message::Text(Utf8Bytes::try_from(line.json()).ok()?),
            },
            // Whoever asks again and again gets no more than it takes.
            asks = asked(socket), if watcher.first.is_empty() => {
                watcher.asked(&asks?).ok()?;
                continue;
            }
        };
        socket.send(message).await.ok()?;
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

/// Until the gateway ends.
async fn ended(signal: &mut watch::Receiver<Signal>) {
    // Where nobody is left to tell it, it has ended.
    let _ = signal.wait_for(|signal| signal.stop).await;
}

// === impl Watcher ===

impl Watcher {
    /// It says first who the gateway is.
    fn new(desk: &Desk, room: OwnedSemaphorePermit) -> Self {
        let mut ears = desk.0.feed.watch();
        let (_, seen) = ears.turn(None);
        let hello = Event::Hello {
            version: env!("CARGO_PKG_VERSION"),
            replica: desk.0.office.store.me().to_owned(),
        };
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ears,
            conversation: None,
            seen,
            first: [Line::new(seen, None, &hello)].into(),
            signal: desk.0.gate.signal(),
            alive,
            _room: room,
        }
    }

    fn asked(&mut self, asks: &Asks) -> Result<(), Problem> {
        let conversation = asks.conversation.as_deref().map(Desk::key).transpose()?;
        self.watch(conversation);
        Ok(())
    }

    /// From now on watches this conversation, beginning with what its running turn has brought so far.
    fn watch(&mut self, conversation: Option<SessionKey>) {
        let (turn, seq) = self.ears.turn(conversation.as_ref());
        if let Some(conversation) = &conversation {
            self.seen = seq;
            let snapshot = Event::Snapshot { turn };
            self.first.push_back(Line::new(seq, Some(conversation), &snapshot));
        }
        self.conversation = conversation;
    }

    /// What is to be sent next; nothing at the end of the gateway.
    async fn next(&mut self) -> Option<Said> {
        loop {
            if let Some(line) = self.first.pop_front() {
                return Some(Said::Line(line));
            }
            tokio::select! {
                told = self.ears.next() => match told {
                    Some(told) if self.concerns(&told) => return Some(Said::Line(told.line.clone())),
                    Some(_) => {}
                    None => self.has_missed(),
                },
                _ = self.alive.tick() => return Some(Said::Alive),
                () = ended(&mut self.signal) => return None,
            }
        }
    }

    /// It was too slow: what it has missed is in the entries and in the snapshot.
    fn has_missed(&mut self) {
        let conversation = self.conversation.clone();
        self.watch(conversation.clone());
        if let Some(conversation) = &conversation {
            let entries = Line::new(self.seen, Some(conversation), &Event::Entries);
            self.first.push_back(entries);
        }
        for event in [Event::Conversations, Event::Approvals] {
            self.first.push_back(Line::new(self.seen, None, &event));
        }
    }

    fn concerns(&self, told: &Told) -> bool {
        match &told.conversation {
            None => true,
            Some(conversation) => told.seq > self.seen && self.conversation.as_ref() == Some(conversation),
        }
    }

    /// As server-sent events.
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        futures_util::stream::unfold(self, async |mut watcher| {
            let bytes = match watcher.next().await? {
                Said::Line(line) => line.event(),
                Said::Alive => Bytes::from_static(b":\n\n"),
            };
            Some((Ok(bytes), watcher))
        })
    }
}
