//! What the handle and the connections share.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    control::at_start,
    embedding::Embedding,
    fault::Fault,
    hosted::Keys,
    http::{Answer, Request},
    kinds::ServerKind,
    log::Recorded,
    memory::Memory,
    reply::Reply,
};

/// What waits for the next model call.
#[derive(Clone, Debug)]
pub(crate) enum Queued {
    Reply(Reply),
    Answer(Answer),
}

/// A fault in force.
pub(crate) struct Active {
    pub(crate) fault: Fault,
    /// Requests that are left to it; without a number it stays.
    pub(crate) left: Option<usize>,
    pub(crate) until: Option<Instant>,
}

pub(crate) struct State {
    pub(crate) kind: ServerKind,
    pub(crate) models: Vec<String>,
    /// What is loaded, where the server loads models by itself.
    pub(crate) memory: Memory,
    pub(crate) load_time: Duration,
    /// Whether a call loads its model.
    pub(crate) on_demand: bool,
    pub(crate) asleep: bool,
    /// Slots that answer somebody else.
    pub(crate) others_busy: usize,
    /// A model that answers whatever was asked.
    pub(crate) served_as: Option<String>,
    pub(crate) chat: VecDeque<Queued>,
    pub(crate) responses: VecDeque<Queued>,
    pub(crate) messages: VecDeque<Queued>,
    pub(crate) any: VecDeque<Queued>,
    pub(crate) default_reply: Reply,
    pub(crate) routes: BTreeMap<String, Answer>,
    pub(crate) faults: Vec<Active>,
    pub(crate) api_key: Option<String>,
    pub(crate) keys: Keys,
    pub(crate) input_tokens: Option<u64>,
    /// What it makes of texts, where it has a model for that.
    pub(crate) embedding: Option<Embedding>,
    pub(crate) log: Vec<Recorded>,
    pub(crate) serial: u64,
    pub(crate) connections: u64,
    /// Who has connected, in order.
    pub(crate) peers: Vec<SocketAddr>,
    pub(crate) open: usize,
    pub(crate) busy: usize,
    pub(crate) busy_peak: usize,
}

impl State {
    fn new() -> Self {
        Self {
            kind: ServerKind::Plain,
            models: vec!["test-model".to_owned()],
            memory: Memory::default(),
            load_time: Duration::ZERO,
            on_demand: true,
            asleep: false,
            others_busy: 0,
            served_as: None,
            chat: VecDeque::new(),
            responses: VecDeque::new(),
            messages: VecDeque::new(),
            any: VecDeque::new(),
            default_reply: Reply::from("ok"),
            routes: BTreeMap::new(),
            faults: Vec::new(),
            api_key: None,
            keys: Keys::default(),
            input_tokens: None,
            embedding: None,
            log: Vec::new(),
            serial: 0,
            connections: 0,
            peers: Vec::new(),
            open: 0,
            busy: 0,
            busy_peak: 0,
        }
    }

    /// Starts anew as this kind with these models: what it has loaded then is what such a server begins with.
    pub(crate) fn restart(&mut self) {
        self.memory = Memory::default();
        self.asleep = false;
        if let Some(window) = at_start(&self.kind) {
            for model in &self.models {
                self.memory.load(model, window, Instant::now(), false);
            }
        }
    }

    /// The slots in use: by calls, and by somebody else.
    pub(crate) fn slots_in_use(&self) -> usize {
        self.busy + self.others_busy
    }

    /// The tokens of a request's prompt: as it was told, else four bytes each, as everybody estimates.
    pub(crate) fn prompt_tokens(&self, request: &Request) -> u64 {
        self.input_tokens
            .unwrap_or_else(|| (request.raw.len() as u64).div_ceil(4))
    }

    pub(crate) fn add_fault(&mut self, fault: Fault, left: Option<usize>) {
        let (left, until) = match fault {
            Fault::LoadingFor(count) => (Some(count), None),
            Fault::LoadingWhile(time) => (left, Some(Instant::now() + time)),
            _ => (left, None),
        };
        self.faults.push(Active { fault, left, until });
    }

    /// The first fault that concerns the request; it counts as used.
    pub(crate) fn take_fault(&mut self, request: &Request, model_call: bool) -> Option<Fault> {
        let now = Instant::now();
        self.faults
            .retain(|active| active.left != Some(0) && active.until.is_none_or(|until| now < until));
        let active = self
            .faults
            .iter_mut()
            .find(|active| active.fault.applies(&request.path, &request.body, model_call))?;
        if let Some(left) = &mut active.left {
            *left -= 1;
        }
        Some(active.fault.clone())
    }
}

/// The state behind its lock, and a bell that rings when it changes.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
            changed: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the state is as wanted; false when the time is over.
    pub(crate) async fn wait(&self, time: Duration, mut wanted: impl FnMut(&State) -> bool) -> bool {
        let waiting = async {
            loop {
                // Registered before the look, so that no change is missed.
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if wanted(&self.lock()) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(time, waiting).await.is_ok()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    pub(crate) fn connected(&self) -> u64 {
        self.change(|state| {
            state.open += 1;
            state.connections += 1;
            state.connections
        })
    }

    pub(crate) fn disconnected(&self) {
        self.change(|state| state.open -= 1);
    }

    /// Writes the request into the log; the number is its place there.
    pub(crate) fn record(&self, request: &Request, connection: u64) -> usize {
        self.change(|state| {
            state.log.push(Recorded {
                method: request.method.clone(),
                path: request.path.clone(),
                query: request.query.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
                raw: request.raw.clone(),
                connection,
                complete: false,
                closed_early: false,
                at: Instant::now(),
            });
            state.log.len() - 1
        })
    }

    pub(crate) fn answered(&self, place: usize, complete: bool, closed_early: bool) {
        self.change(|state| {
            if let Some(entry) = state.log.get_mut(place) {
                entry.complete = complete;
                entry.closed_early = closed_early;
            }
        });
    }

    pub(crate) fn begin_call(&self) {
        self.change(|state| {
            state.busy += 1;
            state.busy_peak = state.busy_peak.max(state.busy);
        });
    }

    pub(crate) fn end_call(&self) {
        self.change(|state| state.busy -= 1);
    }
}
