//! Reasoning in words: a line `Reasoning:`, lines in italics, and then the answer (`wire-facts.md` §4).
//!
//! It counts only at the very beginning of an answer and only in this shape: every line of the block is between two
//! underscores, the block ends with an empty line or the first other line, and an answer follows. Everything else is
//! text.

use memchr::memchr;

/// The most bytes that are held back until it is clear.
const MAX_HELD: usize = 64 * 1024;

/// How the first line may be written.
const HEADERS: [&str; 3] = ["Reasoning:", "**Reasoning:**", "**Reasoning**:"];

/// What stands at the beginning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aloud {
    /// A block of reasoning, without its marks, and the length of all that is not the answer.
    Block(String, usize),
    /// The text ends before it is decided; so much of it need not be looked at again.
    Maybe(usize),
    No,
}

/// Whether an answer that begins with this byte may begin so.
pub(super) fn may_begin(first: u8) -> bool {
    matches!(first, b'R' | b'*')
}

/// Reads the beginning of an answer, of which the first `known` bytes are whole lines of a block.
pub(super) fn read(text: &str, known: usize) -> Aloud {
    let window = &text[..text.floor_char_boundary(MAX_HELD)];
    match lines(window, known) {
        Aloud::Maybe(_) if window.len() < text.len() => Aloud::No,
        found => found,
    }
}

fn lines(text: &str, known: usize) -> Aloud {
    let mut at = known;
    loop {
        let rest = &text[at..];
        let Some(end) = memchr(b'\n', rest.as_bytes()) else {
            let may_go_on = if at == 0 {
                may_be_header(rest)
            } else {
                may_be_italic(rest)
            };
            return match may_go_on {
                true => Aloud::Maybe(at),
                false if at == 0 => Aloud::No,
                false => block(text, at),
            };
        };
        let line = rest[..end].trim_end();
        if at == 0 && !HEADERS.contains(&line) {
            return Aloud::No;
        }
        if at > 0 && italic(line).is_none() {
            return if line.is_empty() {
                after_empty(text, at)
            } else {
                block(text, at)
            };
        }
        at += end + 1;
    }
}

/// The block ends before the empty line at `end`; whether an answer follows is still to be seen.
fn after_empty(text: &str, end: usize) -> Aloud {
    if text[end..].trim_start().is_empty() {
        Aloud::Maybe(end)
    } else {
        block(text, end)
    }
}

/// The lines before `end`, which is where the answer begins.
fn block(text: &str, end: usize) -> Aloud {
    let lines: Vec<&str> = text[..end]
        .lines()
        .skip(1)
        .filter_map(|line| italic(line.trim_end()))
        .collect();
    if lines.is_empty() {
        return Aloud::No;
    }
    let rest = &text[end..];
    let blank = &rest[..rest.len() - rest.trim_start().len()];
    Aloud::Block(lines.join("\n"), end + blank.rfind('\n').map_or(0, |at| at + 1))
}

/// What is between the underscores of a line.
fn italic(line: &str) -> Option<&str> {
    let inside = line.strip_prefix('_')?.strip_suffix('_')?;
    (!inside.trim().is_empty()).then_some(inside)
}

fn may_be_header(rest: &str) -> bool {
    let line = rest.trim_end();
    HEADERS.iter().any(|header| header.starts_with(rest) || *header == line)
}

/// White space may be the beginning of an empty line.
fn may_be_italic(rest: &str) -> bool {
    rest.starts_with('_') || rest.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let block = |text: &str, length| Aloud::Block(text.to_owned(), length);
        for (text, expected) in [
            ("Reasoning:\n_a_\n\nb", block("a", 16)),
            ("**Reasoning:** \r\n_a_\r\n_b_\r\nc", block("a\nb", 27)),
            ("**Reasoning**:\n_a_b_\n \n  c", block("a_b", 23)),
            ("Reasoning:\n_a_\n", Aloud::Maybe(15)),
            ("Reasoning:\n_a_\n\n \n", Aloud::Maybe(15)),
            ("Reasoning:\n_a_\n_b", Aloud::Maybe(15)),
            ("Reasoning:\n", Aloud::Maybe(11)),
            ("Reaso", Aloud::Maybe(0)),
            ("Reasoning: ", Aloud::Maybe(0)),
            ("Reasoning: it is", Aloud::No),
            ("Reasoning:\nb", Aloud::No),
            ("Reasoning:\n\n_a_\n\nb", Aloud::No),
            ("Reasoning:\n__\n\nb", Aloud::No),
            ("reasoning:\n_a_\n\nb", Aloud::No),
            ("*", Aloud::Maybe(0)),
            ("*a", Aloud::No),
        ] {
            assert_eq!(read(text, 0), expected, "{text:?}");
        }
        let long = format!("Reasoning:\n{}", "_a_\n".repeat(MAX_HELD));
        assert_eq!(read(&long, 0), Aloud::No);
        assert!(matches!(read(&long[..MAX_HELD], 0), Aloud::Maybe(_)));
    }
}
