//! What was tried, and what came of it.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use yabby_core::{Text, ToolMode, text};

use super::tried::{Found, Record};
use crate::ServerKind;

/// One thing that a model on its server can do or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// It answers at all.
    Answer,
    /// An answer comes in pieces, with token counts at its end.
    Stream,
    /// It calls a tool.
    Tools,
    /// Its answer is held to a JSON Schema.
    JsonSchema,
    /// It sees a picture.
    Image,
    /// Its reasoning can be switched off.
    Reasoning,
    /// It answers two requests at once.
    Parallel,
    /// It does not read the same beginning of a prompt twice.
    PrefixCache,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// It can be used, with what is said here.
    Partly(Text),
    /// It cannot be used.
    Fails(Text),
    /// It was not tried, or not to the end.
    Skipped(Text),
}

/// A [`Verdict`] without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not tried, or not to the end.
    Skipped,
    /// It works.
    Works,
    /// It can be used within limits.
    Partly,
    /// It cannot be used.
    Fails,
}

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub capability: Capability,
    /// What came of it.
    pub verdict: Verdict,
    /// What more can be said of something that works.
    pub note: Option<Text>,
    /// How long the test took.
    pub took: Duration,
    /// The flag or setting that would mend it.
    pub fix: Option<Text>,
}

/// The results of all tests of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct TryOut {
    /// The endpoint's base URL without credentials; the provider id where Yabby runs the server, whose port changes.
    pub endpoint: String,
    /// The model id as the server knows it.
    pub model: String,
    /// What the server is, where that could be told.
    pub server: Option<ServerKind>,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// When the tests began, in seconds since 1970.
    pub at: u64,
    /// One for each test, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// How tools are best offered to the model, where it called one.
    pub tool_mode: Option<ToolMode>,
    /// How fast it reads, in prompt tokens a second: of a prompt of some hundred tokens that nothing had in a cache.
    /// Measured by the test of the prefix cache.
    pub prefill: Option<f64>,
    /// How fast it writes, in tokens a second. Measured by the test of streaming.
    pub decode: Option<f64>,
}

/// What a test has to say; [`Finding`] without what every test has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) note: Option<Text>,
    pub(super) fix: Option<Text>,
}

// === impl Capability ===

impl Capability {
    /// All, in the order in which they are best tried: the others make sense only if the first one works.
    pub const ALL: [Self; 8] = [
        Self::Answer,
        Self::Stream,
        Self::Tools,
        Self::JsonSchema,
        Self::Image,
        Self::Reasoning,
        Self::Parallel,
        Self::PrefixCache,
    ];

    /// What it is called.
    pub fn name(self) -> Text {
        match self {
            Self::Answer => text!("answer"),
            Self::Stream => text!("streaming"),
            Self::Tools => text!("tool calls"),
            Self::JsonSchema => text!("JSON schema"),
            Self::Image => text!("pictures"),
            Self::Reasoning => text!("reasoning"),
            Self::Parallel => text!("two at once"),
            Self::PrefixCache => text!("prefix cache"),
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// The verdict without its words.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Works => Outcome::Works,
            Self::Partly(_) => Outcome::Partly,
            Self::Fails(_) => Outcome::Fails,
            Self::Skipped(_) => Outcome::Skipped,
        }
    }
}

// === impl Finding ===

impl Finding {
    /// What is to be said of it, if anything.
    pub fn words(&self) -> Option<&Text> {
        match &self.verdict {
            Verdict::Works => self.note.as_ref(),
            Verdict::Partly(words) | Verdict::Fails(words) | Verdict::Skipped(words) => Some(words),
        }
    }
}

// === impl TryOut ===

impl TryOut {
    /// The worst outcome; what was skipped counts only where nothing was tried.
    pub fn outcome(&self) -> Outcome {
        self.record().outcome()
    }

    /// As it is kept, in English.
    pub fn record(&self) -> Record {
        let found = |finding: &Finding| Found {
            capability: finding.capability,
            outcome: finding.verdict.outcome(),
            words: finding.words().map(Text::english),
            fix: finding.fix.as_ref().map(Text::english),
            took_ms: u64::try_from(finding.took.as_millis()).unwrap_or(u64::MAX),
        };
        Record {
            at: self.at,
            server: self.server.map(|kind| kind.name().to_owned()),
            version: self.version.clone(),
            findings: self.findings.iter().map(found).collect(),
            tool_mode: self.tool_mode,
            prefill: self.prefill,
            decode: self.decode,
        }
    }
}

/// For `--json`: endpoint and model, then what is kept.
impl Serialize for TryOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            endpoint: &'a str,
            model: &'a str,
            #[serde(flatten)]
            record: Record,
        }
        let shown = Shown {
            endpoint: &self.endpoint,
            model: &self.model,
            record: self.record(),
        };
        shown.serialize(serializer)
    }
}

// === impl Judged ===

impl Judged {
    pub(super) fn works(note: Option<Text>) -> Self {
        Self::new(Verdict::Works, note, None)
    }

    pub(super) fn partly(words: Text, fix: Option<Text>) -> Self {
        Self::new(Verdict::Partly(words), None, fix)
    }

    pub(super) fn fails(words: Text, fix: Option<Text>) -> Self {
        Self::new(Verdict::Fails(words), None, fix)
    }

    pub(super) fn skipped(words: Text) -> Self {
        Self::new(Verdict::Skipped(words), None, None)
    }

    pub(super) fn with_fix(self, fix: Option<Text>) -> Self {
        Self { fix, ..self }
    }

    fn new(verdict: Verdict, note: Option<Text>, fix: Option<Text>) -> Self {
        Self { verdict, note, fix }
    }
}
