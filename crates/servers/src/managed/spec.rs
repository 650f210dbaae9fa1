//! What a supervisor runs. It is told through its standard input, so that secrets stand neither in a file nor on a
//! command line.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use yabby_core::{Secret, Text, text};

use super::{artefact::hex, health::Health};

/// How to start one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Spec {
    /// A llama.cpp server at a port of its own.
    Llama(Llama),
    /// A program of the config, which has its address in its arguments.
    Command(CommandSpec),
}

/// A llama.cpp server with one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Llama {
    /// What runs.
    pub program: Program,
    /// The GGUF file.
    pub model: PathBuf,
    /// The id under which the server offers the model.
    pub alias: String,
    /// Tokens of context per slot.
    pub window: u32,
    /// Requests at the same time.
    pub slots: u32,
    /// Compute threads.
    pub threads: usize,
}

/// A program that serves a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// `llama-server`, found in `PATH`.
    Native(PathBuf),
    /// The Python interpreter of the private environment with the llama.cpp wheel.
    Wheel(PathBuf),
}

/// A `localService` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandSpec {
    /// The provider that it serves.
    pub(super) provider: String,
    /// Where requests go. May hold credentials.
    pub(super) url: Piped,
    pub(super) command: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: Vec<(String, Piped)>,
    pub(super) health: Health,
    /// What is taken out of its log besides the values of `env`.
    pub(super) secrets: Vec<Piped>,
    pub(super) ready_timeout: Duration,
    pub(super) idle_stop: Option<Duration>,
}

/// A secret that may go through the pipe to the supervisor, and into its status, which only the owner can read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Piped(pub(super) Secret);

/// A llama.cpp server or a service without `idleStopMs` is stopped this long after its last process has left.
const UNUSED: Duration = Duration::from_secs(1);

// === impl Spec ===

impl Spec {
    /// How long nobody must have used the server before it is stopped.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Llama(_) => UNUSED,
            Self::Command(command) => command.idle_stop.unwrap_or(UNUSED),
        }
    }

    /// How long one start may take before the server is ended; llama.cpp tells itself when it fails.
    pub(super) fn ready_timeout(&self) -> Option<Duration> {
        match self {
            Self::Llama(_) => None,
            Self::Command(command) => Some(command.ready_timeout),
        }
    }

    /// What people call it.
    pub(super) fn name(&self) -> Text {
        match self {
            Self::Llama(_) => text!("the llama.cpp server"),
            Self::Command(command) => text!("the server of {provider}", provider = command.provider),
        }
    }
}

// === impl Llama ===

impl Llama {
    /// A spec for this machine.
    ///
    /// Half of the hardware threads compute: a llama.cpp that has every one of them spins at its barriers as soon as
    /// anything else runs (measured on two shared cores: 0.6 against 17 tokens per second).
    pub fn new(program: Program, model: PathBuf, alias: String, window: u32) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        Self {
            program,
            model,
            alias,
            window,
            slots: 2,
            threads,
        }
    }

    /// The folder of this server below the state directory: one per model, window and program.
    pub(super) fn folder(&self, state_dir: &Path) -> PathBuf {
        let what = (&self.program, &self.model, self.window);
        let what = serde_json::to_string(&what).unwrap_or_default();
        folder(state_dir, &self.alias, &what)
    }
}

/// The folder of the server of a provider: one per address, because no two servers can share one.
pub(super) fn service_folder(state_dir: &Path, provider: &str, base_url: &str) -> PathBuf {
    folder(state_dir, &slug(provider), base_url)
}

fn folder(state_dir: &Path, name: &str, what: &str) -> PathBuf {
    let hash = hex(Sha256::digest(what));
    let short = hash.get(..12).unwrap_or_default();
    state_dir.join("managed").join(format!("{name}-{short}"))
}

/// A name that is safe as an id and in a path.
pub(super) fn slug(name: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    name.chars()
        .map(|letter| if safe(letter) { letter } else { '-' })
        .collect()
}

// === impl Piped ===

impl Piped {
    pub(super) fn new(value: impl Into<String>) -> Self {
        Self(Secret::new(value))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Piped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Piped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Piped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_arrives_whole_and_is_never_printed() {
        let spec = Spec::Command(CommandSpec {
            provider: "box".to_owned(),
            url: Piped::new("http://h/v1"),
            command: "/bin/server".into(),
            args: vec!["--port".to_owned(), "1".to_owned()],
            cwd: Some("/tmp".into()),
            env: vec![("TOKEN".to_owned(), Piped::new("canary-1"))],
            health: Health {
                url: Piped::new("http://h/v1/models?key=canary-2"),
                headers: vec![("authorization".to_owned(), Piped::new("Bearer canary-3"))],
                list: true,
            },
            secrets: vec![Piped::new("canary-4")],
            ready_timeout: Duration::from_millis(1500),
            idle_stop: None,
        });
        let sent = serde_json::to_vec(&spec).unwrap();
        assert_eq!(serde_json::from_slice::<Spec>(&sent).unwrap(), spec);
        let printed = format!("{spec:?}");
        assert!(printed.contains("TOKEN") && !printed.contains("canary"), "{printed}");
    }

    #[test]
    fn a_folder_is_named_after_the_provider_and_its_address() {
        let name = |provider, url| {
            let folder = service_folder(Path::new("/s"), provider, url);
            folder.to_str().unwrap().to_owned()
        };
        let one = name("../my box", "http://h:1/v1");
        assert!(one.starts_with("/s/managed/..-my-box-"), "{one}");
        assert_ne!(one, name("../my box", "http://h:2/v1"));
    }
}
