//! A home folder of its own for each test, and the binary run in it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{binary, running::Running};

/// No run takes as long, also on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Home {
    folder: TempDir,
    vars: Vec<(String, String)>,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            vars: Vec::new(),
        }
    }

    /// A home with this config.
    pub(crate) fn with_config(text: &str) -> Self {
        let home = Self::new();
        home.write("yabby.json5", text);
        home
    }

    /// One provider `box` with the model `m1`, which is the default.
    pub(crate) fn with_box(base_url: &str, api: &str) -> Self {
        Self::with_config(&provider("box", base_url, api))
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::yabby());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("YABBY_STATE_DIR", self.path())
            .env("YABBY_CACHE_DIR", self.path().join("cache"))
            .env("YABBY_DISCOVER", "off")
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.spawn(arguments).ran()
    }

    /// Runs with `input` piped to standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        Running::with_input(&mut self.command(arguments), input.as_ref(), LIMIT).ran()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        start(&mut self.command(arguments))
    }

    /// A text with everything that differs between runs taken out, for snapshots.
    pub(crate) fn stable(&self, text: &str) -> String {
        let text = text.replace(&self.path().display().to_string(), "HOME");
        let parts: Vec<&str> = text.split("127.0.0.1:").collect();
        let text = parts
            .iter()
            .enumerate()
            .map(|(at, part)| {
                if at == 0 {
                    (*part).to_owned()
                } else {
                    format!("PORT{}", part.trim_start_matches(DIGITS))
                }
            })
            .collect::<Vec<_>>()
            .join("127.0.0.1:");
        let parts: Vec<&str> = text.split(" ms").collect();
        let last = parts.len() - 1;
        parts
            .iter()
            .enumerate()
            .map(|(at, part)| {
                if at == last {
                    (*part).to_owned()
                } else {
                    format!("{}N", part.trim_end_matches(DIGITS))
                }
            })
            .collect::<Vec<_>>()
            .join(" ms")
    }
}

/// Starts a command that was made by [`Home::command`] and changed.
pub(crate) fn start(command: &mut Command) -> Running {
    Running::start(command, LIMIT)
}

/// Watches a child that runs already.
pub(crate) fn watch(child: Child) -> Running {
    Running::of(child, LIMIT)
}

impl Running {
    /// Waits for its end.
    pub(crate) fn ran(self) -> Ran {
        let Output { status, stdout, stderr } = self.ended();
        Ran {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// A config with one provider.
pub(crate) fn provider(id: &str, base_url: &str, api: &str) -> String {
    format!(
        r#"{{ models: {{ providers: {{ {id}: {{
  baseUrl: "{base_url}", api: "{api}", apiKey: "k-{id}",
  models: [{{ id: "m1", contextWindow: 8192, maxTokens: 64 }}],
}} }} }} }}"#
    )
}

/// The messages of a request as they were said: without the prompt of the assistant, and without the time that stands in front
/// of what the person says.
pub(crate) fn spoken(messages: &serde_json::Value) -> serde_json::Value {
    let messages = messages.as_array().unwrap();
    let said = messages
        .iter()
        .filter(|message| message["role"] != "system")
        .map(|message| {
            let mut message = message.clone();
            let text = message["content"].as_str().unwrap_or_default();
            if message["role"] == "user"
                && let Some((time, said)) = text.split_once("]\n\n")
                && time.starts_with('[')
            {
                message["content"] = said.into();
            }
            message
        });
    said.collect()
}
