//! Text of a model that a schema holds to an answer or a call.

use yabby_core::{ModelEvent, ToolMode};
use yabby_wire::{BodyKind, Dialect};

use crate::{
    expect::{IN_REASONING, TOOLS, expectation},
    head::Head,
    outcome::decode,
    written::stream,
};

/// A limit has ended the answer.
const LENGTH: u8 = 1;

/// The request has a schema of its own for the answer.
const STRUCTURED: u8 = 2;

/// However a text is cut into deltas, the events are the same; and no mark of reasoning is left in a spoken answer.
pub fn protocol(input: &[u8]) {
    let Some((head, body)) = Head::take(input) else { return };
    let body = String::from_utf8_lossy(body);
    let reason = if head.has(LENGTH) { "length" } else { "stop" };
    let mut expect = expectation(head.flags(IN_REASONING) | TOOLS);
    expect.tool_mode = ToolMode::Constrained;
    expect.structured = head.has(STRUCTURED);
    let read = |stream: String| decode(Dialect::Chat, BodyKind::EventStream, &expect, [stream.as_bytes()]);
    let whole = read(stream([&*body], reason));
    let cut = read(stream(head.texts(&body), reason));
    assert_eq!(cut, whole, "cut and whole differ");
    // A block of reasoning is one too where its marks show only when the string is read.
    let escaped: Result<String, _> = serde_json::from_str(&format!("\"{body}\""));
    if let Ok(spoken) = escaped
        && !expect.structured
        && !spoken.contains(['<', '[', '`', '~'])
        && !spoken.contains("secret")
    {
        let answer = serde_json::json!({"answer": format!("{spoken}\n<think>secret</think>")}).to_string();
        let escaped = answer.replace('<', "\\u003c");
        for answer in [answer, escaped] {
            let said = read(stream(head.texts(&answer), reason));
            let leaks = |event: &ModelEvent| matches!(event, ModelEvent::Text(text) if text.contains("secret"));
            assert!(!said.events.iter().any(leaks), "{answer}: {said:?}");
        }
    }
}
