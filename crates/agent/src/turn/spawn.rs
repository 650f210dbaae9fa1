//! Sub-tasks: a turn of its own, with a narrower choice of tools and a conversation that only it sees.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};
use yabby_core::{Label, Message, Priority, SessionKey, Tool as Described};
use yabby_store::{Content, Item, Lease, Said, StoreError, StoreErrorKind};
use yabby_tools::{At, Effect, Group, Manifest, Output, Registry, Returns, Tool, ToolError, ToolErrorKind};

use super::{
    asking, item, moment,
    scene::{Scene, shown},
    work::Work,
};
use crate::{Limits, Note, Pending, Toolset};

/// The name of the tool.
pub(super) const NAME: &str = "spawn";
/// How long the conversation of a sub-task is leased, each time.
const LEASE: Duration = Duration::from_mins(1);
/// What a sub-task may use of its turn.
const STEPS: usize = 15;

/// The tool as a model sees it. It is run by the turn itself, which is what a sub-task needs.
#[derive(Debug)]
pub struct Spawn(Manifest);

impl Default for Spawn {
    fn default() -> Self {
        Self(Manifest {
            tool: Described {
                name: NAME.to_owned(),
                description: "Give a self-contained task that needs much reading to a helper with its own context. It \
                              only sees the task, and can read and write but not run programs or send. Returns its \
                              report."
                    .to_owned(),
                parameters: json!({
                    "type": "object",
                    "properties": {
                        "task": {"type": "string", "description": "All that it needs to know"},
                        "tools": {"type": "array", "items": {"type": "string"}, "description": "Only these tools"}
                    },
                    "required": ["task"]
                }),
            },
            effect: Effect::Read,
            sinks: Vec::new(),
            returns: Returns::Own,
            // It goes on where it was.
            repeatable: true,
            group: Group::Sessions,
            core: false,
        })
    }
}

impl Tool for Spawn {
    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn run<'a>(&'a self, _arguments: &'a Map<String, Value>, _at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let outside = ToolError::new(ToolErrorKind::Unavailable, "a sub-task needs a turn to belong to");
        async { Err(outside) }.boxed()
    }
}

/// What came of a sub-task.
pub(super) struct Report {
    pub(super) text: String,
    pub(super) label: Label,
}

