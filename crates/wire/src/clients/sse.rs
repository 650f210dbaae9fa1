//! Writing events of a stream.

use serde::Serialize;
use yabby_core::Progress;

/// An event without a name, as Chat has them.
pub(super) fn data(out: &mut Vec<u8>, value: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    json(out, value);
    out.extend_from_slice(b"\n\n");
}

/// An event with a name.
pub(super) fn named(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    data(out, value);
}

/// A value as JSON.
pub(super) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    let begin = out.len();
    // Memory takes all bytes, and keys are strings, so there is nothing that can fail.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(begin);
    }
}

/// What happens before or between tokens, as a comment: clients pass over it, and see that the connection lives. The one
/// for a prompt that is being read is that of mlx-lm, which our own decoder reads (`wire-facts.md` §7.9).
pub(super) fn comment(out: &mut Vec<u8>, progress: Progress) {
    let text = match progress {
        Progress::Alive => ": alive\n\n".to_owned(),
        Progress::Queued { ahead, .. } => format!(": queued behind {ahead}\n\n"),
        Progress::Prefill { done, total } => format!(": keepalive {done}/{total}\n\n"),
        Progress::Loading { .. } => ": loading\n\n".to_owned(),
        Progress::Working { .. } => ": working\n\n".to_owned(),
    };
    out.extend_from_slice(text.as_bytes());
}
