//! Cutting notes into pieces: at their headings, and long ones between lines.

/// A piece of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first line, from 1 on.
    pub(super) first: usize,
    /// Its last line.
    pub(super) last: usize,
    /// The headings that it stands below, ` > ` between them.
    pub(super) headings: String,
    /// The text.
    pub(super) text: String,
}

/// About how many tokens a text has: a word of four letters is one, as is a Chinese character.
pub(super) fn tokens(text: &str) -> usize {
    let (narrow, wide) = text.chars().fold((0, 0), |(narrow, wide), c| {
        if c.len_utf8() < 3 {
            (narrow + 1, wide)
        } else {
            (narrow, wide + 1)
        }
    });
    usize::div_ceil(narrow, 4) + wide
}

/// The pieces of a note. Every line that is not empty is in one of them; a piece has at most about `most` tokens, of which
/// `overlap` are also in the one before.
pub(super) fn pieces(text: &str, most: usize, overlap: usize) -> Vec<Piece> {
    let mut cutter = Cutter {
        pieces: Vec::new(),
        lines: Vec::new(),
        headings: Vec::new(),
        is_repeated: false,
        most: most.max(16),
        // Each piece goes on.
        overlap: overlap.min(most.max(16) / 2),
    };
    let mut fence = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        let is_code = fence.is_some();
        fence = after_fence(fence, line);
        match heading(line) {
            Some((level, title)) if !is_code => cutter.heading(number, line, level, title),
            _ => cutter.line(number, line),
        }
    }
    cutter.end_section();
    cutter.pieces
}

struct Cutter<'a> {
    pieces: Vec<Piece>,
    /// Of the piece that is being made.
    lines: Vec<(usize, &'a str)>,
    /// With their levels.
    headings: Vec<(usize, &'a str)>,
    /// Whether all of the lines are in the piece before already.
    is_repeated: bool,
    most: usize,
    overlap: usize,
}

impl<'a> Cutter<'a> {
    fn heading(&mut self, number: usize, line: &'a str, level: usize, title: &'a str) {
        // Headings without a text of their own stay with the text that comes.
        let has_text = self
            .lines
            .iter()
            .any(|(_, line)| !line.is_empty() && heading(line).is_none());
        if has_text {
            self.end_section();
        }
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, title));
        self.add(number, line);
    }

    fn line(&mut self, number: usize, line: &'a str) {
        let now: usize = self.lines.iter().map(|(_, line)| tokens(line)).sum();
        if now > 0 && now + tokens(line) > self.most {
            self.end();
            self.repeat(self.most.saturating_sub(tokens(line)));
        }
        if tokens(line) > self.most {
            // A line that is too long for a piece becomes several.
            self.end();
            self.lines.clear();
            for part in parts(line, self.most) {
                self.add(number, part);
                self.end();
                self.lines.clear();
            }
        } else {
            self.add(number, line);
        }
    }

    fn add(&mut self, number: usize, line: &'a str) {
        self.lines.push((number, line));
        self.is_repeated &= line.is_empty();
    }

    /// Begins with the last lines of the piece before, as far as there is room for them.
    fn repeat(&mut self, room: usize) {
        let mut kept = 0;
        let from = self.lines.iter().rposition(|(_, line)| {
            kept += tokens(line);
            kept > self.overlap.min(room)
        });
        self.lines.drain(..from.map_or(0, |from| from + 1));
        self.is_repeated = true;
    }

    fn end_section(&mut self) {
        self.end();
        self.lines.clear();
    }

    fn end(&mut self) {
        let is_empty = |line: &(usize, &str)| line.1.is_empty();
        let first = self.lines.iter().position(|line| !is_empty(line));
        let last = self.lines.iter().rposition(|line| !is_empty(line));
        let (Some(first), Some(last), false) = (first, last, self.is_repeated) else {
            return;
        };
        let lines = self.lines.get(first..=last).unwrap_or_default();
        let (Some((first, _)), Some((last, _))) = (lines.first(), lines.last()) else {
            return;
        };
        let titles: Vec<&str> = self.headings.iter().map(|(_, title)| *title).collect();
        self.pieces.push(Piece {
            first: *first,
            last: *last,
            headings: titles.join(" > "),
            text: lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n"),
        });
    }
}

/// The level and the title of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let is_one = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_one.then(|| (level, rest.trim().trim_end_matches('#').trim_end()))
}

