//! The degrade ladder: what to drop or reshape when a server refuses a request.
//!
//! [`next_step`] reads a [table](table::TABLE) from above and gives the first [`Step`] that fits the error, was not
//! taken before, and changes the bytes of the request; a request is never sent twice as it was. [`Learned`] is what an
//! endpoint has taught about a model: the steps that led to an answer, in order. As a step is taken once, and what can
//! be dropped is in the request, every sequence of errors comes to an end.

mod learned;
mod step;
mod table;

use yabby_core::{ModelError, ModelRequest, Tool, ToolMode};

use self::table::Take;
pub use self::{learned::Learned, step::Step};
use crate::{
    Dialect, Target,
    dialect::{Quirks, encode},
};

/// What the conversation needs and what it is about, and OpenRouter's routing object: without it a prompt could go where
/// its owner does not want it.
const NEEDED: [&str; 7] = [
    "model",
    "messages",
    "input",
    "instructions",
    "system",
    "tools",
    "provider",
];

/// The top-level field that is dropped for the path of a refused field, if a request can do without it. `max_tokens`
/// is mandatory in Messages (recordings `msgs_no_maxtokens`). Without `truncate` Ollama leaves out the oldest messages
/// and says nothing. Without `store` `OpenAI` keeps what was said in Responses: a server that refuses the field does
/// so openly, and its owner may write `compat.supportsStore: false`.
pub(crate) fn droppable(path: &str, dialect: Dialect) -> Option<&str> {
    let name = path.split(['.', '[']).next()?;
    let mandatory = match name {
        "max_tokens" => dialect == Dialect::Messages,
        "store" => dialect == Dialect::Responses,
        "truncate" => dialect == Dialect::Ollama,
        _ => false,
    };
    (!name.is_empty() && !mandatory && !NEEDED.contains(&name)).then_some(name)
}

/// What to change so that the server may take the request, after `error`.
///
/// `target` has the quirks of the refused request, with `learned` [applied](Learned::apply); a step that was tried in
/// vain belongs to `learned` too. `None`: the ladder has no step (left) for this error.
pub fn next_step(
    error: &ModelError,
    dialect: Dialect,
    request: &ModelRequest,
    target: &Target<'_>,
    learned: &Learned,
) -> Option<Step> {
    let rows = table::TABLE.iter().filter(|row| row.fits(error, target.quirks));
    let mut steps = rows.filter_map(|row| match &row.take {
        Take::Fixed(step) => Some(step.clone()),
        Take::DropNamed => {
            let field = error.details.field.as_deref()?;
            Some(Step::DropField(droppable(field, dialect)?.to_owned()))
        }
        Take::Drop(name) => Some(Step::DropField((*name).to_owned())),
        Take::QuarantineNamed => named_tool(error, request, target.quirks).map(Step::quarantine),
    });
    let before = encode(dialect, request, target);
    steps.find(|step| {
        // What the caller asks for by name is not learned away, and without tools nothing is learned of them.
        let is_free = !step.sets_tool_mode() || (request.tool_mode.is_none() && !request.tools.is_empty());
        let is_new = !learned.has(step) && !step.undoes().is_some_and(|other| learned.has(&other));
        is_free && is_new && changes(step, &before.body, dialect, request, target)
    })
}

/// Whether the request with this step is another one.
fn changes(step: &Step, before: &[u8], dialect: Dialect, request: &ModelRequest, target: &Target<'_>) -> bool {
    if *step == Step::FindRefusedTools {
        let quirks = target.quirks;
        let offered = matches!(quirks.tool_mode, ToolMode::Native | ToolMode::Constrained);
        return offered && request.tools.iter().any(|tool| !quirks.has_quarantined(tool));
    }
    let mut quirks = target.quirks.clone();
    step.apply(&mut quirks);
    let target = Target {
        quirks: &quirks,
        ..*target
    };
    encode(dialect, request, &target).body != before
}

/// The tool that a refused schema belongs to: by its name, or by its place among the tools that were sent.
fn named_tool<'a>(error: &ModelError, request: &'a ModelRequest, quirks: &Quirks) -> Option<&'a Tool> {
    let mut sent = request.tools.iter().filter(|tool| !quirks.has_quarantined(tool));
    if let Some(name) = &error.details.tool {
        return sent.find(|tool| &tool.name == name);
    }
    let place = error.details.field.as_deref()?.strip_prefix("tools")?;
    let digits = place.trim_start_matches(['.', '[']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    sent.nth(digits[..end].parse().ok()?)
}

#[cfg(test)]
mod tests;
