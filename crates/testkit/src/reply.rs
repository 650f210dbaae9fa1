//! What a reply is made of: steps, and short names to write them with.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// One event of a reply. Write them with the functions in [`step`], inside [`script!`](crate::script!).
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A piece of the visible answer.
    Text(String),
    /// A piece of reasoning, in the field of the server kind.
    Reasoning(String),
    /// A native tool call; its arguments are sent in pieces.
    ToolCall(ToolCall),
    /// The token counts that this reply reports, wherever the shape puts them. Without it they are estimated.
    Usage(Usage),
    /// No usage anywhere.
    NoUsage,
    /// The finish reason in the words of Chat Completions (`stop`, `length`, `tool_calls`, `content_filter`),
    /// translated for the other two APIs; an unknown word is passed on as it is.
    Finish(String),
    /// The terminator, here (`[DONE]`, `message_stop`). Added at the end when no step says it.
    Done,
    /// An SSE comment; an empty one is llama.cpp's ping.
    Comment(String),
    /// Progress of the prompt, when the request asked for it with `return_progress`; otherwise silence.
    Prefill {
        /// Prompt tokens processed.
        done: u64,
        /// Prompt tokens in all.
        total: u64,
    },
    /// The status line and the headers, before there is anything to say.
    Headers,
    /// Silence.
    Sleep(Duration),
    /// These bytes, as they are. In a whole answer all raw bytes together are the body.
    Raw(Bytes),
    /// One line of so many bytes that never ends.
    HugeLine(usize),
    /// Silence until the test opens it.
    Held(Latch),
    /// The same text again and again until the client leaves.
    Endless(String),
    /// An error inside the stream, in the shape of API and kind; in a whole answer it becomes HTTP 500.
    ErrorEvent(Value),
    /// The connection is reset (RST).
    Rst,
    /// The connection is closed: the chunked body lacks its end, a whole answer is cut in the middle.
    Close,
    /// The body ends properly, but no finish and no terminator is added.
    End,
    /// Not another byte; the connection stays open until the client leaves or the server is dropped.
    Hang,
}

/// Holds the rest of a reply back until it is opened. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<watch::Sender<bool>>);

impl Latch {
    /// What is held goes on, also what comes to it later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn opened(&self) {
        // The sender is here.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl PartialEq for Latch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A tool call as a model makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The call id, sent as it is.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments: JSON text, or something that should have been.
    pub arguments: String,
}

impl ToolCall {
    /// The arguments cut into three pieces at most, at character boundaries.
    pub(crate) fn pieces(&self) -> Vec<&str> {
        let mut pieces = Vec::new();
        let mut rest = self.arguments.as_str();
        let size = self.arguments.len().div_ceil(3).max(1);
        while !rest.is_empty() {
            let mut end = size.min(rest.len());
            while !rest.is_char_boundary(end) {
                end += 1;
            }
            let (piece, after) = rest.split_at(end);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}

/// Token counts as a server reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens in all, cached ones included.
    pub prompt: u64,
    /// Generated tokens.
    pub completion: u64,
    /// Prompt tokens that came from the cache.
    pub cached: u64,
}

/// A scripted answer to one model call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    steps: Vec<Step>,
}

impl Reply {
    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps, to be changed.
    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl From<Vec<Step>> for Reply {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}

impl From<&str> for Reply {
    /// A plain answer.
    fn from(text: &str) -> Self {
        vec![step::text(text), step::finish("stop")].into()
    }
}

/// Makes a [`Reply`] from steps; the functions of [`step`] are in scope inside it.
///
/// ```
/// let reply = yabby_testkit::script![text("half an ans"), rst()];
/// assert_eq!(reply.steps().len(), 2);
/// ```
#[macro_export]
macro_rules! script {
    ($($step:expr),* $(,)?) => {{
        use $crate::step::*;
        Script::from(vec![$($step),*])
    }};
}

/// Short names for the steps of a script.
pub mod step {
    use super::{Bytes, Duration, Latch, Step, ToolCall, Usage, Value};

    pub use super::Reply as Script;

    /// A piece of the visible answer.
    pub fn text(piece: impl Into<String>) -> Step {
        Step::Text(piece.into())
    }

    /// A piece of reasoning.
    pub fn reasoning(piece: impl Into<String>) -> Step {
        Step::Reasoning(piece.into())
    }

    /// A native tool call.
    pub fn tool_call(id: &str, name: &str, arguments: &str) -> Step {
        Step::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    /// Reported prompt and completion tokens, nothing cached.
    pub fn usage(prompt: u64, completion: u64) -> Step {
        Step::Usage(Usage {
            prompt,
            completion,
            cached: 0,
        })
    }

    /// Reported prompt, completion and cached tokens.
    pub fn usage_cached(prompt: u64, completion: u64, cached: u64) -> Step {
        Step::Usage(Usage {
            prompt,
            completion,
            cached,
        })
    }

    /// No usage anywhere.
    pub fn no_usage() -> Step {
        Step::NoUsage
    }

    /// The finish reason, in the words of Chat Completions.
    pub fn finish(reason: &str) -> Step {
        Step::Finish(reason.to_owned())
    }

    /// The terminator, here.
    pub fn done() -> Step {
        Step::Done
    }

    /// An SSE comment.
    pub fn comment(text: &str) -> Step {
        Step::Comment(text.to_owned())
    }

    /// Progress of the prompt.
    pub fn prefill(done: u64, total: u64) -> Step {
        Step::Prefill { done, total }
    }

    /// The headers, before there is anything to say.
    pub fn headers() -> Step {
        Step::Headers
    }

    /// Silence.
    pub fn sleep(time: Duration) -> Step {
        Step::Sleep(time)
    }

    /// Silence of so many milliseconds.
    pub fn sleep_ms(milliseconds: u64) -> Step {
        Step::Sleep(Duration::from_millis(milliseconds))
    }

    /// These bytes, as they are.
    pub fn raw(bytes: impl Into<Bytes>) -> Step {
        Step::Raw(bytes.into())
    }

    /// Silence until the test opens it.
    pub fn held(latch: &Latch) -> Step {
        Step::Held(latch.clone())
    }

    /// One SSE event with these data, whatever they are.
    pub fn data(data: impl std::fmt::Display) -> Step {
        Step::Raw(format!("data: {data}\n\n").into())
    }

    /// One line that never ends.
    pub fn huge_line(bytes: usize) -> Step {
        Step::HugeLine(bytes)
    }

    /// The same text for ever.
    pub fn endless(text: &str) -> Step {
        Step::Endless(text.to_owned())
    }

    /// An error inside the stream: the inner object, such as `{"message": "…", "type": "…"}`.
    pub fn error_event(error: Value) -> Step {
        Step::ErrorEvent(error)
    }

    /// Resets the connection.
    pub fn rst() -> Step {
        Step::Rst
    }

    /// Closes the connection in the middle of the body.
    pub fn close() -> Step {
        Step::Close
    }

    /// Ends the body properly and adds nothing.
    pub fn end() -> Step {
        Step::End
    }

    /// Not another byte.
    pub fn hang() -> Step {
        Step::Hang
    }
}
