//! The config as it counts, and where each value comes from.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use yabby_config::{Diagnostic, Explanation, Loaded, Severity, ValueSource};
use yabby_core::{Text, text};

use super::Desk;
use crate::feed::Words;

/// How secrets are shown.
const HIDDEN: &str = "•••";

/// A config, ready to be shown.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Settings {
    /// The file that it is written in, where there is one.
    file: Option<String>,
    values: Vec<Setting>,
    /// What is wrong with what counts; with what stands in the file, where that is not what counts.
    diagnostics: Vec<Finding>,
    /// Why the config that stands in the file now does not count.
    problem: Option<Words>,
}

/// One value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Setting {
    key: String,
    value: Value,
    source: Source,
    /// The file that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    line: Option<usize>,
    /// The environment variables that went into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variables: Vec<String>,
    /// The key that it follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// It is written in a file.
    File,
    /// An environment variable alone gives it.
    Variable,
    /// Yabby knows it without any config.
    BuiltIn,
    /// It follows from another key.
    Derived,
    /// It is the default of the key.
    Default,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Finding {
    severity: Gravity,
    words: Words,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Words>,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    line: Option<usize>,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Gravity {
    Error,
    Warning,
}

pub(super) async fn show(State(desk): State<Desk>) -> Json<Settings> {
    Json(Settings::clone(&desk.0.now.settings()))
}

// === impl Settings ===

impl Settings {
    /// Those of a config that counts.
    pub fn of(loaded: &Loaded) -> Self {
        let mut settings = Self {
            file: loaded.origin.path().map(|path| path.display().to_string()),
            values: loaded.explain_all().into_iter().map(Setting::of).collect(),
            ..Self::default()
        };
        settings.find(loaded);
        settings
    }

    /// The same when the file has changed, and what stands there now cannot be used.
    #[must_use]
    pub(crate) fn with_problem(&self, loaded: &Loaded, problem: &Text) -> Self {
        let mut settings = Self {
            problem: Some(Words::of(problem)),
            ..self.clone()
        };
        settings.find(loaded);
        settings
    }

    fn find(&mut self, loaded: &Loaded) {
        self.diagnostics = loaded.diagnostics.iter().map(Finding::of).collect();
        if !loaded.unused.is_empty() {
            let keys: Vec<&str> = loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
            let words = text!(
                "Yabby does not use these OpenClaw keys yet: {keys}",
                keys = keys.join(", ")
            );
            self.diagnostics.push(Finding {
                severity: Gravity::Warning,
                words: Words::of(&words),
                hint: None,
                key: String::new(),
                file: None,
                line: None,
            });
        }
    }
}

// === impl Setting ===

impl Setting {
    fn of(explanation: Explanation) -> Self {
        let Explanation {
            key,
            value,
            source,
            variables,
            ..
        } = explanation;
        let (source, place, from) = match source {
            ValueSource::File(place) => (Source::File, Some(place), None),
            ValueSource::Variable(_) => (Source::Variable, None, None),
            ValueSource::BuiltIn => (Source::BuiltIn, None, None),
            ValueSource::Derived { key, place } => (Source::Derived, place, Some(key)),
            ValueSource::Default | ValueSource::Unset => (Source::Default, None, None),
        };
        Self {
            key,
            value: hidden(value.unwrap_or_default()),
            source,
            file: place.as_ref().map(|place| place.file.display().to_string()),
            line: place.map(|place| place.line),
            variables,
            from,
        }
    }
}

/// A value whose secrets stand as `***`, with dots in their place.
fn hidden(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("***") => text.replace("***", HIDDEN).into(),
        Value::Array(items) => items.into_iter().map(hidden).collect(),
        other => other,
    }
}

// === impl Finding ===

impl Finding {
    fn of(found: &Diagnostic) -> Self {
        Self {
            severity: match found.severity {
                Severity::Error => Gravity::Error,
                Severity::Warning => Gravity::Warning,
            },
            words: Words::of(&found.message),
            hint: found.help.as_ref().map(Words::of),
            key: found.key.clone(),
            file: found.place.as_ref().map(|place| place.file.display().to_string()),
            line: found.place.as_ref().map(|place| place.line),
        }
    }
}
