//! A memory in a folder, and a model that uses it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;
use yabby_core::{Confidentiality, Integrity, Label, Time};

use crate::{
    At, Embedder, Memory, MemorySettings, Output, ToolError, Zone,
    testing::{at, now},
};

pub(super) struct Desk {
    pub(super) folder: TempDir,
    pub(super) memory: Memory,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(None, |_| {})
    }

    pub(super) fn with(embedder: Option<Arc<dyn Embedder>>, change: impl FnOnce(&mut MemorySettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        let memory = Memory::open(settings, zone(), embedder).unwrap();
        Self { folder, memory }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("workspace").join(name)
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) async fn call(&self, name: &str, arguments: Value, at: &At) -> Result<Output, ToolError> {
        let tools = self.memory.tools();
        let tool = tools.iter().find(|tool| tool.manifest().tool.name == name).unwrap();
        tool.run(arguments.as_object().unwrap(), at).await
    }

    pub(super) async fn says(&self, name: &str, arguments: Value) -> String {
        told(self.call(name, arguments, &at()).await)
    }

    pub(super) async fn finds(&self, query: &str) -> String {
        self.says("memory_search", serde_json::json!({ "query": query })).await
    }

    /// The places of what is found, in their order.
    pub(super) async fn places(&self, query: &str) -> Vec<String> {
        let found = self.finds(query).await;
        let is_place = |line: &&str| line.contains(".md:");
        found.lines().filter(is_place).map(str::to_owned).collect()
    }
}

pub(super) fn told(done: Result<Output, ToolError>) -> String {
    match done {
        Ok(output) => output.text,
        Err(error) => format!("{:?}: {}", error.kind, error.message),
    }
}

pub(super) fn settings(folder: &Path) -> MemorySettings {
    MemorySettings::new(folder.join("workspace"), folder.join("state/memory/main.sqlite"))
}

/// Where the calls are made: it is `Wed 2026-11-25 21:10`.
pub(super) fn zone() -> Zone {
    Zone::named("CET-1").unwrap()
}

/// A call after a page of the web was read.
pub(super) fn tainted() -> At {
    At {
        label: foreign(),
        ..at()
    }
}

pub(super) fn foreign() -> Label {
    Label::new(Integrity::Untrusted, Confidentiality::Private, "web_fetch evil.example")
}

/// The next day.
pub(super) fn tomorrow() -> At {
    At {
        now: Time(now().0 + 86_400_000),
        ..at()
    }
}
