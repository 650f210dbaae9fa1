//! Hunks, put onto the bytes of a file.

use super::parse::{Hunk, Line};

/// A hunk that does not fit.
#[derive(Debug, PartialEq)]
pub(super) struct Miss {
    /// Which hunk, from 1.
    hunk: usize,
    /// The line of the patch that is not in the file, or the first of those that are not there together.
    line: String,
}

impl Miss {
    pub(super) fn told(&self, shown: &str) -> String {
        format!(
            "hunk {} does not fit {shown}: the lines from `{}` on are not there in this order; read the file and copy them",
            self.hunk,
            self.line.chars().take(120).collect::<String>()
        )
    }
}

/// How exactly lines have to be the same; the first that fits counts.
const WAYS: [fn(&str) -> &str; 3] = [|line| line, str::trim_end, str::trim];

/// The file with all hunks, and how many lines were changed. Lines that the hunks do not take away stay byte for byte.
pub(super) fn apply(file: &[u8], hunks: &[Hunk]) -> Result<(Vec<u8>, usize), Miss> {
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let bodies: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(body(line))).collect();
    let end: &[u8] = if lines.first().is_some_and(|line| line.ends_with(b"\r\n")) {
        b"\r\n"
    } else {
        b"\n"
    };
    let closed = file.is_empty() || file.ends_with(b"\n");
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(lines.len());
    let (mut cursor, mut changed) = (0, 0);
    for (number, hunk) in hunks.iter().enumerate() {
        let miss = |line: &str| Miss {
            hunk: number + 1,
            line: line.to_owned(),
        };
        let mut from = cursor;
        for after in &hunk.after {
            from = find(&bodies, from, &[after], false).ok_or_else(|| miss(after))? + 1;
        }
        let mut patch = hunk.lines.as_slice();
        let mut at = place(&bodies, from, patch, hunk);
        // An empty line at the end is often only the end of the patch.
        if let (None, [shorter @ .., Line::Same(last)]) = (at, patch)
            && last.is_empty()
        {
            (patch, at) = (shorter, place(&bodies, from, shorter, hunk));
        }
        let at = at.ok_or_else(|| miss(old(patch).first().copied().unwrap_or_default()))?;
        out.extend(
            lines
                .get(cursor..at)
                .unwrap_or_default()
                .iter()
                .map(|line| line.to_vec()),
        );
        cursor = at;
        let (mut gone, mut added) = (0, 0);
        for line in patch {
            match line {
                Line::Same(_) => {
                    out.extend(lines.get(cursor).map(|line| line.to_vec()));
                    cursor += 1;
                }
                Line::Gone(_) => {
                    cursor += 1;
                    gone += 1;
                }
                Line::New(text) => {
                    out.push([text.as_bytes(), end].concat());
                    added += 1;
                }
            }
        }
        changed += gone.max(added);
    }
    let rest = lines.get(cursor..).unwrap_or_default();
    out.extend(rest.iter().map(|line| line.to_vec()));
    // Only the last line may be without an end, and it is when that of the file was.
    let last = out.len().saturating_sub(1);
    for (at, line) in out.iter_mut().enumerate() {
        if at < last && !line.ends_with(b"\n") {
            line.extend_from_slice(end);
        } else if at == last && !closed {
            line.truncate(body(line).len());
        }
    }
    Ok((out.concat(), changed))
}

/// The line of the file where a hunk begins.
fn place(bodies: &[impl AsRef<str>], from: usize, patch: &[Line], hunk: &Hunk) -> Option<usize> {
    let old = old(patch);
    if !old.is_empty() {
        return find(bodies, from, &old, hunk.at_end);
    }
    // New lines only: after the line that was named, or at the end.
    Some(if hunk.after.is_empty() || hunk.at_end {
        bodies.len()
    } else {
        from
    })
}

fn old(patch: &[Line]) -> Vec<&str> {
    patch
        .iter()
        .filter_map(|line| match line {
            Line::Same(text) | Line::Gone(text) => Some(text.as_str()),
            Line::New(_) => None,
        })
        .collect()
}

/// The first place from `from` on where `wanted` stands; the last one of the file when it is `at_end`.
fn find(bodies: &[impl AsRef<str>], from: usize, wanted: &[impl AsRef<str>], at_end: bool) -> Option<usize> {
    let last = bodies.len().checked_sub(wanted.len())?;
    let from = if at_end { from.max(last) } else { from };
    WAYS.iter().find_map(|way| {
        (from..=last).find(|at| {
            let have = bodies.iter().skip(*at);
            have.zip(wanted)
                .all(|(have, want)| way(have.as_ref()) == way(want.as_ref()))
        })
    })
}

