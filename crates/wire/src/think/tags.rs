//! The catalogue of the tags around inline reasoning (`wire-facts.md` §4).

use super::harmony::{self, Header};

/// The tags of one dialect. Small letters match capitals too, as models write what was no token of theirs.
#[derive(Debug)]
pub(super) struct Dialect {
    pub opener: &'static str,
    pub closer: &'static str,
    /// These are special tokens, which nobody writes in prose: they count in the middle of a line too.
    anywhere: bool,
}

const fn dialect(opener: &'static str, closer: &'static str, anywhere: bool) -> Dialect {
    Dialect {
        opener,
        closer,
        anywhere,
    }
}

/// All but harmony, whose messages have headers.
pub(super) const DIALECTS: [Dialect; 8] = [
    // DeepSeek R1, Qwen 3 and most others.
    dialect("<think>", "</think>", false),
    dialect("<thinking>", "</thinking>", false),
    dialect("<reasoning>", "</reasoning>", false),
    dialect("<thought>", "</thought>", false),
    // Seed-OSS.
    dialect("<seed:think>", "</seed:think>", false),
    // Magistral.
    dialect("[THINK]", "[/THINK]", false),
    // Command A.
    dialect("<|START_THINKING|>", "<|END_THINKING|>", true),
    // Gemma 4.
    dialect("<|channel>thought", "<channel|>", true),
];

/// Tokens around the visible text of Command A.
const WRAPPERS: [&str; 2] = ["<|START_RESPONSE|>", "<|END_RESPONSE|>"];
const FINAL: &str = "<final>";
const FINAL_END: &str = "</final>";

/// An opener before more white space than this is text, though it may be the last thing that is said.
const STRAY_BYTES: usize = 256;

/// How much of a tag stands at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Whole,
    /// The text ends before the tag does.
    Beginning,
    No,
}

/// Compares the beginning of `rest` with `tag`.
pub(super) fn literal(rest: &str, tag: &str) -> Literal {
    let same = |(wanted, byte): (u8, u8)| wanted == byte || wanted == byte.to_ascii_lowercase();
    if !tag.bytes().zip(rest.bytes()).all(same) {
        Literal::No
    } else if rest.len() < tag.len() {
        Literal::Beginning
    } else {
        Literal::Whole
    }
}

/// What a block of reasoning ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// The closer of this entry of [`DIALECTS`].
    Of(usize),
    /// The end of a message, or the header of the next one.
    Harmony,
    /// Any closer: the chat template has opened it.
    Any,
}

/// Where in the visible text a tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before all visible text, or all since a block.
    Beginning,
    /// At the beginning of a line.
    Line,
    Middle,
}

/// What stands at a bracket in the visible text, with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Opener(Block, usize),
    /// A closer of no block, or the end of a message.
    Closer(usize),
    /// `<final>` or its like, which begins visible text.
    Wrapper(usize),
    /// The end of `<final>`.
    WrapperEnd(usize),
    /// A harmony header before visible text.
    Message(usize),
    /// A harmony header before a call, which another module reads.
    Call(usize),
    /// The text ends before it is decided.
    Maybe,
    No,
}

/// Reads a tag in the visible text; `wrapped` when this began with `<final>`.
pub(super) fn read(rest: &str, place: Place, wrapped: bool) -> Tag {
    if !may_begin(rest) {
        return Tag::No;
    }
    let mut maybe = false;
    let mut at = |tag: &str| {
        let found = literal(rest, tag);
        maybe |= found == Literal::Beginning;
        found == Literal::Whole
    };
    for (index, dialect) in DIALECTS.iter().enumerate() {
        if dialect.anywhere || place != Place::Middle {
            if at(dialect.opener) {
                return Tag::Opener(Block::Of(index), dialect.opener.len());
            }
            if at(dialect.closer) {
                return Tag::Closer(dialect.closer.len());
            }
        } else if at(dialect.opener) {
            return if is_stray(rest) { Tag::Maybe } else { Tag::No };
        }
    }
    for wrapper in WRAPPERS {
        if at(wrapper) {
            return Tag::Wrapper(wrapper.len());
        }
    }
    if place == Place::Beginning && at(FINAL) {
        return Tag::Wrapper(FINAL.len());
    }
    if wrapped && at(FINAL_END) {
        return Tag::WrapperEnd(FINAL_END.len());
    }
    // `<|call|>` belongs to a call and is left to who reads those.
    for end in &harmony::ENDS[..2] {
        if at(end) {
            return Tag::Closer(end.len());
        }
    }
    match harmony::header(rest) {
        Header::Thought(length) => Tag::Opener(Block::Harmony, length),
        Header::Said(length) => Tag::Message(length),
        Header::Call(length) => Tag::Call(length),
        Header::Maybe => Tag::Maybe,
        Header::No if maybe => Tag::Maybe,
        Header::No => Tag::No,
    }
}

/// Whether `rest` is an opener and white space: one at the very end of an answer opens nothing, but is no text
/// either (llama.cpp issue 27733).
pub(super) fn is_stray(rest: &str) -> bool {
    DIALECTS.iter().any(|dialect| {
        literal(rest, dialect.opener) == Literal::Whole && {
            let after = &rest[dialect.opener.len()..];
            after.len() <= STRAY_BYTES && after.trim_start().is_empty()
        }
    })
}

/// What stands at a bracket in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A closer of this length.
    Closer(usize),
    /// The header of another message.
    Header,
    /// The text ends before it is decided.
    Maybe,
    No,
}

/// Reads what may end `block`.
pub(super) fn read_end(rest: &str, block: Block) -> End {
    if !may_begin(rest) {
        return End::No;
    }
    let mut maybe = false;
    let mut at = |tag: &str| {
        let found = literal(rest, tag);
        maybe |= found == Literal::Beginning;
        found == Literal::Whole
    };
    for (index, dialect) in DIALECTS.iter().enumerate() {
        if (block == Block::Any || block == Block::Of(index)) && at(dialect.closer) {
            return End::Closer(dialect.closer.len());
        }
    }
    if matches!(block, Block::Any | Block::Harmony) {
        for end in harmony::ENDS {
            if at(end) {
                return End::Closer(end.len());
            }
        }
        match harmony::header(rest) {
            Header::No => {}
            Header::Maybe => return End::Maybe,
            Header::Thought(_) | Header::Said(_) | Header::Call(_) => return End::Header,
        }
    }
    if maybe { End::Maybe } else { End::No }
}

/// Whether any tag begins like this.
pub(super) fn may_begin(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'<', next, ..] => matches!(
            next.to_ascii_lowercase(),
            b'|' | b'/' | b't' | b'r' | b's' | b'c' | b'f'
        ),
        [b'[', next, ..] => matches!(next, b'T' | b'/'),
        [b'<' | b'['] => true,
        _ => false,
    }
}
