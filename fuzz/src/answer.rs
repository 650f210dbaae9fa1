//! Answers of servers.

use yabby_wire::{BodyKind, Dialect};

use crate::{
    expect::{IN_REASONING, TOOLS, expectation},
    head::Head,
    outcome::decode,
};

/// The announced [`BodyKind`].
const KIND: u8 = 3;
/// The answer may have three tokens.
const LIMIT: u8 = 16;
/// The conversation has a call already.
const CALLED: u8 = 32;

/// However the bytes of an answer are cut, its events are the same.
pub fn answer(dialect: Dialect, input: &[u8]) {
    let Some((head, body)) = Head::take(input) else { return };
    let mut expect = expectation(head.flags(TOOLS | IN_REASONING));
    expect.max_output_tokens = head.has(LIMIT).then_some(3);
    if head.has(CALLED) {
        expect.call_ids = vec!["call_1".to_owned()];
    }
    let kind = match head.flags(KIND) {
        0 => BodyKind::EventStream,
        1 => BodyKind::Lines,
        _ => BodyKind::Json,
    };
    let whole = decode(dialect, kind, &expect, [body]);
    let cut = decode(dialect, kind, &expect, head.pieces(body));
    assert_eq!(cut, whole, "cut and whole differ");
}
