//! Plain Markdown under construction.

use std::borrow::Cow;

/// What stands between what was written and what comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

/// Text that is written piece by piece: spaces run together, paragraphs have one empty line between them, and whatever marks
/// a line is written only when the line has words.
#[derive(Debug, Default)]
pub(super) struct Lines {
    out: String,
    gap: Gap,
    /// What the next line begins with: `## `, `- `.
    marker: String,
    /// Lists that are open, with the number of the next item where they count.
    lists: Vec<Option<u32>>,
    quotes: usize,
    /// Of the last line that was written.
    quotes_before: usize,
    pre: usize,
    tables: Vec<Table>,
    /// Tables in tables in tables, which nobody reads as such.
    deeper: usize,
    link: Link,
}

/// The link that is open.
#[derive(Debug, Default)]
enum Link {
    #[default]
    None,
    /// It has no words yet.
    Empty,
    /// Its words begin here.
    At(usize),
}

#[derive(Debug, Default)]
struct Table {
    /// Cells of this row that have ended or begun.
    cells: usize,
    /// Cells that have begun since the last word.
    owed: usize,
    /// Where this cell begins, once it has words.
    start: Option<usize>,
    in_cell: bool,
    /// Whether a cell of this row has words.
    has_words: bool,
    /// Cells of this row that are headings; of the first row alone.
    headings: usize,
    rows: usize,
}

/// A cell that is longer, and has several lines, holds a part of the page and no value.
const LONG_CELL: usize = 240;
/// What is deeper is written as if it were not.
const MOST_TABLES: usize = 8;
const MOST_INDENT: usize = 5;
const MOST_QUOTES: usize = 3;

impl Lines {
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn into_text(mut self) -> String {
        while self.out.ends_with(char::is_whitespace) {
            self.out.pop();
        }
        self.out
    }

    /// Words, with spaces as HTML means them.
    pub(super) fn text(&mut self, text: &str) {
        if self.pre > 0 {
            self.verbatim(text);
            return;
        }
        for char in text.chars() {
            if char.is_whitespace() {
                self.raise(Gap::Space);
            } else if is_visible(char) {
                self.begin();
                self.out.push(char);
            }
        }
    }

