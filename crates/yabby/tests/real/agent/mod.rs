//! The assistant with a real model that calls tools, as a person at a terminal uses it.
//!
//! All but the long chat share one server with one slot: its prompt is read once, and every test that begins a conversation of
//! its own finds the prompt in the server's cache.

mod files;
mod hello;
mod killed;
mod long;
mod reuse;
mod stop;
mod tap;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::{
    llama::{Llama, QWEN, Served},
    place::{json, out, run, shared, yabby},
    running::Running,
};

/// Minutes on a quiet machine; others may build on it.
const LIMIT: Duration = Duration::from_mins(25);

/// So small a model may write without end.
const USUAL: &str = "{ maxTokens: 400 }";

/// With more to choose from, so small a model now and then calls one that has nothing to do with the question.
const FEW: &str = "{ allow: ['read', 'write', 'edit', 'exec'] }";

/// The window of all but the long chat.
const WINDOW: u32 = 8_192;

/// A server, and a state folder with a workspace.
pub(crate) struct Desk {
    pub(crate) llama: Llama,
    /// The state folder.
    pub(crate) home: PathBuf,
    manner: Manner,
}

/// How a desk is set up.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Tokens.
    pub(crate) window: u32,
    /// A chat template instead of the model's own.
    pub(crate) template: Option<&'static str>,
    /// What the config says of tools.
    pub(crate) tools: &'static str,
    /// What it says of limits.
    pub(crate) limits: &'static str,
}

/// As it is without a word in the config.
pub(crate) const PLAIN: Manner = Manner {
    window: WINDOW,
    template: None,
    tools: "{}",
    limits: "{}",
};

/// What was said in a chat.
pub(crate) struct Said {
    /// The answers.
    pub(crate) answers: Vec<String>,
    /// What else was told.
    pub(crate) told: String,
    pub(crate) code: Option<i32>,
}

/// A conversation as it is kept.
pub(crate) struct Kept(Value);

/// One request, in tokens of its prompt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) read: u32,
    /// As many of them came from the server's cache.
    pub(crate) cached: u32,
}

/// The desk that tests share; each has it for itself as long as it keeps this. The server ends with the process, because its
/// standard input does.
fn desk() -> MutexGuard<'static, Desk> {
    static DESK: LazyLock<Mutex<Desk>> =
        LazyLock::new(|| Mutex::new(Desk::open("agent", Manner { tools: FEW, ..PLAIN })));
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Desk ===

impl Desk {
    pub(crate) fn open(name: &str, manner: Manner) -> Self {
        let llama = Llama::serve(&Served {
            window: manner.window,
            template: manner.template,
            ..QWEN
        });
        let home = shared().join(name);
        // Of an earlier run.
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("workspace")).unwrap();
        let desk = Self { llama, home, manner };
        desk.point_at(desk.llama.port());
        desk
    }

    /// Has Yabby ask the server at this port.
    pub(crate) fn point_at(&self, port: u16) {
        self.configure(port, USUAL);
    }

    /// Has the model say so many tokens from now on, whatever it wants to say; or stop when it likes.
    fn endless(&self, tokens: Option<u32>) {
        let parameters = tokens.map_or(USUAL.to_owned(), |tokens| {
            format!("{{ maxTokens: {tokens}, extra_body: {{ ignore_eos: true }} }}")
        });
        self.configure(self.llama.port(), &parameters);
    }

    fn configure(&self, port: u16, parameters: &str) {
        let Manner { tools, limits, .. } = self.manner;
        let config = format!(
            "{{ models: {{ providers: {{ box: {{ baseUrl: 'http://127.0.0.1:{port}/v1', models: [{{ id: 'qwen', params: {{ temperature: 0 }} }}] }} }} }},
               agents: {{ defaults: {{ model: 'box/qwen', limits: {limits}, models: {{ 'box/qwen': {{ params: {parameters} }} }} }} }}, tools: {tools} }}"
        );
        fs::write(self.home.join("yabby.json5"), config).unwrap();
    }

    /// A file of the workspace.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.join("workspace").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Begins to say these lines in a conversation.
    pub(crate) fn begin(&self, session: &str, lines: &[String]) -> Running {
        let mut up = yabby(&self.home, &["up", "--session", session]);
        let input = lines.iter().fold(String::new(), |input, line| input + line + "\n");
        Running::with_input(&mut up, input.as_bytes(), LIMIT)
    }

    /// Says these lines in a conversation, one after another.
    pub(crate) fn say(&self, session: &str, lines: &[String]) -> Said {
        let ran = self.begin(session, lines).ended();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        Said {
            answers: out(&ran).lines().map(str::to_owned).collect(),
            told,
            code: ran.status.code(),
        }
    }

    /// What is kept of a conversation.
    pub(crate) fn kept(&self, session: &str) -> Kept {
        let listed = json(&run(&mut yabby(&self.home, &["sessions", "list", "--json"])));
        let all = listed.as_array().unwrap().iter();
        let mut ids = all
            .filter(|kept| kept["conversation"].as_str().unwrap().ends_with(&format!(":{session}")))
            .map(|kept| kept["id"].as_str().unwrap());
        let id = ids.next().unwrap_or_else(|| panic!("no {session} in {listed}"));
        Kept(json(&run(&mut yabby(&self.home, &["sessions", "show", "--json", id]))))
    }
}

// === impl Kept ===

impl Kept {
    fn items(&self) -> &[Value] {
        self.0["items"].as_array().unwrap()
    }

    /// Each request that was answered.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let attempts = self
            .items()
            .iter()
            .flat_map(|item| item["attempts"].as_array().into_iter().flatten());
        let count = |usage: &Value, name: &str| u32::try_from(usage[name].as_u64().unwrap_or(0)).unwrap();
        let one = |attempt: &Value| Asked {
            read: count(&attempt["usage"], "input_tokens"),
            cached: count(&attempt["usage"], "cached_tokens"),
        };
        attempts.map(one).collect()
    }

    /// The texts of the items of one kind, as they stand in the JSON.
    fn texts(&self, pick: impl Fn(&Value) -> Option<&str>) -> Vec<&str> {
        self.items().iter().filter_map(|item| pick(&item["content"])).collect()
    }

    /// So many times the person has said something.
    pub(crate) fn questions(&self) -> usize {
        let said = self.texts(|content| content["message"]["role"].as_str());
        said.iter().filter(|role| **role == "user").count()
    }

    /// In so many turns a tool was called.
    pub(crate) fn turns_with_calls(&self) -> usize {
        let results = self
            .items()
            .iter()
            .filter(|item| item["content"]["message"]["role"] == "tool_result");
        results
            .map(|item| &item["turn"])
            .filter_map(Value::as_str)
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// All results of tools.
    pub(crate) fn results(&self) -> Vec<&str> {
        self.texts(|content| content["message"]["content"].as_str())
    }

    pub(crate) fn summaries(&self) -> Vec<&str> {
        self.texts(|content| content["text"].as_str())
    }
}

/// Every request reads anew at most a twentieth of what the one before has had.
fn assert_reuse(requests: &[Asked]) {
    for pair in requests.windows(2) {
        let least = 0.95 * f64::from(pair[0].read);
        assert!(f64::from(pair[1].cached) >= least, "{pair:?} of {requests:?}");
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Whether a file is there, and has something in it.
fn has(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| !text.is_empty())
}
