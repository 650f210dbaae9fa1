//! The texts a config was read from, and places in them.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

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
}

// === impl Sources ===

impl Sources {
    /// Adds a text. Places count from behind its byte order mark.
    pub(crate) fn add(&mut self, path: &Path, mut text: String) -> usize {
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        self.files.push(SourceFile {
            path: path.to_owned(),
            text,
        });
        self.files.len() - 1
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| source.text.as_str())
    }

    pub(crate) fn by_path(&self, path: &Path) -> Option<&SourceFile> {
        self.files.iter().find(|source| source.path == path)
    }

    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let source = self.files.get(span.file)?;
        let (line, column) = position(&source.text, span.start);
        Some(Place {
            file: source.path.clone(),
            line,
            column,
            span: span.start..span.end,
        })
    }
}

/// 1-based line and column (in characters) of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let offset = (0..=offset.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "a\n中文x";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('x').unwrap()), (2, 3));
        assert_eq!(position(text, 3), (2, 1), "inside a character");
        assert_eq!(position(text, 999), (2, 4));
    }
}
