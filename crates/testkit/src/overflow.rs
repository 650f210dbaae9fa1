//! "The prompt is too long", as each server says it.

use serde_json::{Value, json};

use crate::http::Answer;

/// Whose words an overflow error uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Recorded, b11669.
    LlamaCpp,
    /// Recorded, 0.32: the form that counts tokens, whose number is a lower bound.
    Vllm,
    /// Recorded, 0.32: the form that counts characters, and never names the prompt's tokens.
    VllmCharacters,
    /// Recorded, 1.106: llama.cpp's text inside.
    LiteLlm,
    /// From issues: the error is a string.
    LmStudio,
    /// From its source.
    Ollama,
    /// From its documentation.
    OpenRouter,
    /// From its documentation.
    Anthropic,
    /// From its documentation: no numbers.
    OpenAi,
    /// From its source: a flat error.
    Sglang,
    /// From issues (MLX in LM Studio): neither numbers nor a type.
    NoNumbers,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LlamaCpp,
        Self::Vllm,
        Self::VllmCharacters,
        Self::LiteLlm,
        Self::LmStudio,
        Self::Ollama,
        Self::OpenRouter,
        Self::Anthropic,
        Self::OpenAi,
        Self::Sglang,
        Self::NoNumbers,
    ];

    /// The body of the error for a prompt of so many tokens in such a window.
    pub fn body(self, prompt: u64, window: u64) -> Value {
        match self {
            Self::LlamaCpp => json!({"error": {
                "code": 400,
                "message": llama_cpp_text(prompt, window),
                "type": "exceed_context_size_error",
                "n_prompt_tokens": prompt,
                "n_ctx": window,
            }}),
            Self::Vllm => {
                let bound = window + 1;
                json!({"error": {
                    "message": format!(
                        "This model's maximum context length is {window} tokens. However, your prompt contains at \
                         least {bound} input tokens, which exceeds this limit even without any output tokens. Please \
                         reduce the length of the input prompt. (parameter=input_tokens, value={bound})"
                    ),
                    "type": "BadRequestError", "param": "input_tokens", "code": 400,
                }})
            }
            Self::VllmCharacters => {
                let (characters, most) = (prompt * 5, window * 81);
                json!({"error": {
                    "message": format!(
                        "This model's maximum context length is {window} tokens. However, your prompt contains \
                         {characters} characters (more than {most} characters, which is the upper bound for {window} \
                         input tokens). Please reduce the length of the input prompt. (parameter=input_text, \
                         value={characters})"
                    ),
                    "type": "BadRequestError", "param": "input_text", "code": 400,
                }})
            }
            Self::LiteLlm => json!({"error": {
                "message": format!(
                    "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: \
                     OpenAIException - {}\nmodel=m. context_window_fallbacks=None. fallbacks=None.",
                    llama_cpp_text(prompt, window)
                ),
                "type": "invalid_request_error", "param": null, "code": "400",
            }}),
            Self::LmStudio => json!({"error": format!(
                "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: \
                 {prompt}>= n_ctx: {window}). Try to load the model with a larger context length, or provide a \
                 shorter input."
            )}),
            Self::Ollama => json!({"error": {
                "message": "the prompt is longer than the context length currently available to the model; shorten \
                            the prompt, adjust the context length in settings, or use a model with a longer context \
                            length",
                "type": "invalid_request_error", "param": null, "code": null,
            }}),
            Self::OpenRouter => json!({"error": {
                "code": 400,
                "message": format!(
                    "This endpoint's maximum context length is {window} tokens. However, you requested about \
                     {prompt} tokens ({prompt} of text input, 0 of tool input, 0 in the output). Please reduce the \
                     length of either one, or use the \"middle-out\" transform to compress your prompt automatically."
                ),
                "metadata": {"error_type": "context_length_exceeded"},
            }}),
            Self::Anthropic => json!({
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "message": format!("prompt is too long: {prompt} tokens > {window} maximum"),
                },
                "request_id": "req_testkit",
            }),
            Self::OpenAi => json!({"error": {
                "message": "Your input exceeds the context window of this model. Please adjust your input and try \
                            again.",
                "type": "invalid_request_error", "param": "input", "code": "context_length_exceeded",
            }}),
            Self::Sglang => json!({
                "object": "error",
                "message": format!(
                    "The input ({prompt} tokens) is longer than the model's context length ({window} tokens)."
                ),
                "type": "BadRequestError", "param": null, "code": 400,
            }),
            Self::NoNumbers => json!({"error": "Context size has been exceeded."}),
        }
    }

    pub(crate) fn answer(self, prompt: u64, window: u64) -> Answer {
        Answer::json(400, &self.body(prompt, window))
    }
}

fn llama_cpp_text(prompt: u64, window: u64) -> String {
    format!("request ({prompt} tokens) exceeds the available context size ({window} tokens), try increasing it")
}