/// The fence of code that is open behind a line.
fn after_fence<'a>(open: Option<&'a str>, line: &'a str) -> Option<&'a str> {
    let line = line.trim_start();
    let length = line.find(|c| c != '`' && c != '~').unwrap_or(line.len());
    let (fence, rest) = line.split_at(length);
    let is_fence = length >= 3 && (fence.bytes().all(|c| c == b'`') || fence.bytes().all(|c| c == b'~'));
    match open {
        Some(open) if is_fence && rest.is_empty() && fence.starts_with(open) => None,
        None if is_fence => Some(fence),
        open => open,
    }
}

/// The parts of a line, none of which has more than `most` tokens, cut behind sentences or words where there are some.
fn parts(line: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    while tokens(rest) > most {
        let (mut end, mut good, mut count) = (rest.len(), None, (0, 0));
        for (at, c) in rest.char_indices() {
            if c.len_utf8() < 3 {
                count.0 += 1;
            } else {
                count.1 += 1;
            }
            if usize::div_ceil(count.0, 4) + count.1 > most {
                end = at;
                break;
            }
            if c.is_whitespace() || "。！？；，、.!?;,".contains(c) {
                good = Some(at + c.len_utf8());
            }
        }
        // Half a part that ends well is better than a whole one that does not.
        let cut = good.filter(|good| *good > end / 2).unwrap_or(end);
        let (part, after) = rest.split_at(cut);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, most: usize, overlap: usize) -> Vec<String> {
        let shown = |piece: &Piece| {
            let text = piece.text.replace('\n', "/");
            format!("{}-{} [{}] {text}", piece.first, piece.last, piece.headings)
        };
        pieces(text, most, overlap).iter().map(shown).collect()
    }

    #[test]
    fn notes_are_cut_at_their_headings() {
        let text = "intro\n\n# Family\n## Ann\nborn in May\n\n## Bob ##\n\n```sh\n# no heading\n```\n# Work\n\n";
        let expected = [
            "1-1 [] intro",
            "3-5 [Family > Ann] # Family/## Ann/born in May",
            "7-11 [Family > Bob] ## Bob ##//```sh/# no heading/```",
            "12-12 [Work] # Work",
        ];
        assert_eq!(shown(text, 400, 80), expected);
    }

    #[test]
    fn long_sections_are_cut_between_lines_and_go_on_where_they_were() {
        let line = |n: usize| format!("{n}: {}", "word ".repeat(7));
        let text: String = std::iter::once("# A".to_owned())
            .chain((1..=8).map(line))
            .collect::<Vec<_>>()
            .join("\n");
        let lines: Vec<(usize, usize)> = pieces(&text, 40, 10)
            .iter()
            .map(|piece| (piece.first, piece.last))
            .collect();
        assert_eq!(lines, [(1, 4), (4, 7), (7, 9)]);
        let long = "a sentence of some words. ".repeat(20);
        let parts = pieces(&format!("before\n{long}\nafter"), 40, 10);
        assert!(parts.iter().all(|piece| tokens(&piece.text) <= 40));
        let lines: Vec<(usize, usize)> = parts.iter().map(|piece| (piece.first, piece.last)).collect();
        assert_eq!(lines, [(1, 1), (2, 2), (2, 2), (2, 2), (2, 2), (3, 3)]);
    }

    proptest! {
        #[test]
        fn every_line_is_in_a_piece_and_no_piece_is_too_long(
            lines in prop::collection::vec("(#{0,3} )?[a-c中文 ]{0,60}|```|[ab。 ]{100,400}", 0..30),
            most in 16_usize..80, overlap in 0_usize..40,
        ) {
            let text = lines.join("\n");
            let all: Vec<&str> = text.lines().map(str::trim_end).collect();
            let pieces = pieces(&text, most, overlap);
            for piece in &pieces {
                // Headings without a text of their own may make it longer.
                let bare = piece.text.lines().filter(|line| heading(line).is_none()).map(tokens).sum::<usize>();
                prop_assert!(bare <= most, "{bare} > {most}: {piece:?}");
                let range = all[piece.first - 1..piece.last].join("\n");
                prop_assert!(range.contains(piece.text.trim()), "{piece:?}");
            }
            for (number, line) in (1..).zip(&all) {
                let mut within = pieces.iter().filter(|piece| piece.first <= number && number <= piece.last).peekable();
                prop_assert!(line.is_empty() || within.peek().is_some(), "line {number}");
                let together: String = within.map(|piece| piece.text.as_str()).collect();
                prop_assert!(line.len() > 60 || together.contains(line), "line {number}");
            }
        }

        #[test]
        fn a_text_is_all_of_its_parts(line in "[a-z中文。, ]{0,300}", most in 1_usize..60) {
            let parts = parts(&line, most);
            prop_assert_eq!(&parts.concat(), &line);
            prop_assert!(parts.iter().all(|part| tokens(part) <= most));
        }
    }
}
