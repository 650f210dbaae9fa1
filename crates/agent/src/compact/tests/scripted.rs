//! A model that answers from a script, and a session in a store.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tempfile::TempDir;
use yabby_core::{
    EndReason, Exactness, ModelEvent, ModelRef, ModelRequest, SessionKey, TokenCount, Unfinished, Usage, Zone,
};
use yabby_route::{Answer, PlanError, RouteEvent, RouteFailure};
use yabby_store::{Access, Item, Lease, NewItem, Place, Store, new_id};

use super::talk::NOW;
use crate::{
    Model, Served, Wish,
    compact::{CompactError, Compacted, Need, Ruler, Settings, Site, compact},
};

/// What it says when it is asked.
#[derive(Clone)]
pub(crate) enum Says {
    Text(String),
    Fails,
    Never,
}

/// It counts as is usual.
pub(crate) struct Scripted {
    pub(crate) window: Option<u32>,
    says: Mutex<VecDeque<Says>>,
    pub(crate) asked: Mutex<Vec<ModelRequest>>,
}

impl Scripted {
    pub(crate) fn new(window: Option<u32>, says: impl IntoIterator<Item = Says>) -> Self {
        Self {
            window,
            says: Mutex::new(says.into_iter().collect()),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn asked(&self) -> Vec<ModelRequest> {
        self.asked.lock().unwrap().clone()
    }
}

impl Model for Scripted {
    fn served<'a>(&'a self, _: &'a Wish) -> BoxFuture<'a, Result<Served, PlanError>> {
        let served = Served {
            model: model(),
            window: self.window,
            prefill: None,
            slots: None,
        };
        async { Ok(served) }.boxed()
    }

    fn estimate(&self, _: &Wish, request: &ModelRequest) -> u32 {
        Ruler::default().request(request)
    }

    fn count<'a>(&'a self, _: &'a Wish, request: &'a ModelRequest) -> BoxFuture<'a, TokenCount> {
        let tokens = Ruler::default().request(request);
        let exactness = Exactness::Estimated;
        async move { TokenCount { tokens, exactness } }.boxed()
    }

    fn answer<'a>(&'a self, _: &'a Wish, request: ModelRequest) -> BoxStream<'a, RouteEvent> {
        self.asked.lock().unwrap().push(request);
        let says = self.says.lock().unwrap().pop_front().expect("it is asked too often");
        match says {
            Says::Text(text) => stream::iter([RouteEvent::Trying(model()), done(text)]).boxed(),
            Says::Fails => stream::iter([RouteEvent::Failed(RouteFailure {
                errors: Vec::new(),
                attempts: Vec::new(),
                partial: String::new(),
            })])
            .boxed(),
            Says::Never => stream::pending().boxed(),
        }
    }
}

fn model() -> ModelRef {
    "p/m".parse().unwrap()
}

fn done(text: String) -> RouteEvent {
    let mut unfinished = Unfinished::default();
    unfinished.push(&ModelEvent::Text(text));
    let (text, end) = unfinished.push(&ModelEvent::End(EndReason::Stop)).unwrap();
    RouteEvent::Done(Answer {
        text,
        tool_calls: Vec::new(),
        malformed_calls: Vec::new(),
        opaque: Vec::new(),
        model: model(),
        zone: Zone::Machine,
        served_by: None,
        end,
        usage: Usage::default(),
        cost: None,
        attempts: Vec::new(),
        considered: Vec::new(),
        errors: Vec::new(),
    })
}

/// A session in a store of its own.
pub(crate) struct Scene {
    _folder: TempDir,
    pub(crate) store: Store,
    pub(crate) lease: Lease,
    pub(crate) session: String,
}

pub(crate) fn key(name: &str) -> SessionKey {
    SessionKey::within("main", name).unwrap()
}

impl Scene {
    pub(crate) async fn with(items: Vec<NewItem>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Folder(folder.path().join("store")), Access::Write)
            .await
            .unwrap();
        let (lease, session) = begin(&store, "c").await;
        store.append(&lease, &session, items).await.unwrap();
        Self {
            _folder: folder,
            store,
            lease,
            session,
        }
    }

    pub(crate) async fn compact(
        &self,
        model: &Scripted,
        turn: &str,
        need: Need,
        settings: &Settings,
    ) -> Result<Compacted, CompactError> {
        let site = Site {
            model,
            wish: &Wish::default(),
            store: &self.store,
            lease: &self.lease,
            session: &self.session,
            turn: Some(turn),
            now: NOW,
        };
        compact(site, &need, settings).await
    }

    pub(crate) async fn shown(&self) -> Vec<Item> {
        self.store.context(&self.session).await.unwrap()
    }
}

/// Begins a session of a conversation.
pub(crate) async fn begin(store: &Store, name: &str) -> (Lease, String) {
    let lease = store
        .lease_conversation(key(name).as_str(), Duration::from_mins(1))
        .await
        .unwrap()
        .expect("a lease");
    let session = new_id();
    store.begin_session(&lease, None, "new", (&session, NOW)).await.unwrap();
    (lease, session)
}
