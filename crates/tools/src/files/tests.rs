//! The tools on real files.

mod changes;
mod confined;
mod looking;
mod race;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;
use yabby_core::{Confidentiality, Integrity, Label, Time};

use super::{FileRoot, FileSettings, Files, FolderVersions, RootAccess, VersionLimits};
use crate::{At, Effect, Output, Tool, ToolError, testing};

/// A folder with a workspace, a root that can only be read, and something secret outside.
struct Place {
    folder: TempDir,
    files: Files,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        for name in ["work", "books", "outside"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::write(path.join("books/one.txt"), "a book\n").unwrap();
        fs::write(path.join("outside/secret.txt"), "the secret\n").unwrap();
        let settings = FileSettings {
            workspace: path.join("work"),
            home: Some(path.clone()),
            roots: vec![FileRoot {
                path: path.join("books"),
                access: RootAccess::Read,
            }],
            ..FileSettings::default()
        };
        let versions = FolderVersions::open(path.join("versions"), VersionLimits::default()).unwrap();
        Self {
            files: Files::open(&settings, Arc::new(versions)).unwrap(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("work").join(name)).unwrap()
    }

    fn tool(&self, name: &str) -> Arc<dyn Tool> {
        let mut tools = self.files.tools().into_iter();
        tools.find(|tool| tool.manifest().tool.name == name).unwrap()
    }

    fn effect(&self, name: &str, arguments: &Value) -> Effect {
        self.tool(name).effect(arguments.as_object().unwrap())
    }

    async fn run_at(&self, name: &str, arguments: Value, at: At) -> Result<Output, ToolError> {
        self.tool(name).run(arguments.as_object().unwrap(), &at).await
    }

    async fn run(&self, name: &str, arguments: Value) -> Result<Output, ToolError> {
        self.run_at(name, arguments, testing::at()).await
    }

    /// What the model is told, and what the person is; the folder of the test is left out.
    async fn told(&self, name: &str, arguments: Value) -> String {
        let told = match self.run(name, arguments).await {
            Ok(output) => match output.summary {
                Some(summary) => format!("{} | {}", output.text, summary.english()),
                None => output.text,
            },
            Err(error) => format!("{:?}: {error}", error.kind),
        };
        told.replace(&self.path("").to_string_lossy().trim_end_matches('/').to_owned(), "…")
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
