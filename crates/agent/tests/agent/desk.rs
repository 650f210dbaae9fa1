//! An assistant at work: a store in a folder, its loop, a scripted model, and what it has sent.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
};
use yabby_agent::{Assistant, Body, Frozen, Home, QueueMode, Rules, Served, Spawn, Wish};
use yabby_core::{
    Confidentiality, Integrity, Label, Lang, Origin, Peer, PeerKind, ResetPolicy, SessionKey, Time, Tool as Described,
};
use yabby_store::{
    Accepted, Access, ClaimedDelivery, Deliver, Deliveries, InboundState, Item, NewInbound, Pace, Place, Said, Sending,
    Store, Turns,
};
use yabby_tools::{At, Effect, Group, Manifest, Output, Registry, Returns, Tool, ToolError, ToolErrorKind};

use crate::script::Script;

/// What the tools of a test have done.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) noted: Arc<AtomicUsize>,
    pub(crate) ran: Arc<Mutex<Vec<String>>>,
    /// `slow` ends when it is told.
    pub(crate) slow: Arc<Notify>,
    /// Told when `slow` begins.
    pub(crate) began: Arc<Notify>,
}

/// An assistant at work.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) model: Script,
    pub(crate) assistant: Assistant,
    sent: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    loops: JoinSet<()>,
    told: usize,
}

struct Channel(Arc<Mutex<Vec<String>>>);

impl Deliver for Channel {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        // Only what goes to another place than the usual one says where.
        let to = match delivery.to.account.as_str() {
            "" => String::new(),
            account => format!(" to {account}"),
        };
        self.0.lock().unwrap().push(match &delivery.content {
            Said::Answer(text) => format!("answer{to}: {}", text.as_str()),
            Said::Notice(text) => format!("notice{to}: {}", text.render(Lang::En)),
        });
        Sending::Sent { receipt: None }
    }
}

/// Rules and tools of a test's agent.
struct Plain {
    rules: Rules,
    reset: ResetPolicy,
    tools: Registry,
}

impl Home for Plain {
    fn rules(&self, _agent: &str, _channel: &str) -> Rules {
        self.rules.clone()
    }

    fn reset(&self, _conversation: &SessionKey) -> ResetPolicy {
        self.reset
    }

    fn offset(&self, _at: Time) -> i32 {
        0
    }

    fn tools<'a>(&'a self, _agent: &'a str, _served: Option<&'a Served>) -> BoxFuture<'a, Registry> {
        let tools = self.tools.clone();
        async move { tools }.boxed()
    }

    fn frozen<'a>(
        &'a self,
        _conversation: &'a SessionKey,
        _wish: &'a Wish,
        served: &'a Served,
        tools: &'a Registry,
    ) -> BoxFuture<'a, Frozen> {
        let tools = tools.iter().map(|tool| tool.manifest().tool.clone()).collect();
        // Much of a large window is filled.
        let window = served.window.filter(|window| *window >= 100_000);
        let files = "f".repeat(window.unwrap_or(0) as usize / 2);
        async move {
            Frozen {
                system: format!("You are a test.{files}"),
                tools,
            }
        }
        .boxed()
    }

    fn aside(&self, _served: Option<&Served>, _at: Time) -> Option<String> {
        Some("[now]".to_owned())
    }

    fn next(&self, _cron: &str, after: Time) -> Option<Time> {
        Some(after + Duration::from_hours(1))
    }

    fn models(&self) -> Vec<String> {
        vec!["test/model".to_owned(), "test/other".to_owned()]
    }

    fn model(&self, name: &str) -> Option<String> {
        self.models().into_iter().find(|model| model.ends_with(name))
    }
}

type Does = Box<dyn Fn(World, Map<String, Value>) -> BoxFuture<'static, Result<Output, ToolError>> + Send + Sync>;

struct Small {
    manifest: Manifest,
    world: World,
    does: Does,
}

impl Tool for Small {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, _at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        (self.does)(self.world.clone(), arguments.clone())
    }
}

