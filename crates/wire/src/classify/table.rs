//! The table from an error to its kind. The first row that fits decides, so the order is part of the meaning:
//! structured codes, what only looks like an overflow, overflow, the model's state, its name, the key, money,
//! capacity, features, fields, the tool parser, and at last the bare status. Sources: `wire-facts.md` §2 unless
//! a row says otherwise; `classify/tests.rs` has a real text for each row.

use yabby_core::ErrorKind::{
    self, Auth, BadRequest, Billing, ContextOverflow, Grammar, Interrupted, Loading, ModelNotFound, NotAnApi,
    NotLoaded, Overloaded, RateLimit, Server, Template, ToolParser, UnsupportedFeature, UnsupportedField,
};

use super::reading::{Reading, Shape};

/// One rule.
#[derive(Debug)]
pub(super) struct Row {
    pub kind: ErrorKind,
    pub when: When,
    /// The statuses for which the rule holds. An error inside an answer that names none has [`NONE`].
    pub status: (u16, u16),
}

/// What a rule looks at.
#[derive(Debug)]
pub(super) enum When {
    /// A `type`, `code` or the like is one of these.
    Code(&'static [&'static str]),
    /// The message has these pieces, in this order.
    Text(&'static [&'static str]),
    /// The body is of this shape.
    Shape(Shape),
    /// The status alone.
    Status,
}

const ANY: (u16, u16) = (0, 999);
const NONE: u16 = 0;

const fn code(kind: ErrorKind, codes: &'static [&'static str]) -> Row {
    Row {
        kind,
        when: When::Code(codes),
        status: ANY,
    }
}

const fn says(kind: ErrorKind, pieces: &'static [&'static str]) -> Row {
    Row {
        kind,
        when: When::Text(pieces),
        status: ANY,
    }
}

const fn says_under(kind: ErrorKind, pieces: &'static [&'static str], status: u16) -> Row {
    Row {
        kind,
        when: When::Text(pieces),
        status: (status, status),
    }
}

const fn shape(kind: ErrorKind, shape: Shape, from: u16, to: u16) -> Row {
    Row {
        kind,
        when: When::Shape(shape),
        status: (from, to),
    }
}

const fn status(kind: ErrorKind, from: u16, to: u16) -> Row {
    Row {
        kind,
        when: When::Status,
        status: (from, to),
    }
}