impl Scene<'_> {
    /// Does a sub-task to its end.
    pub(super) fn spawn<'a>(
        &'a self,
        pending: &'a Pending,
        arguments: &'a Map<String, Value>,
        label: &'a Label,
    ) -> BoxFuture<'a, Result<Result<Report, ToolError>, StoreError>> {
        async move {
            let task = arguments.get("task").and_then(Value::as_str);
            let Some(task) = task.filter(|task| !task.trim().is_empty()) else {
                let error = ToolError::new(ToolErrorKind::Invalid, "give the task, as text");
                return Ok(Err(error));
            };
            let name = asking::id(&pending.key);
            let Ok(conversation) = SessionKey::within(&self.wish.agent, &format!("subagent:{name}")) else {
                return Ok(Err(ToolError::new(ToolErrorKind::Failed, "it cannot be named")));
            };
            let Some(held) = self.store.hold(conversation.as_str(), LEASE).await? else {
                let error = ToolError::new(ToolErrorKind::Unavailable, "this very task is being done already");
                return Ok(Err(error));
            };
            let done = self.sub_turn((pending, arguments), label, task, (conversation, held.lease().clone()));
            let mut done = std::pin::pin!(done);
            let mut renew = interval(LEASE / 3);
            renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let report = loop {
                tokio::select! {
                    report = &mut done => break report,
                    _ = renew.tick() => {
                        // When the database is away it is tried again: what is written says whether another has taken over.
                        if let Err(error) = self.store.renew(held.lease(), LEASE).await
                            && error.kind == StoreErrorKind::Fenced
                        {
                            return Err(error);
                        }
                    }
                }
            };
            held.release().await?;
            report.map(Ok)
        }
        .boxed()
    }

    async fn sub_turn(
        &self,
        (pending, arguments): (&Pending, &Map<String, Value>),
        label: &Label,
        task: &str,
        (conversation, lease): (SessionKey, Lease),
    ) -> Result<Report, StoreError> {
        let turn = format!("{}/spawn", pending.key);
        let session = format!("{turn}-s");
        let begun = self
            .store
            .begin_session(&lease, None, "spawn", (&session, moment()))
            .await?;
        let mut rules = self.rules.clone();
        rules.limits = Limits {
            steps: STEPS,
            time: rules.helpers.time.unwrap_or(rules.limits.time),
            ..rules.limits
        };
        let mut wish = self.wish.clone();
        wish.thinking = rules.helpers.thinking.or(wish.thinking);
        wish.session = conversation.as_str().to_owned();
        wish.priority = wish.priority.max(Priority::ToolLoop);
        let (mut served, mut registry) = (self.served.clone(), self.registry.clone());
        if rules.helpers.model.is_some() {
            wish.model.clone_from(&rules.helpers.model);
            served = self.assistant.model.served(&wish).await.ok();
            registry = self.assistant.home.tools(&wish.agent, served.as_ref()).await;
        }
        let registry = narrower(&registry.chosen(&rules.helpers.tools), arguments.get("tools"));
        let scene = Scene {
            assistant: self.assistant,
            store: self.store.clone(),
            lease,
            conversation,
            origin: self.origin.clone(),
            owners: self.owners,
            session: begun,
            turn: turn.clone(),
            reply: turn.clone(),
            message: 0,
            state: self.state.clone(),
            rules,
            tools: Toolset::new(registry.clone(), &[]),
            registry,
            alone: true,
            wish,
            served,
            began: Instant::now(),
        };
        let said = Content::Message {
            message: Message::user(task),
        };
        scene
            .append(vec![item(format!("{turn}/said"), &turn, said, label.clone())])
            .await?;
        let mut work = Work::new(scene);
        let ending = work.run().await?;
        let items = work.scene.store.context(&work.scene.session.id).await?;
        let text = ending.says.into_iter().map(|said| match said {
            Said::Answer(text) => text.into_string(),
            Said::Notice(notice) => format!("[{}]", notice.english()),
        });
        let text: Vec<String> = text.collect();
        work.scene.append(ending.items).await?;
        let text = if text.is_empty() {
            // It has come to its end before, and then something died over its report.
            reported(&items)
        } else {
            text.join("\n")
        };
        Ok(Report {
            text,
            label: shown(&items).join(label),
        })
    }
}

/// What a task that has ended has come to.
fn reported(items: &[Item]) -> String {
    let last = items.iter().rev().find_map(|item| match &item.item.content {
        Content::Message {
            message: Message::Assistant { text, .. },
        } => Some(text.clone()),
        content => match Note::of(content) {
            Some(Note::Unanswered { text, .. }) if !text.is_empty() => Some(text),
            Some(Note::Unanswered { .. }) => Some("[it came to no answer]".to_owned()),
            _ => None,
        },
    });
    last.unwrap_or_default()
}

/// What a sub-task may use: of what its turn has, what asks nobody and spawns nothing, and only what was named.
fn narrower(registry: &Registry, named: Option<&Value>) -> Registry {
    let named: Option<Vec<&str>> = named
        .and_then(Value::as_array)
        .map(|named| named.iter().filter_map(Value::as_str).collect());
    let tools = registry.iter().filter(|tool| {
        let manifest = tool.manifest();
        let name = manifest.tool.name.as_str();
        name != NAME
            && manifest.effect <= Effect::Write
            && named
                .as_ref()
                .is_none_or(|named| named.is_empty() || named.contains(&name))
    });
    // Their names differ: they come from a registry.
    Registry::new(tools.cloned()).unwrap_or_default()
}
