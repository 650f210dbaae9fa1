//! Walking down the ladder with one candidate.
//!
//! A step is tried in this turn alone. When the server begins to answer, the steps are learned for all later turns and
//! the person is told once; steps that did not lead to an answer are forgotten, so that an error which only looked like
//! a refusal costs nothing later.

use yabby_core::{ModelError, ModelEvent, ModelRef, ModelRequest, Text, text};
use yabby_servers::{Endpoint, Http};
use yabby_wire::{Dialect, Step};

use crate::watch::Watch;

/// The most refusals of one candidate in one turn that are met with a step. Servers that name one field at a time need
/// some; each costs a request.
const MOST_STEPS: usize = 12;

/// The steps that were taken with one candidate.
pub(crate) struct Descent {
    /// Its memory is the one that lasts.
    lasting: Endpoint,
    model: ModelRef,
    tried: Vec<Step>,
    taken: usize,
}

impl Descent {
    pub(crate) fn of(endpoint: &Endpoint, model: &ModelRef) -> Self {
        Self {
            lasting: endpoint.clone(),
            model: model.clone(),
            tried: Vec::new(),
            taken: 0,
        }
    }

    /// The endpoint on which steps are tried.
    pub(crate) fn trial(&self) -> Endpoint {
        self.lasting.apart()
    }

    /// What to change after `error`; nothing when the ladder ends here. A search for refused tools is made at once.
    pub(crate) async fn next(
        &self,
        watch: &Watch,
        http: &Http,
        trial: &Endpoint,
        dialect: Dialect,
        request: &ModelRequest,
        error: &ModelError,
    ) -> Vec<Step> {
        if self.taken == MOST_STEPS {
            return Vec::new();
        }
        let model = self.model.model();
        match trial.next_step(dialect, model, request, error) {
            Some(Step::FindRefusedTools) => {
                // In this turn it is not looked for again.
                trial.learn(model, Step::FindRefusedTools);
                let found = trial.find_refused_tools(http, dialect, model, request);
                let refused = watch.within(trial, found).await.and_then(|found| found);
                let refused = refused.unwrap_or_default();
                if request.tool_mode.is_none() && refused.len() > 1 && refused.len() == request.tools.len() {
                    // It is not the tools: the server compiles no schema at all.
                    return vec![Step::TextTools];
                }
                refused.iter().map(Step::quarantine).collect()
            }
            step => step.into_iter().collect(),
        }
    }

    /// Takes the steps on `trial`.
    pub(crate) fn take(&mut self, trial: &Endpoint, steps: Vec<Step>) {
        self.taken += 1;
        for step in steps {
            trial.learn(self.model.model(), step.clone());
            self.tried.push(step);
        }
    }

    /// When the server begins to answer, what was tried is learned; the person is told what changes.
    pub(crate) fn seen(&mut self, event: &ModelEvent) -> Vec<Text> {
        if matches!(event, ModelEvent::Progress(_) | ModelEvent::ServedBy(_)) || self.tried.is_empty() {
            return Vec::new();
        }
        let steps = std::mem::take(&mut self.tried);
        let notices = notices(&self.model, &steps);
        for step in steps {
            self.lasting.learn(self.model.model(), step);
        }
        notices
    }
}

/// What was learned, in words. Of the steps about tool schemas only the last is told.
fn notices(model: &ModelRef, steps: &[Step]) -> Vec<Text> {
    let quarantined: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Quarantine { tool, .. } => Some(tool.as_str()),
            _ => None,
        })
        .collect();
    let bare = steps.contains(&Step::BareSchemas);
    let told = steps.iter().filter(|step| match step {
        Step::PortableSchemas => !bare && quarantined.is_empty(),
        Step::BareSchemas => quarantined.is_empty(),
        Step::Quarantine { .. } => false,
        _ => true,
    });
    let mut notices: Vec<Text> = told.filter_map(|step| notice(model, step)).collect();
    if !quarantined.is_empty() {
        notices.push(text!(
            "{provider} cannot compile the schema of {tools}; not offered to {model} from now on",
            provider = model.provider(),
            tools = quarantined.join(", "),
            model = model.model()
        ));
    }
    notices
}

fn notice(model: &ModelRef, step: &Step) -> Option<Text> {
    let (provider, model) = (model.provider(), model.model());
    Some(match step {
        Step::DropField(field) => text!(
            "{provider} does not take the field {field}; left out from now on",
            provider = provider,
            field = field
        ),
        Step::MaxCompletionTokens => text!(
            "{provider} wants max_completion_tokens instead of max_tokens; sent so from now on",
            provider = provider
        ),
        Step::MaxTokens => text!(
            "{provider} wants max_tokens instead of max_completion_tokens; sent so from now on",
            provider = provider
        ),
        Step::NoStrict => text!(
            "{provider} does not take `strict` at tools; left out from now on",
            provider = provider
        ),
        Step::NoPromptCache => text!(
            "{provider} does not take marks for prompt caching; left out from now on",
            provider = provider
        ),
        Step::StringContent => text!(
            "{provider} takes only plain text in messages; pictures are left out from now on",
            provider = provider
        ),
        Step::PortableSchemas => text!(
            "{provider} could not compile a schema; schemas are simplified from now on",
            provider = provider
        ),
        Step::BareSchemas => text!(
            "{provider} could not compile a schema; tool schemas are reduced to their arguments from now on",
            provider = provider
        ),
        Step::FoldSystem => text!(
            "the chat template of {model} takes no system prompt; sent with the first message from now on",
            model = model
        ),
        Step::ToolsAsText => text!(
            "the chat template of {model} takes no tool calls in the history; sent as plain text from now on",
            model = model
        ),
        Step::ShortCallIds => text!(
            "{model} takes only short ids of tool calls; shortened from now on",
            model = model
        ),
        Step::EndWithUser => text!(
            "{model} does not go on from its own words; asked to go on from now on",
            model = model
        ),
        Step::ConstrainedTools | Step::TextTools => text!(
            "{provider} cannot offer tools to {model}; described in the prompt from now on",
            provider = provider,
            model = model
        ),
        Step::FindRefusedTools | Step::Quarantine { .. } => return None,
    })
}