fn body(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::parse::*, *};

    fn hunks(patch: &str) -> Vec<Hunk> {
        let steps = parse(&format!("*** Begin Patch\n*** Update File: a\n{patch}\n*** End Patch")).unwrap();
        match steps.into_iter().next().unwrap().operation {
            Operation::Update { hunks, .. } => hunks,
            other => panic!("{other:?}"),
        }
    }

    fn applied(file: &str, patch: &str) -> Result<(String, usize), Miss> {
        apply(file.as_bytes(), &hunks(patch)).map(|(bytes, lines)| (String::from_utf8(bytes).unwrap(), lines))
    }

    #[test]
    fn hunks_find_their_place_and_leave_the_rest_alone() {
        let done = |text: &str, lines| Ok((text.to_owned(), lines));
        let file = "mod a\nfn x\n  1\nend\nfn y\n  1\nend\n";
        let cases = [
            (
                applied(file, "@@ fn y\n-  1\n+  2"),
                done("mod a\nfn x\n  1\nend\nfn y\n  2\nend\n", 1),
            ),
            (
                applied(file, "@@ -1,2 +1,2 @@\n-mod a\n+mod b\n fn x"),
                done("mod b\nfn x\n  1\nend\nfn y\n  1\nend\n", 1),
            ),
            (
                applied(file, "@@\n end\n+z\n*** End of File"),
                done("mod a\nfn x\n  1\nend\nfn y\n  1\nend\nz\n", 1),
            ),
            (
                applied("a\r\nb\r\nc", "@@\n b\n-c\n+d\n+e"),
                done("a\r\nb\r\nd\r\ne", 2),
            ),
            (applied("a\nb", "@@\n b\n+c"), done("a\nb\nc", 1)),
            (applied("a  \nb\n", "@@\n a\n-b\n+c\n"), done("a  \nc\n", 1)),
            (applied("", "+a"), done("a\n", 1)),
        ];
        for (is, should) in cases {
            assert_eq!(is, should);
        }
        let miss = Miss {
            hunk: 1,
            line: "fn z".to_owned(),
        };
        assert_eq!(applied(file, "@@\n fn z\n-  1"), Err(miss));
    }

    /// A file of lines that all differ, and what becomes of each.
    fn change() -> impl Strategy<Value = Vec<(bool, usize)>> {
        prop::collection::vec((any::<bool>(), 0..3_usize), 1..20)
    }

    proptest! {
        #[test]
        fn a_patch_and_its_opposite_are_nothing(change in change(), crlf in any::<bool>(), closed in any::<bool>()) {
            let end = if crlf { "\r\n" } else { "\n" };
            let (mut there, mut back) = (Vec::new(), Vec::new());
            let (mut old, mut new) = (Vec::new(), Vec::new());
            for (at, (gone, added)) in change.iter().enumerate() {
                let line = format!("line {at}");
                old.push(line.clone());
                if *gone {
                    there.push(Line::Gone(line.clone()));
                    back.push(Line::New(line));
                } else {
                    new.push(line.clone());
                    there.push(Line::Same(line.clone()));
                    back.push(Line::Same(line));
                }
                for more in 0..*added {
                    let line = format!("new {at} {more}");
                    new.push(line.clone());
                    there.push(Line::New(line.clone()));
                    back.push(Line::Gone(line));
                }
            }
            let text = |lines: &[String]| lines.join(end) + if closed && !lines.is_empty() { end } else { "" };
            prop_assume!(!new.is_empty());
            // What ends lines is read from the first one; a single line without an end has none.
            prop_assume!(!crlf || (old.len() > 1 && new.len() > 1));
            let hunk = |lines| vec![Hunk { lines, ..Hunk::default() }];
            let (patched, _) = apply(text(&old).as_bytes(), &hunk(there)).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&patched), text(&new));
            let (restored, _) = apply(&patched, &hunk(back)).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&restored), text(&old));
        }

        #[test]
        fn nothing_panics(
            lines in prop::collection::vec(
                "\\*\\*\\* (Begin Patch|End Patch|Add File: a|Update File: b|Delete File: c|Move to: d|End of File)|@@ ?[ab-]{0,3}|[ +-]?[ab]{0,2}|\\PC{0,4}",
                0..14,
            ),
            file in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let _ = parse(&lines.join("\n"));
            let steps = parse(&format!("*** Begin Patch\n*** Update File: a\n{}\n*** End Patch", lines.join("\n")));
            for step in steps.into_iter().flatten() {
                if let Operation::Update { hunks, .. } = step.operation {
                    let _ = apply(&file, &hunks);
                }
            }
        }
    }
}
