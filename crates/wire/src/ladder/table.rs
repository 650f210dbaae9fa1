//! The table from an error to the steps that may help. Rows are read from above; a row whose step does not change the
//! request, or was taken before, is passed over. Sources: `wire-facts.md` §1, §2 and §6, and the texts in
//! `classify/samples.txt`.

use yabby_core::{
    ErrorKind::{self, BadRequest, Grammar, Template, ToolParser, UnsupportedFeature, UnsupportedField},
    ModelError, Refused, ToolMode,
};

use super::Step;
use crate::dialect::Quirks;

/// One rule.
#[derive(Debug)]
pub(super) struct Row {
    kinds: &'static [ErrorKind],
    when: When,
    pub(super) take: Take,
}

/// What an error must name for a rule.
#[derive(Debug)]
enum When {
    /// Whatever it names.
    Always,
    /// The server refused this.
    Refused(Refused),
    /// It names no part that is known.
    Unclear,
    /// It names nothing at all.
    Nameless,
    /// The path of the field begins with one of the first and ends with one of the second; an empty list holds for
    /// all. A name alone is both.
    Field(&'static [&'static str], &'static [&'static str]),
    /// The field is what holds the answer to a schema, and the tools were put into that schema.
    Constraint,
}

/// What a rule takes.
#[derive(Debug)]
pub(super) enum Take {
    /// This step.
    Fixed(Step),
    /// The top-level field that the error names is dropped.
    DropNamed,
    /// This field is dropped.
    Drop(&'static str),
    /// The tool that the error names is put into quarantine.
    QuarantineNamed,
}

const fn row(kinds: &'static [ErrorKind], when: When, step: Step) -> Row {
    Row {
        kinds,
        when,
        take: Take::Fixed(step),
    }
}

const FIELD: &[ErrorKind] = &[UnsupportedField];
/// Some servers say only that the value is wrong.
const SHAPE: &[ErrorKind] = &[UnsupportedField, BadRequest];
const VALUE: &[ErrorKind] = &[BadRequest];
/// Where the dialects and servers put how hard to think.
const THINKING: &[&str] = &[
    "reasoning_effort",
    "reasoning",
    "chat_template_kwargs",
    "enable_thinking",
    "thinking",
    "think",
    "output_config",
];
const CONVERSATION: &[&str] = &["messages", "input"];
const SCHEMAS: &[ErrorKind] = &[Grammar];
const TEMPLATE: &[ErrorKind] = &[Template];
const FEATURE: &[ErrorKind] = &[UnsupportedFeature];
const PARSER: &[ErrorKind] = &[ToolParser];

/// Where the dialects put the schema of an answer.
const CONSTRAINTS: [&str; 4] = ["response_format", "text", "output_config", "format"];

/// The rows.
pub(super) static TABLE: &[Row] = &[
    // Fields. Those that have another name or stand at several places go before those that are just dropped.
    row(FIELD, When::Field(&["max_tokens"], &[]), Step::MaxCompletionTokens),
    row(FIELD, When::Field(&["max_completion_tokens"], &[]), Step::MaxTokens),
    row(FIELD, When::Field(&["tools", "strict"], &["strict"]), Step::NoStrict),
    row(FIELD, When::Field(&[], &["cache_control"]), Step::NoPromptCache),
    row(SHAPE, When::Field(CONVERSATION, &["role"]), Step::FoldSystem),
    row(SHAPE, When::Field(CONVERSATION, &["role"]), Step::ToolsAsText),
    row(SHAPE, When::Field(CONVERSATION, &["content"]), Step::StringContent),
    row(FIELD, When::Field(&["tools"], &["tools"]), Step::ConstrainedTools),
    row(FIELD, When::Field(&["tools"], &["tools"]), Step::TextTools),
    row(FIELD, When::Constraint, Step::TextTools),
    // How hard to think: another word or another form, then nothing.
    row(SHAPE, When::Field(THINKING, &[]), Step::CommonEfforts),
    row(SHAPE, When::Field(THINKING, &[]), Step::AdaptiveThinking),
    row(SHAPE, When::Field(THINKING, &[]), Step::ThinkingBudget),
    row(SHAPE, When::Field(THINKING, &[]), Step::NoThinking),
    Row {
        kinds: FIELD,
        when: When::Always,
        take: Take::DropNamed,
    },
    // Schemas: less and less is asked of the compiler, and at last the tools that it cannot take go.
    row(SCHEMAS, When::Always, Step::PortableSchemas),
    row(SCHEMAS, When::Always, Step::BareSchemas),
    Row {
        kinds: SCHEMAS,
        when: When::Always,
        take: Take::QuarantineNamed,
    },
    row(SCHEMAS, When::Always, Step::FindRefusedTools),
    // The shape of the conversation. What the template names goes first; then all that could be meant.
    row(TEMPLATE, When::Refused(Refused::Prefill), Step::EndWithUser),
    row(TEMPLATE, When::Refused(Refused::CallIds), Step::ShortCallIds),
    row(TEMPLATE, When::Refused(Refused::SystemRole), Step::FoldSystem),
    row(TEMPLATE, When::Always, Step::ToolsAsText),
    row(TEMPLATE, When::Always, Step::FoldSystem),
    row(TEMPLATE, When::Always, Step::EndWithUser),
    row(TEMPLATE, When::Unclear, Step::ConstrainedTools),
    row(TEMPLATE, When::Unclear, Step::TextTools),
    // Tools. A model that refuses pictures is not asked without them.
    row(FEATURE, When::Refused(Refused::Tools), Step::ConstrainedTools),
    row(FEATURE, When::Refused(Refused::Tools), Step::TextTools),
    row(PARSER, When::Always, Step::ConstrainedTools),
    row(PARSER, When::Always, Step::TextTools),
    row(FEATURE, When::Refused(Refused::Thinking), Step::NoThinking),
    // Reasoning that the config asks for, in the words of three servers.
    Row {
        kinds: FEATURE,
        when: When::Refused(Refused::Thinking),
        take: Take::Drop("think"),
    },
    Row {
        kinds: FEATURE,
        when: When::Refused(Refused::Thinking),
        take: Take::Drop("reasoning_effort"),
    },
    Row {
        kinds: FEATURE,
        when: When::Refused(Refused::Thinking),
        take: Take::Drop("reasoning"),
    },
    // Who asks for thinking shall get an answer without rather than none: not every server says what it does not like.
    row(VALUE, When::Nameless, Step::CommonEfforts),
    row(VALUE, When::Nameless, Step::AdaptiveThinking),
    row(VALUE, When::Nameless, Step::ThinkingBudget),
    row(VALUE, When::Nameless, Step::NoThinking),
];

// === impl Row ===

impl Row {
    pub(super) fn fits(&self, error: &ModelError, quirks: &Quirks) -> bool {
        let details = &error.details;
        let field = details.field.as_deref();
        self.kinds.contains(&error.kind)
            && match &self.when {
                When::Always => true,
                When::Refused(part) => details.refused == Some(*part),
                When::Unclear => details.refused.is_none(),
                When::Nameless => details.refused.is_none() && field.is_none(),
                When::Field(first, last) => field.is_some_and(|path| {
                    let mut parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
                    let begins = parts.clone().next();
                    let fits = |list: &[&str], part: Option<&str>| {
                        list.is_empty() || part.is_some_and(|part| list.contains(&part))
                    };
                    fits(first, begins) && fits(last, parts.next_back())
                }),
                When::Constraint => {
                    quirks.tool_mode == ToolMode::Constrained
                        && field.is_some_and(|path| {
                            let name = path.split(['.', '[']).next().unwrap_or_default();
                            CONSTRAINTS.contains(&name)
                        })
                }
            }
    }
}
