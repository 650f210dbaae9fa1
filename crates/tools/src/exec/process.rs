//! `process`: what runs in the background.

use std::{fmt::Write, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{io::AsyncWriteExt, time::timeout};
use yabby_core::text;

use super::{Shared, processes::Entry};
use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind, arguments::arguments};

/// Room for the line about the program.
const NOTE: usize = 120;
/// So much of a command is shown in a list.
const COMMAND: usize = 80;

pub(super) struct Process {
    manifest: Manifest,
    shared: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    action: Action,
    #[serde(alias = "sessionId")]
    id: Option<String>,
    offset: Option<usize>,
    #[serde(alias = "data")]
    input: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Poll,
    Log,
    Write,
    Kill,
}

impl Process {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let description =
            "See to background programs of exec: list, poll (new output), log (all output), write (input to it), kill.";
        let properties = json!({
            "action": {"type": "string", "enum": ["list", "poll", "log", "write", "kill"]},
            "id": {"type": "string"},
            "input": {"type": "string"},
            "offset": {"type": "integer", "minimum": 0}
        });
        Self {
            manifest: Manifest {
                tool: yabby_core::Tool {
                    name: "process".to_owned(),
                    description: description.to_owned(),
                    parameters: json!({"type": "object", "properties": properties, "required": ["action"]}),
                },
                effect: Effect::Exec,
                sinks: vec!["id".to_owned(), "input".to_owned()],
                returns: Returns::Foreign,
                repeatable: false,
                group: Group::Runtime,
                core: true,
            },
            shared,
        }
    }
}

impl Tool for Process {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn effect(&self, arguments: &Map<String, Value>) -> Effect {
        match arguments.get("action").and_then(Value::as_str) {
            Some("list" | "poll" | "log") => Effect::Read,
            // It ends what the owner has allowed to begin.
            Some("kill") => Effect::Write,
            // Input to a shell is a command.
            _ => Effect::Exec,
        }
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[("sessionId", "id"), ("data", "input")]
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        async move {
            let args: Arguments = arguments(args)?;
            self.shared.process(args, at).await
        }
        .boxed()
    }
}

impl Shared {
    async fn process(&self, args: Arguments, at: &At) -> Result<Output, ToolError> {
        if args.action == Action::List {
            return Ok(Output::text(self.list(at)));
        }
        let invalid = |message: &str| ToolError::new(ToolErrorKind::Invalid, message);
        let id = args
            .id
            .as_deref()
            .ok_or_else(|| invalid("the id is missing; see them with action list"))?;
        let entry = self.processes.get(id).ok_or_else(|| {
            let message = format!("no background program is {id}; see them with action list");
            ToolError::new(ToolErrorKind::NotFound, message)
        })?;
        let room = at.room.saturating_sub(NOTE).max(NOTE);
        match args.action {
            Action::List | Action::Poll => {
                let _ = timeout(self.settings.poll, entry.something_new(args.offset)).await;
                // First how it is, so that nothing that it said before it ended is missed.
                let state = state(&entry);
                let (text, end) = entry.poll(args.offset, room);
                Ok(Output::text(told(&text, &format!("{state}; offset {end}"))))
            }
            Action::Log => Ok(Output::text(told(&entry.log(room), &state(&entry)))),
            Action::Write => {
                let input = args.input.ok_or_else(|| invalid("input is missing: what to write"))?;
                write(&entry, &input).await?;
                Ok(
                    Output::text(format!("written to {id}; see what it says with action poll"))
                        .with_summary(text!("input written to {id}", id = id)),
                )
            }
            Action::Kill => {
                let ran = entry.ended().is_none();
                entry.kill().await;
                let output = Output::text(format!("{id}: {}", state(&entry)));
                Ok(if ran {
                    output.with_summary(text!("{id} stopped", id = id))
                } else {
                    output
                })
            }
        }
    }

    fn list(&self, at: &At) -> String {
        let mut text = String::new();
        for (id, entry) in self.processes.all() {
            let seconds = at.now.since(entry.started).as_secs();
            let command: String = entry
                .command
                .chars()
                .map(|char| if char.is_control() { ' ' } else { char })
                .take(COMMAND)
                .collect();
            let _ = writeln!(text, "{id}: {}, started {seconds} s ago: {command}", state(&entry));
        }
        if text.is_empty() {
            return "no programs in the background".to_owned();
        }
        text
    }
}

fn state(entry: &Entry) -> String {
    entry
        .ended()
        .map_or_else(|| "running".to_owned(), |ended| ended.to_string())
}

fn told(text: &str, state: &str) -> String {
    match text.trim_end() {
        "" => format!("(no new output)\n[{state}]"),
        text => format!("{text}\n[{state}]"),
    }
}

async fn write(entry: &Entry, input: &str) -> Result<(), ToolError> {
    let gone = || {
        ToolError::new(
            ToolErrorKind::Unavailable,
            "it reads no more input; see how it is with action poll",
        )
    };
    let mut stdin = entry.stdin.lock().await;
    let pipe = stdin.as_mut().filter(|_| entry.ended().is_none()).ok_or_else(gone)?;
    let written = async {
        pipe.write_all(input.as_bytes()).await?;
        pipe.flush().await
    };
    // One that does not read would be waited for.
    match timeout(std::time::Duration::from_secs(5), written).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => {
            *stdin = None;
            Err(gone())
        }
        Err(_) => Err(ToolError::new(
            ToolErrorKind::TimedOut,
            "it does not read its input now; a part of it may be written",
        )),
    }
}
