//! Where a piece of text is in a file. The model writes `\n`, whatever the file has.

use memchr::{memchr_iter, memmem};

/// Lines are compared for likeness only in the first so many.
const COMPARED: usize = 20_000;
/// So many characters of a line are compared and shown.
const SHOWN: usize = 200;
/// A line that is less alike is no help.
const ALIKE: f64 = 0.6;

/// A file with one piece replaced.
#[derive(Debug, PartialEq)]
pub(super) struct Edited {
    pub(super) bytes: Vec<u8>,
    /// Where the piece began, from 1.
    pub(super) line: usize,
}

/// Why nothing was replaced.
#[derive(Debug, PartialEq)]
pub(super) enum Miss {
    /// It is nowhere, but perhaps something like it.
    None(Option<Near>),
    /// It is in several places, which begin at these lines.
    Many(Vec<usize>),
}

/// A line that is like what was looked for.
#[derive(Debug, PartialEq)]
pub(super) struct Near {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Replaces `old`, which must be there once, by `new`. All other bytes stay.
pub(super) fn replace(file: &[u8], old: &str, new: &str) -> Result<Edited, Miss> {
    let exact: Vec<usize> = memmem::find_iter(file, old).collect();
    let found = match exact.as_slice() {
        [] => by_lines(file, old)
            .into_iter()
            .map(|(from, to)| (from, to, true))
            .collect(),
        starts => starts
            .iter()
            .map(|start| (*start, start + old.len(), false))
            .collect::<Vec<_>>(),
    };
    let line_of = |at: usize| memchr_iter(b'\n', file.get(..at).unwrap_or_default()).count() + 1;
    match found.as_slice() {
        [] => Err(Miss::None(nearest(file, old))),
        [(from, to, ends_differ)] => {
            let piece = file.get(*from..*to).unwrap_or_default();
            // A piece of one line does not say how lines end here; the rest of the file does.
            let says = if piece.contains(&b'\n') { piece } else { file };
            let crlf = (*ends_differ || !old.contains('\n')) && has_crlf(says) && !new.contains('\r');
            let new = if crlf {
                new.replace('\n', "\r\n")
            } else {
                new.to_owned()
            };
            let bytes = [
                file.get(..*from).unwrap_or_default(),
                new.as_bytes(),
                file.get(*to..).unwrap_or_default(),
            ]
            .concat();
            Ok(Edited {
                bytes,
                line: line_of(*from),
            })
        }
        many => Err(Miss::Many(many.iter().map(|(from, ..)| line_of(*from)).collect())),
    }
}

/// Whether the first line ends with `\r\n`.
fn has_crlf(text: &[u8]) -> bool {
    memchr::memchr(b'\n', text).is_some_and(|at| at > 0 && text.get(at - 1) == Some(&b'\r'))
}

/// Where `old` is when it does not matter how lines end.
fn by_lines(file: &[u8], old: &str) -> Vec<(usize, usize)> {
    if !old.contains('\n') || memmem::find(file, b"\r\n").is_none() {
        return Vec::new();
    }
    let old = old.replace("\r\n", "\n");
    let ends: Vec<usize> = memmem::find_iter(file, b"\r\n").collect();
    let mut plain = Vec::with_capacity(file.len());
    let mut from = 0;
    for end in &ends {
        plain.extend_from_slice(file.get(from..*end).unwrap_or_default());
        from = end + 1;
    }
    plain.extend_from_slice(file.get(from..).unwrap_or_default());
    // The n-th end stands n bytes earlier when the ones before it are shorter.
    let shorter: Vec<usize> = ends.iter().enumerate().map(|(before, end)| end - before).collect();
    let real = |at: usize| at + shorter.partition_point(|end| *end < at);
    memmem::find_iter(&plain, &old)
        .map(|at| (real(at), real(at + old.len())))
        .collect()
}

/// The line where `old` and the file part, or one that is like its first line.
fn nearest(file: &[u8], old: &str) -> Option<Near> {
    let lines: Vec<String> = file
        .split(|byte| *byte == b'\n')
        .take(COMPARED)
        .map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
        .collect();
    let wanted: Vec<&str> = old.lines().skip_while(|line| line.trim().is_empty()).collect();
    let first = wanted.first()?;
    let near = |at: usize| {
        Some(Near {
            line: at + 1,
            text: lines.get(at)?.chars().take(SHOWN).collect(),
        })
    };
    let run = |at: usize| {
        let file = lines.get(at..).unwrap_or_default();
        file.iter()
            .zip(&wanted)
            .take_while(|(have, want)| have == *want)
            .count()
    };
    let same = (0..lines.len())
        .map(|at| (run(at), at))
        .max_by_key(|(run, at)| (*run, usize::MAX - at));
    if let Some((run, at)) = same.filter(|(run, _)| *run > 0) {
        return near(at + run).or_else(|| near(at));
    }
    let first: String = first.trim().chars().take(SHOWN).collect();
    let likeness = |line: &String| {
        let line: String = line.trim().chars().take(SHOWN).collect();
        strsim::normalized_levenshtein(&line, &first)
    };
    let (at, alike) = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (at, likeness(line)))
        .max_by(|one, other| one.1.total_cmp(&other.1).then(other.0.cmp(&one.0)))?;
    near(at).filter(|_| alike >= ALIKE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_miss_says_where_the_file_and_the_text_part() {
        let file = b"fn one() {\n    1\n}\nfn two() {\n    2\n}\n";
        let near = |line, text: &str| {
            Miss::None(Some(Near {
                line,
                text: text.to_owned(),
            }))
        };
        assert_eq!(replace(file, "fn two() {\n  2\n", "x"), Err(near(5, "    2")));
        assert_eq!(replace(file, "fn twa() {", "x"), Err(near(4, "fn two() {")));
        assert_eq!(replace(file, "something else entirely", "x"), Err(Miss::None(None)));
        assert_eq!(replace(file, "}\n", "x"), Err(Miss::Many(vec![3, 6])));
    }

    #[test]
    fn lines_end_as_they_do_in_the_file() {
        let edited = |file: &[u8], old, new| replace(file, old, new).map(|edited| edited.bytes);
        assert_eq!(
            edited(b"a\r\nb\r\nc", "a\nb", "x\ny\nz"),
            Ok(b"x\r\ny\r\nz\r\nc".to_vec())
        );
        assert_eq!(
            edited(b"a\r\nb\nc\r\n", "b", "x\ny"),
            Ok(b"a\r\nx\r\ny\nc\r\n".to_vec())
        );
        assert_eq!(
            edited(b"\xff\r\na\nb\r\n\xfe", "\na\nb\n", "\n"),
            Ok(b"\xff\r\n\xfe".to_vec())
        );
    }

    proptest! {
        #[test]
        fn what_is_around_the_piece_stays_byte_for_byte(
            before in prop::collection::vec(any::<u8>(), 0..60),
            piece in "[a-c\n]{0,6}",
            after in prop::collection::vec(any::<u8>(), 0..60),
            new in "[x\n]{0,6}",
            crlf in any::<bool>(),
        ) {
            let old = format!("<{piece}>");
            let written = if crlf { old.replace('\n', "\r\n") } else { old.clone() };
            let file = [before.as_slice(), written.as_bytes(), &after].concat();
            if let Ok(edited) = replace(&file, &old, &new) {
                prop_assert!(edited.bytes.starts_with(&before));
                prop_assert!(edited.bytes.ends_with(&after));
                let middle = &edited.bytes[before.len()..edited.bytes.len() - after.len()];
                prop_assert_eq!(String::from_utf8_lossy(middle).replace("\r\n", "\n"), new);
            } else {
                // Only when the bytes around it happen to hold it too.
                prop_assert!(before.contains(&b'<') || after.contains(&b'<'));
            }
        }

        #[test]
        fn nothing_panics(file in prop::collection::vec(any::<u8>(), 0..80), old in "\\PC{1,8}|[\r\na]{1,6}", new in "\\PC{0,8}") {
            let _ = replace(&file, &old, &new);
        }
    }
}
