//! Answers of Ollama's `/api/chat`. A line of a stream and a whole answer have the same fields; the line that has
//! `done` also has the counts.

use serde_json::Value;
use yabby_core::{EndReason, ErrorKind, Usage};

use crate::{
    answer::{Answer, Decode},
    calls::Key,
    error::WireError,
    json,
};

/// Reads answers of `/api/chat`.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Something of an answer has come.
    begun: bool,
    /// How many calls have come.
    calls: u64,
}

/// `done_reason`. `load` and `unload` end answers to requests without messages, which are none that Yabby makes.
fn end_reason(reason: &str) -> EndReason {
    match reason {
        "stop" => EndReason::Stop,
        "length" => EndReason::Length,
        _ => EndReason::Unknown,
    }
}

// === impl Reader ===

impl Reader {
    /// A call comes whole, with its arguments as an object; the ids of newer versions are kept.
    fn call(&mut self, call: &Value, answer: &mut Answer) -> Result<(), WireError> {
        let key = Key::Index(self.calls);
        self.calls += 1;
        let name = json::text(call, "/function/name");
        answer.calls.open(key.clone(), json::text(call, "/id"), name)?;
        match call.pointer("/function/arguments") {
            Some(Value::String(arguments)) => answer.calls.append(key, arguments),
            Some(arguments @ Value::Object(_)) => answer.calls.append(key, &arguments.to_string()),
            _ => Ok(()),
        }
    }

    fn line(&mut self, line: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.begun |= line.get("message").is_some() || line.get("done").is_some();
        if !self.begun {
            return Err(WireError::new(
                ErrorKind::Malformed,
                "the answer has none of the fields of its dialect",
            ));
        }
        answer.served_by(json::text(line, "/model"));
        answer.reasoning(json::text(line, "/message/thinking"));
        answer.text(json::text(line, "/message/content"));
        for call in json::items(line, "/message/tool_calls") {
            self.call(call, answer)?;
        }
        if line.get("done") != Some(&Value::Bool(true)) {
            return Ok(());
        }
        answer.usage(Usage {
            // Left out when the whole prompt was cached, in older versions.
            input_tokens: json::count(line, "/prompt_eval_count"),
            cached_tokens: None,
            cache_write_tokens: None,
            output_tokens: json::count(line, "/eval_count"),
            reasoning_tokens: None,
            cost: None,
        });
        // Versions of 2023 gave no reason (`docs/api.md`, "Chat Request (Streaming)").
        answer.ended(end_reason(json::text(line, "/done_reason")));
        Ok(())
    }
}

impl Decode for Reader {
    fn event(&mut self, _name: Option<&str>, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.line(data, answer)
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.line(body, answer)
    }
}
