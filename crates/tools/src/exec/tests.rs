//! The tools with real programs.

mod background;
mod foreground;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Exec, ExecSettings};
use crate::{
    At, Effect, FileSettings, Files, FolderVersions, Output, Tool, ToolError, VersionLimits, Watcher, testing,
};

struct Place {
    folder: TempDir,
    exec: Exec,
}

impl Place {
    fn new(settings: ExecSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = FileSettings {
            workspace: folder.path().join("work"),
            ..FileSettings::default()
        };
        let versions = FolderVersions::open(folder.path().join("versions"), VersionLimits::default()).unwrap();
        let files = Files::open(&files, Arc::new(versions)).unwrap();
        Self {
            exec: Exec::new(files, settings),
            folder,
        }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("work")
    }

    fn tool(&self, name: &str) -> Arc<dyn Tool> {
        let mut tools = self.exec.tools().into_iter();
        tools.find(|tool| tool.manifest().tool.name == name).unwrap()
    }

    async fn run_at(&self, name: &str, arguments: Value, at: At) -> Result<Output, ToolError> {
        self.tool(name).run(arguments.as_object().unwrap(), &at).await
    }

    async fn told(&self, name: &str, arguments: Value) -> String {
        match self.run_at(name, arguments, testing::at()).await {
            Ok(output) => match output.summary {
                Some(summary) => format!("{} | {}", output.text, summary.english()),
                None => output.text,
            },
            Err(error) => format!("{:?}: {error}", error.kind),
        }
    }

    async fn sh(&self, command: &str) -> String {
        self.told("exec", json!({"command": command})).await
    }
}

/// Settings with which nobody waits for long.
fn quick() -> ExecSettings {
    ExecSettings {
        grace: Duration::from_millis(100),
        ..ExecSettings::default()
    }
}

/// Whether a process runs. One that has ended and that nobody has asked about does not.
fn runs(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

/// Waits until a process has ended; that it never does fails the test.
async fn gone(pid: &str) {
    for _ in 0..1000 {
        if !runs(pid) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{pid} still runs");
}

/// A watcher, and what it was told.
fn watched() -> (Watcher, Arc<Mutex<String>>) {
    let told = Arc::new(Mutex::new(String::new()));
    let text = Arc::clone(&told);
    (Watcher::new(move |piece| text.lock().unwrap().push_str(piece)), told)
}