fn small(name: &str, effect: Effect, repeatable: bool, world: &World, does: Does) -> Arc<dyn Tool> {
    Arc::new(Small {
        manifest: Manifest {
            tool: Described {
                name: name.to_owned(),
                description: format!("does {name}"),
                parameters: json!({"type": "object"}),
            },
            effect,
            sinks: Vec::new(),
            returns: if effect == Effect::Read {
                Returns::Foreign
            } else {
                Returns::Own
            },
            repeatable,
            group: Group::Runtime,
            core: true,
        },
        world: world.clone(),
        does,
    })
}

fn tools(world: &World) -> Registry {
    let word = |arguments: &Map<String, Value>| arguments.get("x").map(Value::to_string).unwrap_or_default();
    Registry::new([
        small(
            "look",
            Effect::Read,
            true,
            world,
            Box::new(move |_, arguments| async move { Ok(Output::text(format!("seen {}", word(&arguments)))) }.boxed()),
        ),
        fetch(world),
        small(
            "fail",
            Effect::Read,
            true,
            world,
            Box::new(|_, _| async { Err(ToolError::new(ToolErrorKind::NotFound, "there is no such thing")) }.boxed()),
        ),
        small(
            "note",
            Effect::Write,
            false,
            world,
            Box::new(|world, _| {
                async move {
                    Ok(Output::text(format!(
                        "noted {}",
                        world.noted.fetch_add(1, Ordering::SeqCst) + 1
                    )))
                }
                .boxed()
            }),
        ),
        small(
            "exec",
            Effect::Exec,
            false,
            world,
            Box::new(|world, arguments| {
                async move {
                    let command = arguments["command"].as_str().unwrap_or_default().to_owned();
                    world.ran.lock().unwrap().push(command.clone());
                    Ok(Output::text(format!("ran {command}")))
                }
                .boxed()
            }),
        ),
        small("slow", Effect::Write, false, world, slow()),
        small("patient", Effect::Write, true, world, slow()),
        Arc::new(Spawn::default()),
    ])
    .unwrap()
}

/// Reads somewhere else, which is told what is read.
fn fetch(world: &World) -> Arc<dyn Tool> {
    let does: Does = Box::new(|world, arguments| {
        async move {
            let url = arguments["url"].as_str().unwrap_or_default().to_owned();
            world.ran.lock().unwrap().push(url);
            Ok(Output::text("a page"))
        }
        .boxed()
    });
    Arc::new(Small {
        manifest: Manifest {
            tool: Described {
                name: "fetch".to_owned(),
                description: "does fetch".to_owned(),
                parameters: json!({"type": "object"}),
            },
            effect: Effect::Read,
            sinks: vec!["url".to_owned()],
            returns: Returns::Foreign,
            repeatable: true,
            group: Group::Web,
            core: true,
        },
        world: world.clone(),
        does,
    })
}

fn slow() -> Does {
    Box::new(|world, _| {
        async move {
            world.noted.fetch_add(1, Ordering::SeqCst);
            world.began.notify_one();
            world.slow.notified().await;
            Ok(Output::text("slowly done"))
        }
        .boxed()
    })
}

impl Desk {
    pub(crate) async fn open(folder: &Path, model: Script, rules: Rules) -> Self {
        Self::open_in(folder, model, rules, World::default()).await
    }

    pub(crate) async fn open_in(folder: &Path, model: Script, rules: Rules, world: World) -> Self {
        let place = Place::Folder(folder.to_owned());
        Self::open_at(&place, model, (rules, ResetPolicy::default()), world).await
    }

