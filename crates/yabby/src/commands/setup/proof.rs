//! What a model really does: a real call, because neither a template nor a server's list tells it.

use std::time::Duration;

use yabby_core::{ModelRef, Text, ToolMode, text};
use yabby_route::extra_body;
use yabby_servers::{
    capability::{Capability, TryOut, Verdict, try_out},
    managed::Report,
};

use super::server::Server;
use crate::{app::App, progress::Bars};

/// Enough for a slow machine, and for a model that is loaded first.
pub(super) const LOADED: Duration = Duration::from_mins(1);
pub(super) const COLD: Duration = Duration::from_mins(5);

/// Whether it answers, then how fast, then whether it calls a tool.
const TESTS: [Capability; 3] = [Capability::Answer, Capability::Stream, Capability::Tools];

/// What a call showed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proof {
    /// Why it gave no answer, if so.
    pub(super) trouble: Option<Remark>,
    pub(super) tools: Tools,
    /// What is to be said of its tool calls beyond that.
    pub(super) remark: Option<Remark>,
    /// Tokens a second.
    pub(super) speed: Option<f64>,
}

/// A sentence and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) words: Text,
    pub(super) fix: Option<Text>,
}

/// How a model calls tools, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tools {
    /// It called none.
    None,
    /// Nobody knows.
    Unknown,
    /// Only as text, or only when it must.
    Partly,
    /// With its answer held to a schema.
    Constrained,
    /// In the server's own way.
    Native,
}

// === impl Proof ===

impl Proof {
    pub(super) fn answers(&self) -> bool {
        self.trouble.is_none()
    }
}

// === impl Tools ===

impl Tools {
    /// A word for tables and JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Partly => "partly",
            Self::Constrained => "constrained",
            Self::Native => "native",
        }
    }
}

/// Asks the model for an answer and for a tool call, and says meanwhile what is done. A server that Yabby runs is started.
pub(super) async fn prove(app: &App, server: &Server, model: &ModelRef, limit: Duration) -> Proof {
    let bars = Bars::new(app.terminal);
    let endpoint = match server.endpoint.ensure_running(&app.http, &bars).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            return Proof {
                trouble: Some(Remark {
                    words: error.message,
                    fix: error.hint,
                }),
                tools: Tools::Unknown,
                remark: None,
                speed: None,
            };
        }
    };
    let endpoint = &endpoint;
    bars.begin(text!("trying {model}", model = model), None);
    let params = app.config().params_for(model);
    let body = extra_body(endpoint, endpoint.dialect_for(model.model()), &params);
    let tried = try_out(&app.http, endpoint, model.model(), &body, &TESTS, limit, &mut |_| {}).await;
    bars.end();
    read(&tried)
}

fn read(tried: &TryOut) -> Proof {
    let of = |capability: Capability| tried.findings.iter().find(|finding| finding.capability == capability);
    let bad = |capability: Capability| {
        let finding = of(capability)?;
        let words = match &finding.verdict {
            Verdict::Partly(words) | Verdict::Fails(words) => words.clone(),
            Verdict::Works | Verdict::Skipped(_) => return None,
        };
        Some((finding, words))
    };
    let trouble = bad(Capability::Answer)
        .filter(|(finding, _)| matches!(finding.verdict, Verdict::Fails(_)))
        .map(|(finding, words)| Remark {
            words,
            fix: finding.fix.clone(),
        });
    let tools = match of(Capability::Tools).map(|finding| &finding.verdict) {
        Some(Verdict::Works) => Tools::Native,
        Some(Verdict::Partly(_)) if tried.tool_mode == Some(ToolMode::Constrained) => Tools::Constrained,
        Some(Verdict::Partly(_)) => Tools::Partly,
        Some(Verdict::Fails(_)) => Tools::None,
        Some(Verdict::Skipped(_)) | None => Tools::Unknown,
    };
    Proof {
        trouble,
        tools,
        remark: bad(Capability::Tools).map(|(finding, words)| Remark {
            words,
            fix: finding.fix.clone(),
        }),
        speed: tried.decode,
    }
}
