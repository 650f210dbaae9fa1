//! `exec`: one command.

use std::{future::pending, io, process::Stdio, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use yabby_core::text;

use super::{
    Shared,
    drive::{Ended, How, Running},
    spool::Spool,
};
use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind, arguments::arguments};

/// Room for how it ended.
const NOTE: usize = 160;

pub(super) struct Run {
    manifest: Manifest,
    shared: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "cmd")]
    command: String,
    #[serde(alias = "workdir")]
    cwd: Option<String>,
    /// Seconds.
    timeout: Option<f64>,
    #[serde(default)]
    background: bool,
}

impl Run {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let description = "Run a shell command in the workspace and get its output. With background, it goes on by itself; see \
                           to it with process. timeout is in seconds.";
        let properties = json!({
            "command": {"type": "string"},
            "cwd": {"type": "string"},
            "timeout": {"type": "number"},
            "background": {"type": "boolean"}
        });
        Self {
            manifest: Manifest {
                tool: yabby_core::Tool {
                    name: "exec".to_owned(),
                    description: description.to_owned(),
                    parameters: json!({"type": "object", "properties": properties, "required": ["command"]}),
                },
                effect: Effect::Exec,
                sinks: vec!["command".to_owned(), "cwd".to_owned()],
                returns: Returns::Foreign,
                repeatable: false,
                group: Group::Runtime,
                core: true,
            },
            shared,
        }
    }
}

impl Tool for Run {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[("cmd", "command"), ("workdir", "cwd")]
    }

    fn is_allowed(&self, args: &Map<String, Value>) -> bool {
        let settings = &self.shared.settings;
        let args = arguments::<Arguments>(args);
        args.is_ok_and(|args| settings.allowed.allows(&args.command, &settings.path))
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        async move {
            let args: Arguments = arguments(args)?;
            self.shared.run(&args, at).await
        }
        .boxed()
    }
}

impl Shared {
    async fn run(&self, args: &Arguments, at: &At) -> Result<Output, ToolError> {
        if args.command.trim().is_empty() {
            return Err(ToolError::new(ToolErrorKind::Invalid, "the command is empty"));
        }
        let folder = self.files.folder(args.cwd.as_deref().unwrap_or(".")).await?;
        let asked = args.timeout.filter(|seconds| *seconds > 0.0);
        let longest = |usual: Duration| {
            let asked = asked.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
            asked.unwrap_or(usual).min(self.settings.longest)
        };
        let stdin = if args.background { Stdio::piped() } else { Stdio::null() };
        let permit = args.background.then(|| self.processes.room()).transpose()?;
        let running = Running::start(&args.command, &folder, stdin, &self.settings, self.processes.reaper());
        let running = running.map_err(|error| not_started(&error))?;
        if let Some(permit) = permit {
            let id = self
                .processes
                .keep(permit, &args.command, running, longest(self.settings.longest), at.now);
            return Ok(Output::text(format!(
                "started as {id}; see to it with process, such as action poll, id {id}"
            ))
            .with_summary(text!("command started in the background as {id}", id = id)));
        }
        let mut spool = Spool::new(self.settings.output_bytes);
        let ended = running
            .finish(longest(self.settings.timeout), pending(), |piece| {
                spool.push(piece);
                at.watcher.tell(piece);
            })
            .await;
        let output = spool.after(0, at.room.saturating_sub(NOTE).max(NOTE));
        told(&ended, &output)
    }
}

fn told(ended: &Ended, output: &str) -> Result<Output, ToolError> {
    let output = match output.trim_end() {
        "" => "(no output)",
        output => output,
    };
    match &ended.how {
        How::TimedOut(_) => Err(ToolError::new(
            ToolErrorKind::TimedOut,
            format!("{output}\n[{ended}; give it a longer timeout, or run it in the background]"),
        )),
        how => {
            let summary = match how {
                How::Exit(0) => text!("command done"),
                How::Exit(code) => text!("command ended with status {code}", code = code),
                How::Signal(signal) => text!("command ended by signal {signal}", signal = signal),
                How::TimedOut(_) | How::Stopped | How::Lost(_) => text!("command ended"),
            };
            Ok(Output::text(format!("{output}\n[{ended}]")).with_summary(summary))
        }
    }
}

fn not_started(error: &io::Error) -> ToolError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidInput => ToolErrorKind::Invalid,
        io::ErrorKind::ArgumentListTooLong => ToolErrorKind::TooLarge,
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => ToolErrorKind::Unavailable,
        _ => ToolErrorKind::Failed,
    };
    ToolError::new(kind, format!("the command could not be started: {error}"))
}