    pub(crate) async fn open_at(
        place: &Place,
        model: Script,
        (rules, reset): (Rules, ResetPolicy),
        world: World,
    ) -> Self {
        let store = Store::open(place, Access::Write).await.unwrap();
        let home = Plain {
            rules,
            reset,
            tools: tools(&world),
        };
        let assistant = Assistant::new(Arc::new(model.clone()), Arc::new(home));
        let sent = Arc::<Mutex<Vec<String>>>::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let pace = Pace {
            drain: Duration::ZERO,
            ..Pace::default()
        };
        let turns = Turns::new(store.clone(), assistant.clone(), pace.clone());
        let deliveries = Deliveries::new(store.clone(), Channel(Arc::clone(&sent)), pace);
        let one = stopped.map(drop).shared();
        let two = one.clone();
        let mut loops = JoinSet::new();
        loops.spawn(async move {
            tokio::join!(turns.run(one), deliveries.run(two));
        });
        Self {
            store,
            world,
            model,
            assistant,
            sent,
            stop: Some(stop),
            loops,
            told: 0,
        }
    }

    /// The owner says something; its number in the inbox.
    pub(crate) async fn say(&mut self, text: &str) -> i64 {
        self.say_as(text, Integrity::Owner).await
    }

    pub(crate) async fn say_as(&mut self, text: &str, who: Integrity) -> i64 {
        let label = Label::new(who, Confidentiality::Private, "test");
        let new = NewInbound {
            label,
            ..self.message(text)
        };
        self.accept(new).await
    }

    /// The owner says something somewhere else.
    pub(crate) async fn say_at(&mut self, account: &str, text: &str) -> i64 {
        let new = NewInbound {
            origin: at(account),
            ..self.message(text)
        };
        self.accept(new).await
    }

    /// A message of the owner.
    pub(crate) fn message(&mut self, text: &str) -> NewInbound {
        self.told += 1;
        NewInbound {
            message: yabby_store::new_id(),
            origin: origin(),
            conversation: key(),
            received_at: Time(1_000_000 + i64::try_from(self.told).unwrap()),
            body: Body::text(text).to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
        }
    }

    /// Something comes in; its number in the inbox.
    pub(crate) async fn accept(&self, new: NewInbound) -> i64 {
        match self.store.accept(new).await.unwrap() {
            Accepted::New { id } | Accepted::Known { id, .. } => id,
        }
    }

    /// Says something and waits until it was dealt with; what was sent meanwhile.
    pub(crate) async fn ask(&mut self, text: &str) -> Vec<String> {
        let id = self.say(text).await;
        self.ended(id).await;
        self.sent().await
    }

    /// Waits until a message was dealt with.
    pub(crate) async fn ended(&self, id: i64) {
        until(async || {
            let (_, state) = self.store.inbound(id).await.unwrap().unwrap();
            matches!(state, InboundState::Done | InboundState::Dead)
        })
        .await;
    }

    /// What was sent since this was last asked, once all of it is out.
    pub(crate) async fn sent(&self) -> Vec<String> {
        until(async || self.store.overview().await.unwrap().waiting_out == 0).await;
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// Waits until so many messages were sent.
    pub(crate) async fn sent_so_many(&self, count: usize) {
        until(async || self.sent.lock().unwrap().len() >= count).await;
    }

    /// The items of the conversation's session.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let session = self.store.conversation(&key()).await.unwrap().unwrap().session.unwrap();
        self.store.items(&session, 0, 1_000).await.unwrap()
    }

    /// Ends at once, as a process that is killed does; what is in the folder stays.
    pub(crate) async fn kill(mut self) {
        self.loops.shutdown().await;
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

pub(crate) fn key() -> SessionKey {
    SessionKey::main("main")
}

/// Where the owner is.
pub(crate) fn origin() -> Origin {
    Origin {
        channel: "test".to_owned(),
        account: None,
        peer: Peer {
            kind: PeerKind::Direct,
            id: "owner".to_owned(),
        },
        thread: None,
        sender: Some("owner".to_owned()),
    }
}

/// Another place where the owner is.
pub(crate) fn at(account: &str) -> Origin {
    Origin {
        account: Some(account.to_owned()),
        ..origin()
    }
}

pub(crate) fn queue(mode: QueueMode) -> Rules {
    Rules {
        queue: mode,
        ..Rules::default()
    }
}

/// Waits, 20 seconds at the most.
pub(crate) async fn until(mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it has not come to that in 20 seconds");
}
