//! MCP servers as real programs and at real addresses.

mod foreign;
mod http;
mod pinned;
mod program;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use yabby_core::Secret;

use super::{FolderPins, McpOffer, McpServer, McpSettings, McpTransport, Servers};
use crate::{Output, Tool, ToolError, testing};

/// Longer than anything here takes; who waits so long has found a mistake.
const LONG: Duration = Duration::from_mins(1);

/// Servers that are programs, with what they say they have in a file.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(tools: &Value) -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        place.has(tools);
        place
    }

    fn has(&self, tools: &Value) {
        fs::write(self.folder.path().join("tools.json"), tools.to_string()).unwrap();
    }

    fn pins(&self) -> FolderPins {
        FolderPins::new(self.folder.path().join("pins"))
    }

    fn program(&self, name: &str, fault: &str) -> McpServer {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/mcp/server.py");
        let tools = self.folder.path().join("tools.json");
        let args = [script.as_path(), tools.as_path(), fault.as_ref()];
        McpServer::new(
            name,
            McpTransport::Program {
                command: python().to_owned(),
                args: args.map(|arg| arg.to_str().unwrap().to_owned()).to_vec(),
                env: vec![("TOKEN".to_owned(), Secret::new("abc"))],
                folder: Some(self.folder.path().to_owned()),
            },
        )
    }

    fn open(&self, servers: Vec<McpServer>) -> Servers {
        Servers::open(settings(servers), Arc::new(self.pins()))
    }

    /// One server, when it is there.
    async fn one(&self) -> Servers {
        let servers = self.open(vec![self.program("test", "")]);
        servers.ready(LONG).await;
        servers
    }
}

/// Settings with which nobody waits for long.
fn settings(servers: Vec<McpServer>) -> McpSettings {
    McpSettings {
        servers,
        grace: Duration::from_millis(100),
        retry: Duration::from_millis(20),
        retry_most: Duration::from_millis(100),
        ..McpSettings::default()
    }
}

/// Python itself. What is called `python3` may be a script that chooses one, and leaves its marks in the environment.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    })
}

/// Tools of these names without arguments.
fn tools(names: &[&str]) -> Value {
    let tool =
        |name: &&str| json!({"name": name, "description": format!("It is {name}."), "inputSchema": {"type": "object"}});
    names.iter().map(tool).collect()
}

fn names(offer: &McpOffer) -> Vec<String> {
    offer
        .tools
        .iter()
        .map(|tool| tool.manifest().tool.name.clone())
        .collect()
}

/// What the owner is told.
fn notices(offer: &McpOffer) -> String {
    let lines = offer
        .notices
        .iter()
        .map(|notice| format!("{}\n  {}", notice.text.english(), notice.hint.english()));
    lines.collect::<Vec<_>>().join("\n")
}

fn find(offer: &McpOffer, name: &str) -> Arc<dyn Tool> {
    let found = offer.tools.iter().find(|tool| tool.manifest().tool.name == name);
    Arc::clone(found.unwrap_or_else(|| panic!("no {name}: {:?}, {}", names(offer), notices(offer))))
}

async fn run(tool: &Arc<dyn Tool>, arguments: Value) -> Result<Output, ToolError> {
    let at = testing::at();
    timeout(LONG, tool.run(arguments.as_object().unwrap(), &at))
        .await
        .unwrap()
}

async fn told(tool: &Arc<dyn Tool>, arguments: Value) -> String {
    match run(tool, arguments).await {
        Ok(output) => output.text,
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}

/// Waits until something is so; that it never is fails the test.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// Whether a process runs. One that has ended and that nobody has asked about does not.
fn runs(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}
