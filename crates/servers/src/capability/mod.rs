//! What a model can do where it is served: some small questions, in a minute.
//!
//! Servers say little of it and not always the truth: a template may know tools and the model not, a flag may be
//! missing. So each thing is tried once with a real request, as small as it can be, and judged by what came. A failure
//! says which flag or setting of that kind of server would mend it; the facts behind these are in `wire-facts.md`.
//!
//! | test | what is asked | it works when |
//! |---|---|---|
//! | answer | one whole answer | there is text |
//! | streaming | to count | several pieces come, then token counts |
//! | tool calls | what a tool knows, in up to four ways | the server reads the call |
//! | JSON schema | something that only the schema gives its form | the answer has it |
//! | pictures | the colour of one, where it is said to see | it names it |
//! | reasoning | a sum, then again with reasoning off | there is none the second time |
//! | two at once | two questions | both answers come at the same time |
//! | prefix cache | two questions about the same long text | most of the second prompt came from the cache |
//!
//! The tests are made one after the other. What is not done in time is skipped and said to be, and nothing is tried
//! with a model that does not answer.

mod answer;
mod asking;
mod finding;
mod image;
mod parallel;
mod prefix;
mod reasoning;
mod schema;
mod speed;
mod stream;
mod tools;
mod tried;

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};
use yabby_config::Modality;
use yabby_core::{ToolMode, now, text};

pub use finding::{Capability, Finding, Outcome, TryOut, Verdict};
pub(crate) use reasoning::chat_thinking;
pub use reasoning::reasoning_switches;
pub use tried::{Found, Record, Tried};

use crate::{Endpoint, Http, ServerFacts, probe};
use asking::Asking;
use finding::Judged;

/// How long all tests may take together, where nobody says otherwise.
pub const LIMIT: Duration = Duration::from_mins(1);

/// How long the server may take to say what it is, before it is asked for anything.
const INTRODUCTION: Duration = Duration::from_secs(2);

/// How many tokens a model may reason for before it says something short.
const ROOM: u32 = 1024;

/// Makes `tests` with a model, one after the other, and tells each result as it comes.
///
/// `extra_body` are the fields that the config puts into every request. All is over within `limit`; dropping the future
/// closes its connections. The endpoint of a managed server is the one that its lease gave when it was ready. A model
/// that is not loaded is loaded by its server, as by any question.
pub async fn try_out(
    http: &Http,
    endpoint: &Endpoint,
    model: &str,
    extra_body: &Map<String, Value>,
    tests: &[Capability],
    limit: Duration,
    told: &mut (dyn FnMut(&Finding) + Send),
) -> TryOut {
    let (at, start) = (now(), Instant::now());
    let end = start + limit;
    let introduced = timeout_at(end, Box::pin(probe(http, endpoint, INTRODUCTION))).await;
    let facts = introduced.unwrap_or_default();
    let mut run = Run {
        asking: Asking {
            http,
            endpoint: endpoint.apart(),
            model,
            kind: facts.kind,
            extra_body,
            room: 0,
            start,
        },
        sees: sees(endpoint, &facts, model),
        tool_mode: None,
        prefill: None,
        decode: None,
    };
    let mut findings = Vec::new();
    let mut silent = false;
    for (place, &capability) in tests.iter().enumerate() {
        let begun = Instant::now();
        let share = share(end.saturating_duration_since(begun), &tests[place..]);
        let judged = if silent {
            Judged::skipped(text!("the model does not answer"))
        } else if share.is_zero() {
            Judged::skipped(text!("there was no time left"))
        } else {
            let tried = timeout(share, Box::pin(run.one(capability))).await;
            tried.unwrap_or_else(|_| late(capability, share))
        };
        let finding = Finding {
            capability,
            verdict: judged.verdict,
            note: judged.note,
            took: begun.elapsed(),
            fix: judged.fix,
        };
        silent |= capability == Capability::Answer && matches!(finding.verdict, Verdict::Fails(_));
        told(&finding);
        findings.push(finding);
    }
    TryOut {
        endpoint: tried::key(endpoint).to_owned(),
        model: model.to_owned(),
        server: facts.kind,
        version: facts.version,
        at,
        findings,
        tool_mode: run.tool_mode,
        prefill: run.prefill,
        decode: run.decode,
    }
}

/// The part of the time that is left which the first of `tests` may take. What it does not need is for the others.
fn share(left: Duration, tests: &[Capability]) -> Duration {
    let all: u32 = tests.iter().map(|test| test.weight()).sum();
    let first = tests.first().map_or(0, |test| test.weight());
    left * first / all.max(1)
}

/// What is said of a test that was not done in time.
fn late(capability: Capability, share: Duration) -> Judged {
    let seconds = format!("{:.0}", share.as_secs_f64().max(1.0));
    match capability {
        Capability::Answer => Judged::fails(
            text!("no answer within {seconds} s", seconds = seconds),
            Some(text!(
                "try again when the model is loaded, or give it more time; if nothing comes, look into the server's log"
            )),
        ),
        _ => Judged::skipped(text!("not done within {seconds} s", seconds = seconds)),
    }
}

/// Whether anybody says that the model takes pictures: its server or the config.
fn sees(endpoint: &Endpoint, facts: &ServerFacts, model: &str) -> bool {
    let served = facts.model(model).and_then(|model| model.input.as_ref());
    let listed = endpoint.listed_model(model);
    served.is_some_and(|input| input.value.contains(&Modality::Image))
        || listed.is_some_and(|entry| entry.input.contains(&Modality::Image))
}

/// The tests of one model, and what they find out beside their verdicts.
struct Run<'a> {
    asking: Asking<'a>,
    sees: bool,
    tool_mode: Option<ToolMode>,
    prefill: Option<f64>,
    decode: Option<f64>,
}

impl Run<'_> {
    async fn one(&mut self, capability: Capability) -> Judged {
        let asking = &self.asking;
        match capability {
            Capability::Answer => {
                let (judged, reasons) = answer::try_out(asking).await;
                self.asking.room = if reasons { ROOM } else { 0 };
                judged
            }
            Capability::Stream => {
                let (judged, decode) = stream::try_out(asking).await;
                self.decode = decode;
                judged
            }
            Capability::Tools => {
                let (judged, mode) = tools::try_out(asking).await;
                self.tool_mode = mode;
                judged
            }
            Capability::JsonSchema => schema::try_out(asking).await,
            Capability::Image if !self.sees => {
                Judged::skipped(text!("neither the server nor the config says that it takes them"))
            }
            Capability::Image => image::try_out(asking).await,
            Capability::Reasoning => reasoning::try_out(asking).await,
            Capability::Parallel => parallel::try_out(asking).await,
            Capability::PrefixCache => {
                let (judged, prefill) = prefix::try_out(asking).await;
                self.prefill = prefill;
                judged
            }
        }
    }
}

#[cfg(test)]
mod tests;