    fn verbatim(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                // The first line break belongs to the tag.
                '\n' if self.out.ends_with("```\n") => {}
                '\n' => self.out.push('\n'),
                char if is_visible(char) || char == '\t' => {
                    self.begin();
                    self.out.push(char);
                }
                _ => {}
            }
        }
    }

    /// A new line.
    pub(super) fn line(&mut self) {
        self.raise(Gap::Line);
    }

    /// A new paragraph.
    pub(super) fn paragraph(&mut self) {
        // A paragraph within a list or a cell would tear it apart.
        let within = !self.lists.is_empty() || self.tables.last().is_some_and(|table| table.in_cell);
        self.raise(if within { Gap::Line } else { Gap::Paragraph });
    }

    pub(super) fn heading(&mut self, level: usize) {
        self.paragraph();
        self.marker.push_str(&"#".repeat(level));
        self.marker.push(' ');
    }

    pub(super) fn end_heading(&mut self) {
        self.marker.clear();
        self.paragraph();
    }

    pub(super) fn list(&mut self, numbered: Option<u32>) {
        self.paragraph();
        self.lists.push(numbered);
    }

    pub(super) fn end_list(&mut self) {
        self.marker.clear();
        self.lists.pop();
        self.paragraph();
    }

    pub(super) fn item(&mut self) {
        self.line();
        self.marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            Some(None) | None => "- ".to_owned(),
        };
    }

    pub(super) fn quote(&mut self) {
        self.raise(Gap::Paragraph);
        self.quotes += 1;
    }

    pub(super) fn end_quote(&mut self) {
        self.raise(Gap::Paragraph);
        self.quotes = self.quotes.saturating_sub(1);
    }

    pub(super) fn pre(&mut self) {
        if self.pre == 0 {
            self.raise(Gap::Paragraph);
            self.begin();
            self.out.push_str("```");
            self.gap = Gap::Line;
            self.begin();
        }
        self.pre += 1;
    }

    pub(super) fn end_pre(&mut self) {
        if self.pre == 1 {
            while self.out.ends_with(char::is_whitespace) {
                self.out.pop();
            }
            self.out.push_str("\n```");
            self.gap = Gap::Paragraph;
        }
        self.pre = self.pre.saturating_sub(1);
    }

    /// A mark around words, such as a backtick.
    pub(super) fn mark(&mut self, mark: char) {
        if self.pre == 0 {
            self.begin();
            self.out.push(mark);
        }
    }

    pub(super) fn table(&mut self) {
        if let Some(around) = self.tables.last_mut() {
            // What holds a table holds a part of the page and no value.
            let rows = around.rows;
            let around = std::mem::replace(
                around,
                Table {
                    rows,
                    ..Table::default()
                },
            );
            self.stand_alone(around.start);
        }
        self.paragraph();
        if self.tables.len() < MOST_TABLES {
            self.tables.push(Table::default());
        } else {
            self.deeper += 1;
        }
    }

    pub(super) fn end_table(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.end_row();
            self.tables.pop();
        }
        self.paragraph();
    }

    pub(super) fn row(&mut self) {
        if self.deeper == 0 {
            self.end_row();
        }
        self.line();
    }

    pub(super) fn end_row(&mut self) {
        self.end_cell();
        let Some(table) = self.tables.last_mut().filter(|_| self.deeper == 0) else {
            return;
        };
        let row = std::mem::take(table);
        table.rows = row.rows + usize::from(row.cells > 0);
        if row.rows == 0 && row.headings > 1 && row.headings == row.cells {
            self.gap = Gap::Line;
            self.begin();
            self.out.push_str(&vec!["---"; row.cells].join(" | "));
        }
        if row.cells > 0 {
            self.line();
        }
    }

    pub(super) fn cell(&mut self, is_heading: bool) {
        self.end_cell();
        if self.deeper > 0 {
            self.line();
            return;
        }
        if let Some(table) = self.tables.last_mut() {
            table.owed += usize::from(table.cells > 0);
            table.cells += 1;
            table.headings += usize::from(is_heading);
            table.in_cell = true;
            table.start = None;
        }
    }

    pub(super) fn end_cell(&mut self) {
        let Some(table) = self.tables.last_mut().filter(|_| self.deeper == 0) else {
            return;
        };
        if !std::mem::take(&mut table.in_cell) {
            return;
        }
        self.marker.clear();
        let Some(start) = table.start.take() else {
            return;
        };
        let Some(words) = self.out.get(start..) else {
            return;
        };
        if words.len() <= LONG_CELL {
            // The lines of a value are one line; what is a pipe elsewhere would be a cell here.
            if words.contains('\n') {
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                self.out.truncate(start);
                self.out.push_str(&words);
            }
            self.gap = Gap::None;
        } else {
            table.owed = 0;
            table.cells = 0;
            table.has_words = false;
            self.stand_alone(Some(start));
            self.gap = Gap::Paragraph;
        }
    }

    pub(super) fn link(&mut self) {
        self.link = Link::Empty;
    }

    /// The end of a link: its words, with where it goes to when `target` says so.
    pub(super) fn end_link(&mut self, target: impl FnOnce(&str) -> Option<String>) {
        let Link::At(start) = std::mem::take(&mut self.link) else {
            return;
        };
        let Some(words) = self.out.get(start..).filter(|words| !words.is_empty()) else {
            return;
        };
        let Some(target) = target(words) else {
            return;
        };
        let words: Cow<'_, str> = if words.contains('\n') {
            Cow::Owned(words.split_whitespace().collect::<Vec<_>>().join(" "))
        } else {
            Cow::Borrowed(words)
        };
        let link = format!("[{words}]({target})");
        self.out.truncate(start);
        self.out.push_str(&link);
    }

    /// Puts a cell that turned out to be no value on lines of its own.
    fn stand_alone(&mut self, start: Option<usize>) {
        let bar = start.and_then(|start| Some(start.checked_sub(3)?..start));
        if let Some(bar) = bar.filter(|bar| self.out.get(bar.clone()) == Some(" | ")) {
            self.out.replace_range(bar, "\n\n");
        }
    }

    fn raise(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Writes what is due before a word.
    fn begin(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        let (owed, first) = self.tables.last_mut().map_or((0, false), |table| {
            let first = !table.has_words;
            table.has_words |= table.in_cell;
            (std::mem::take(&mut table.owed), first)
        });
        match gap {
            Gap::Line | Gap::Paragraph if owed == 0 || first => self.new_line(gap),
            Gap::Space if owed == 0 && !self.out.is_empty() => self.out.push(' '),
            _ => {}
        }
        if owed > 0 {
            let bars = " | ".repeat(owed);
            self.out.push_str(if first { bars.trim_start() } else { &bars });
        }
        let marker = std::mem::take(&mut self.marker);
        self.out.push_str(&marker);
        let here = self.out.len();
        if let Some(table) = self.tables.last_mut().filter(|table| table.in_cell) {
            table.start.get_or_insert(here);
        }
        if matches!(self.link, Link::Empty) {
            self.link = Link::At(here);
        }
    }

    fn new_line(&mut self, gap: Gap) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let quote = |depth: usize| "> ".repeat(depth.min(MOST_QUOTES));
        if gap == Gap::Paragraph && !self.out.is_empty() {
            self.out.push_str(quote(self.quotes.min(self.quotes_before)).trim_end());
            self.out.push('\n');
        }
        self.quotes_before = self.quotes;
        let quote = quote(self.quotes);
        self.out.push_str(&quote);
        let within = self.lists.len().saturating_sub(usize::from(!self.marker.is_empty()));
        self.out.push_str(&"  ".repeat(within.min(MOST_INDENT)));
    }
}

/// What neither a person nor a terminal would show: controls, and the characters that hide or turn round what stands beside
/// them. Joiners are part of emoji and of some scripts.
fn is_visible(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        && !matches!(char, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
