//! Walking down the ladder with one candidate.
//!
//! A step is tried in this turn alone. When the server begins to answer, the steps are learned for all later turns and
//! the person is told once; steps that did not lead to an answer are forgotten, so that an error which only looked like
//! a refusal costs nothing later.

use yabby_core::{ErrorDetails, ErrorKind, ModelError, ModelEvent, ModelRef, ModelRequest, Phase, Text, text};
use yabby_servers::{Endpoint, Http, Pays};
use yabby_wire::{Dialect, Step};

/// The most refusals of one candidate in one turn that are met with a step. Servers that name one field at a time need
/// some; each costs a request.
const MOST_STEPS: usize = 12;

/// The steps that were taken with one candidate.
#[derive(Debug)]
pub struct Descent {
    /// Its memory is the one that lasts.
    lasting: Endpoint,
    model: ModelRef,
    tried: Vec<Step>,
    taken: usize,
    /// What was taken last, and the error that it was to mend.
    last: Option<(Vec<Step>, ErrorKind, Box<ErrorDetails>)>,
    /// Steps for a template that did not help alone, and are not offered again.
    in_vain: Vec<Step>,
    /// Whether those were tried together.
    together: bool,
    /// Whether schemas were given back to the tools that are left. Steps that reduce them again stay.
    restored: bool,
}

impl Descent {
    /// Nothing was taken yet with `model` at `endpoint`.
    pub fn of(endpoint: &Endpoint, model: &ModelRef) -> Self {
        Self {
            lasting: endpoint.clone(),
            model: model.clone(),
            tried: Vec::new(),
            taken: 0,
            last: None,
            in_vain: Vec::new(),
            together: false,
            restored: false,
        }
    }

    /// The endpoint on which steps are tried.
    pub fn trial(&self) -> Endpoint {
        self.lasting.apart()
    }

    /// What to change after `error`; nothing when the ladder ends here. A search for refused tools is made at once, and paid
    /// by `pays`.
    pub async fn next(
        &mut self,
        (http, pays): (&Http, &mut dyn Pays),
        trial: &Endpoint,
        dialect: Dialect,
        request: &ModelRequest,
        error: &ModelError,
    ) -> Vec<Step> {
        if self.taken == MOST_STEPS {
            return Vec::new();
        }
        if self.has_no_chat(trial, dialect, error) {
            return vec![Step::TextTools];
        }
        self.take_back_in_vain(trial, error);
        let model = self.model.model();
        match trial.next_step(dialect, model, request, error, &self.in_vain) {
            Some(Step::FindRefusedTools) => {
                // In this turn it is not looked for again.
                trial.learn(model, Step::FindRefusedTools);
                let found = trial.find_refused_tools(http, dialect, model, request, pays).await;
                let refused = found.unwrap_or_default();
                let offered = trial.offered_tools(model, request).len();
                if request.tool_mode.is_none() && refused.len() > 1 && refused.len() == offered {
                    // It is not the tools: the server compiles no schema at all.
                    return vec![Step::TextTools];
                }
                refused.iter().map(Step::quarantine).collect()
            }
            None if error.kind == ErrorKind::Template && self.in_vain.len() > 1 && !self.together => {
                self.together = true;
                self.in_vain.clone()
            }
            step => step.into_iter().collect(),
        }
    }

    /// Whether the error is that of a server that has no Chat, where constrained calls go.
    fn has_no_chat(&self, trial: &Endpoint, dialect: Dialect, error: &ModelError) -> bool {
        self.tried.contains(&Step::ConstrainedTools)
            && !self.tried.contains(&Step::TextTools)
            && dialect != trial.dialect_for(self.model.model())
            && error.phase == Phase::Head
            && matches!(
                error.kind,
                ErrorKind::NotAnApi | ErrorKind::BadRequest | ErrorKind::ModelNotFound
            )
    }

    /// After the very same error of a template, what was changed is not what it meant.
    fn take_back_in_vain(&mut self, trial: &Endpoint, error: &ModelError) {
        let same = |(_, kind, details): &mut (Vec<Step>, ErrorKind, Box<ErrorDetails>)| {
            error.kind == ErrorKind::Template && *kind == error.kind && *details == error.details
        };
        if let Some((steps, ..)) = self.last.take_if(same) {
            for step in steps {
                self.take_back(trial, &step);
                if !self.in_vain.contains(&step) {
                    self.in_vain.push(step);
                }
            }
        }
    }

    fn take_back(&mut self, trial: &Endpoint, step: &Step) {
        if self.tried.contains(step) {
            self.tried.retain(|tried| tried != step);
            trial.unlearn(self.model.model(), step);
        }
    }

    /// Takes the steps that [`Descent::next`] gave on `trial`, after `error`.
    pub fn take(&mut self, trial: &Endpoint, steps: Vec<Step>, error: &ModelError) {
        self.taken += 1;
        let gone = |step: &Step| matches!(step, Step::Quarantine { .. } | Step::TextTools);
        if !self.restored && steps.iter().any(gone) {
            // Without what could not be compiled, the others may be as they were.
            for step in [Step::PortableSchemas, Step::BareSchemas] {
                self.restored |= self.tried.contains(&step);
                self.take_back(trial, &step);
            }
        }
        if steps.contains(&Step::TextTools) {
            self.take_back(trial, &Step::ConstrainedTools);
        }
        self.last = Some((steps.clone(), error.kind, error.details.clone()));
        for step in steps {
            trial.learn(self.model.model(), step.clone());
            self.tried.push(step);
        }
    }

    /// When the server begins to answer, what was tried is learned; the person is told what changes.
    pub fn seen(&mut self, event: &ModelEvent) -> Vec<Text> {
        let answers = !matches!(
            event,
            ModelEvent::Progress(_) | ModelEvent::ServedBy(_) | ModelEvent::Usage(_) | ModelEvent::End(_)
        );
        if !answers || self.tried.is_empty() {
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
        Step::CommonEfforts => text!(
            "{model} does not know every word for how hard to think; low, medium or high is said from now on",
            model = model
        ),
        Step::NoThinking => text!(
            "{model} cannot be told how hard to think; left out from now on",
            model = model
        ),
        Step::ConstrainedTools | Step::TextTools => text!(
            "{provider} cannot offer tools to {model}; described in the prompt from now on",
            provider = provider,
            model = model
        ),
        Step::AdaptiveThinking | Step::ThinkingBudget | Step::FindRefusedTools | Step::Quarantine { .. } => {
            return None;
        }
    })
}