/// The rows.
pub(super) const TABLE: &[Row] = &[
    // Structured. Anthropic's spend limit comes as a 429 that no waiting ends (§7.7).
    code(
        Billing,
        &[
            "enforced_spend_limit_reached",
            "insufficient_quota",
            "credit_balance_exhausted",
            "billing_error",
            "payment_required",
        ],
    ),
    code(
        ContextOverflow,
        &[
            "exceed_context_size_error",
            "context_exceeded",
            "context_length_exceeded",
        ],
    ),
    // The whole request was too large, also where it is one for the tokens of a minute (Groq).
    status(ContextOverflow, 413, 413),
    code(RateLimit, &["rate_limit_error", "rate_limit_exceeded"]),
    code(
        Overloaded,
        &["overloaded_error", "provider_overloaded", "provider_unavailable"],
    ),
    // OpenRouter's filter of the input comes as a 403: it says nothing of the key (§7.6).
    code(BadRequest, &["content_policy_violation"]),
    code(
        Auth,
        &[
            "authentication_error",
            "invalid_api_key",
            "permission_error",
            "authenticationerror",
        ],
    ),
    // LiteLLM without a database says this to a wrong key (§7.2).
    code(Auth, &["no_db_connection"]),
    code(ModelNotFound, &["model_not_found"]),
    code(
        UnsupportedField,
        &[
            "unsupported_parameter",
            "unsupported_value",
            "unknown_parameter",
            "extra_forbidden",
        ],
    ),
    code(UnsupportedField, &["invalid_union_discriminator"]),
    // A 429 may speak of "too many tokens" a minute: never an overflow. Nor is it one inside a stream.
    status(RateLimit, 429, 429),
    says(RateLimit, &["too many tokens", " per "]),
    // LM Studio says this with 200 on a path that it does not have (lmstudio-bug-tracker issue 618).
    says(NotAnApi, &["unexpected endpoint or method"]),
    // llama.cpp wraps what a template raises into the words for a schema that does not compile.
    says(Template, &["unable to generate parser", "jinja exception"]),
    // Not overflow: the tool or output schema, and the parser that the server makes of it.
    says(Grammar, &["failed to parse grammar"]),
    says(Grammar, &["json schema conversion failed"]),
    says(Grammar, &["unable to generate parser"]),
    says(Grammar, &["grammar error"]),
    says(Grammar, &["invalid schema for function"]),
    says(Grammar, &["input_schema", "json schema is invalid"]),
    // Not overflow: the shape of the conversation.
    says(Template, &["failed to parse tool call arguments as json"]),
    // llama.cpp without the option, whatever the conversation.
    says(UnsupportedFeature, &["param requires --jinja"]),
    says(Template, &["jinja"]),
    says(Template, &["raise_exception"]),
    says(Template, &["chat template"]),
    says(Template, &["system message must be"]),
    // Under another status it is about what a person may do, or about a model.
    says_under(Template, &["system role"], 400),
    says_under(Template, &["system role"], 500),
    says_under(Template, &["system role"], NONE),
    says(Template, &["only user and assistant roles"]),
    says(Template, &["no user query found"]),
    says(Template, &["roles must alternate"]),
    // Mistral's tokenizer, and its templates.
    says(Template, &["tool call id", "length"]),
    says(Template, &["does not support assistant message prefill"]),
    says(Template, &["must end with a user message"]),
    says(Template, &["tool_use", "without", "tool_result"]),
    // Overflow. The first is the sum of prompt and answer on vLLM; its window is still true.
    says(ContextOverflow, &["cannot be greater than max_model_len"]),
    says(ContextOverflow, &["contextwindowexceedederror"]),
    says(ContextOverflow, &["exceeds the available context size"]),
    says(ContextOverflow, &["maximum context length"]),
    says(ContextOverflow, &["context length is only"]),
    says(ContextOverflow, &["prompt is too long"]),
    says(ContextOverflow, &["input is too long for requested model"]),
    says(ContextOverflow, &["exceeds the context window"]),
    says(ContextOverflow, &["exceed context window"]),
    // Anthropic: the sum of prompt and answer.
    says(ContextOverflow, &["input length and", "exceed context limit"]),
    says(ContextOverflow, &["input token count", "exceeds the maximum"]),
    says(ContextOverflow, &["maximum prompt length is"]),
    says(ContextOverflow, &["reduce the length of the messages"]),
    says(ContextOverflow, &["reduce the length of the input"]),
    says(ContextOverflow, &["max_tokens must be at least 1, got -"]),
    says(ContextOverflow, &["n_keep:", "n_ctx:"]),
    says(ContextOverflow, &["trying to keep the first"]),
    says(ContextOverflow, &["loaded with context length of only"]),
    says(ContextOverflow, &["greater than the context length"]),
    says(ContextOverflow, &["longer than the context length"]),
    says(ContextOverflow, &["longer than the model's context length"]),
    says(ContextOverflow, &["exceeds the context length"]),
    says(ContextOverflow, &["context size has been exceeded"]),
    says(ContextOverflow, &["context window exceeds limit"]),
    says(ContextOverflow, &["exceeded model token limit"]),
    says(ContextOverflow, &["too large for model with", "maximum"]),
    says(ContextOverflow, &["context_length_exceeded"]),
    says(ContextOverflow, &["context length exceeded"]),
    says(ContextOverflow, &["is too large to process", "batch size"]),
    says(ContextOverflow, &["too many tokens"]),
    // The model's state. A model that could not be loaded is not waited for.
    says(Overloaded, &["error loading model", "unable to allocate"]),
    says(Overloaded, &["requires more system memory"]),
    says(Server, &["error loading model"]),
    // llama.cpp's words; other servers use them under other statuses when the loading has failed.
    says_under(Loading, &["loading model"], 503),
    says_under(Loading, &["loading model"], NONE),
    says(Loading, &["model is loading"]),
    says(Loading, &["is currently loading"]),
    says(NotLoaded, &["no models loaded"]),
    says(NotLoaded, &["model is unloaded"]),
    says(NotLoaded, &["model is not loaded"]),
    says(Overloaded, &["insufficient system resources"]),
    says(Overloaded, &["model limit reached"]),
    // The model's name.
    says(UnsupportedFeature, &["no endpoints found that support"]),
    says(ModelNotFound, &["no endpoints found for"]),
    says(ModelNotFound, &["the model", "does not exist"]),
    says(ModelNotFound, &["not found, try pulling it first"]),
    says(ModelNotFound, &["model '", "' not found"]),
    says(ModelNotFound, &["invalid model name"]),
    says(ModelNotFound, &["invalid model identifier"]),
    says(ModelNotFound, &["is not a valid model"]),
    shape(NotAnApi, Shape::Html, 404, 404),
    says_under(ModelNotFound, &["model"], 404),
    // The key.
    says(Auth, &["invalid api key"]),
    says(Auth, &["incorrect api key"]),
    status(Auth, 401, 401),
    status(Auth, 403, 403),
    // Money, capacity.
    status(Billing, 402, 402),
    says(Billing, &["credit balance is too low"]),
    // Anthropic's limit that the owner has set, under 400 (§7.7).
    says(Billing, &["reached your specified api usage limits"]),
    says(Overloaded, &["server busy"]),
    status(Overloaded, 529, 529),
    // Features.
    code(UnsupportedFeature, &["not_supported_error"]),
    says(UnsupportedFeature, &["image input is not supported"]),
    says(UnsupportedFeature, &["is not a multimodal model"]),
    says(UnsupportedFeature, &["does not support tools"]),
    says(UnsupportedFeature, &["does not support chat"]),
    says(UnsupportedFeature, &["does not support thinking"]),
    says(UnsupportedFeature, &["does not support generate"]),
    says(UnsupportedFeature, &["does not support logits"]),
    says(UnsupportedFeature, &["tool choice requires --enable-auto-tool-choice"]),
    // Fields.
    says(UnsupportedField, &["unsupportedparamserror"]),
    says(UnsupportedField, &["does not support parameters"]),
    says(UnsupportedField, &["unsupported parameter"]),
    says(UnsupportedField, &["unsupported value: '"]),
    says(UnsupportedField, &["unknown parameter"]),
    says(UnsupportedField, &["unrecognized request argument"]),
    says(UnsupportedField, &["extra inputs are not permitted"]),
    says(UnsupportedField, &["extra_forbidden"]),
    says(UnsupportedField, &["unknown field"]),
    says(UnsupportedField, &["unknown name", "cannot find field"]),
    says(UnsupportedField, &["does not support 'previous_response_id'"]),
    says(UnsupportedField, &["encrypted content is not supported"]),
    says(UnsupportedField, &["invalid discriminator value"]),
    // The tool parser.
    says(ToolParser, &["does not match the expected", "format"]),
    says(ToolParser, &["unexpected empty grammar stack"]),
    says(ToolParser, &["failed to parse input at pos"]),
    says(ToolParser, &["error parsing tool call"]),
    // A proxy whose upstream died in the middle of the answer (LiteLLM, §7.2).
    says(Interrupted, &["response payload is not completed"]),
    // vLLM after its engine has died; the server itself ends soon after (§7.1).
    says(Server, &["enginecore encountered an issue"]),
    // The status and the shape. A gateway's page for 502 to 504 means that the server behind it is down.
    status(Server, 504, 504),
    shape(Server, Shape::Html, 502, 503),
    status(Overloaded, 503, 503),
    shape(NotAnApi, Shape::Html, 0, 999),
    // llama.cpp answers unknown paths with an error object (recording `llama-server-b11669-smollm2/sleep.txt`).
    says_under(NotAnApi, &["file not found"], 404),
    shape(BadRequest, Shape::Error, 404, 404),
    status(NotAnApi, 404, 405),
    status(NotAnApi, 300, 399),
    status(UnsupportedFeature, 501, 501),
    status(Server, 408, 408),
    status(Server, 500, 599),
    status(BadRequest, 400, 499),
    // No status: inside a stream.
    code(
        BadRequest,
        &["invalid_request_error", "invalid_prompt", "badrequesterror"],
    ),
    code(ModelNotFound, &["not_found_error"]),
];

/// The kind of an error.
pub(super) fn kind(status: Option<u16>, reading: &Reading) -> ErrorKind {
    row(status, reading).map_or(Server, |row| TABLE[row].kind)
}

/// The first row that fits.
pub(super) fn row(status: Option<u16>, reading: &Reading) -> Option<usize> {
    TABLE.iter().position(|row| row.fits(status, reading))
}

fn in_order(mut text: &str, pieces: &[&str]) -> bool {
    pieces.iter().all(|piece| match text.find(piece) {
        Some(at) => {
            text = &text[at + piece.len()..];
            true
        }
        None => false,
    })
}

// === impl Row ===

impl Row {
    pub(super) fn fits(&self, status: Option<u16>, reading: &Reading) -> bool {
        let (from, to) = self.status;
        (from..=to).contains(&status.unwrap_or(NONE))
            && match &self.when {
                When::Code(codes) => reading.codes.iter().any(|code| codes.contains(&code.as_str())),
                When::Text(pieces) => in_order(&reading.lower, pieces),
                When::Shape(shape) => reading.shape == *shape,
                When::Status => true,
            }
    }
}
