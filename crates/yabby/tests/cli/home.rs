//! A home folder of its own for each test, and the binary run in it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

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
        let mut command = Command::new(env!("CARGO_BIN_EXE_yabby"));
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
        self.ran(&self.command(arguments).output().unwrap())
    }

    /// Runs with `input` piped to standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        self.ran(&child.wait_with_output().unwrap())
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
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
