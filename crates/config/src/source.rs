//! The texts a config was read from, and places in them.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{mask, path::Seg};

/// A range of bytes in one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Where in a file something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, counted in characters.
    pub column: usize,
    /// Bytes of the file's text.
    pub span: Range<usize>,
}

/// Every text that was read, in order. No `Debug`: the texts hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    files: Vec<SourceFile>,
}

#[derive(Clone)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// The keys at which the text stands in the config: none for the config itself, one for every `$include` of it.
    within: Vec<Vec<Seg>>,
    /// Values that may be secrets, though no name says so.
    hidden: Vec<Range<usize>>,
}

// === impl Sources ===

impl Sources {
    /// Adds a text that stands at the key `within`. Places count from behind its byte order mark.
    pub(crate) fn add(&mut self, path: &Path, mut text: String, within: &[Seg]) -> usize {
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        let same = |file: &SourceFile| file.path == path && file.text == text;
        if let Some(known) = self.files.iter().position(same) {
            self.files[known].within.push(within.to_vec());
            return known;
        }
        let behind = |(at, _)| at + 1;
        self.files.push(SourceFile {
            path: path.to_owned(),
            lines: std::iter::once(0).chain(text.match_indices('\n').map(behind)).collect(),
            text,
            within: vec![within.to_vec()],
            hidden: Vec::new(),
        });
        self.files.len() - 1
    }

    /// Hides these values wherever lines of the files are shown.
    pub(crate) fn hide(&mut self, values: Vec<Span>) {
        for value in values {
            if let Some(source) = self.files.get_mut(value.file) {
                source.hidden.push(value.start..value.end);
            }
        }
    }

    /// Whether a value is one of those.
    pub(crate) fn is_hidden(&self, span: Span) -> bool {
        let covers = |hidden: &Range<usize>| hidden.start <= span.start && span.end <= hidden.end;
        self.files
            .get(span.file)
            .is_some_and(|source| source.hidden.iter().any(covers))
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| source.text.as_str())
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| source.path.as_path())
    }

    /// The config file itself.
    pub(crate) fn first(&self) -> Option<&SourceFile> {
        self.files.first()
    }

    pub(crate) fn by_path(&self, path: &Path) -> Option<&SourceFile> {
        self.files.iter().find(|source| source.path == path)
    }

    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let source = self.files.get(span.file)?;
        let (line, column) = source.position(span.start);
        Some(Place {
            file: source.path.clone(),
            line,
            column,
            span: span.start..span.end,
        })
    }
}

// === impl SourceFile ===

impl SourceFile {
    /// The text with every secret as `*`. Every byte keeps its place.
    pub(crate) fn masked(&self) -> String {
        mask::hide(&mask::mask(&self.text, &self.within), &self.hidden)
    }

    /// The bytes of a 1-based line, without its end.
    pub(crate) fn line(&self, line: usize) -> Range<usize> {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let end = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let carriage_return = self.text[start..end].ends_with('\r');
        start..end - usize::from(carriage_return)
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let offset = boundary(&self.text, offset);
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, self.text[start..offset].chars().count() + 1)
    }
}

/// 1-based line and column (in characters) of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..boundary(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The beginning of the character at `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    let mut before = (0..=offset.min(text.len())).rev();
    before.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "a\n中文x";
        let mut sources = Sources::default();
        sources.add(Path::new("t"), text.to_owned(), &[]);
        let source = sources.by_path(Path::new("t")).unwrap();
        for (offset, expected) in [
            (0, (1, 1)),
            (text.find('x').unwrap(), (2, 3)),
            (3, (2, 1)),
            (999, (2, 4)),
        ] {
            assert_eq!(position(text, offset), expected, "{offset}");
            assert_eq!(source.position(offset), expected, "{offset}");
        }
        assert_eq!(&text[source.line(1)], "a");
        assert_eq!(&text[source.line(2)], "中文x");
    }
}
