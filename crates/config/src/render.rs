//! Diagnostics as people see them in a terminal.

use std::{collections::HashMap, ops::Range, path::Path};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use yabby_core::{Lang, text};

use crate::{
    diagnostic::{Diagnostic, Severity},
    secret::Redactor,
    source::{SourceFile, Sources},
};

/// How many findings of one kind are shown; whoever corrects these knows the rest.
const MOST: usize = 20;

/// Renders the diagnostics with their source lines, an empty line between two of them.
pub(crate) fn render(
    diagnostics: &[&Diagnostic],
    sources: &Sources,
    redactor: &Redactor,
    lang: Lang,
    color: bool,
) -> String {
    let mut printer = Printer {
        sources,
        redactor,
        lang,
        masked: HashMap::new(),
    };
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let kind = |diagnostic: &Diagnostic| (diagnostic.severity, diagnostic.kind);
    let mut totals = HashMap::new();
    for diagnostic in diagnostics {
        *totals.entry(kind(diagnostic)).or_insert(0) += 1;
    }
    let mut shown = HashMap::new();
    let mut out = String::new();
    for diagnostic in diagnostics {
        let count = shown.entry(kind(diagnostic)).or_insert(0_usize);
        *count += 1;
        if *count > MOST {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&renderer.render(&[printer.group(diagnostic)]));
        out.push('\n');
        let total = totals.get(&kind(diagnostic)).copied().unwrap_or(0_usize);
        if *count == MOST && total > MOST {
            let more = text!("and {count} more of this kind", count = total - MOST);
            out.extend(["\n", &more.render(lang), "\n"]);
        }
    }
    out
}

struct Printer<'a> {
    sources: &'a Sources,
    redactor: &'a Redactor,
    lang: Lang,
    /// The text of each file without its secrets.
    masked: HashMap<&'a Path, String>,
}

// === impl Printer ===

impl<'a> Printer<'a> {
    fn group(&mut self, diagnostic: &Diagnostic) -> Group<'static> {
        let (level, name) = match diagnostic.severity {
            Severity::Error => (Level::ERROR, text!("error")),
            Severity::Warning => (Level::WARNING, text!("warning")),
        };
        let say = |text: &yabby_core::Text| self.redactor.redact(&text.render(self.lang));
        let title = level
            .with_name(name.render(self.lang))
            .primary_title(say(&diagnostic.message));
        let help = diagnostic.help.as_ref().map(say);
        let mut group = Group::with_title(title);
        if let Some(place) = &diagnostic.place {
            let path = place.file.display().to_string();
            group = match self.sources.by_path(&place.file) {
                Some(source) => {
                    let line = source.line(place.line);
                    let span = within(&line, &place.span);
                    let text = self.masked(source).get(line).unwrap_or_default().to_owned();
                    let snippet = Snippet::source(text).line_start(place.line).path(path);
                    group.element(snippet.annotation(AnnotationKind::Primary.span(span)))
                }
                None => group.element(Origin::path(path).line(place.line).char_column(place.column)),
            };
        }
        if let Some(help) = help {
            let name = text!("help").render(self.lang);
            group = group.element(Level::HELP.with_name(name).message(help));
        }
        group
    }

    fn masked(&mut self, source: &'a SourceFile) -> &str {
        self.masked.entry(&source.path).or_insert_with(|| source.masked())
    }
}

/// The part of `span` in its first line, counted from there: an object that is to blame need not be shown whole.
fn within(line: &Range<usize>, span: &Range<usize>) -> Range<usize> {
    let in_line = |at: usize| at.clamp(line.start, line.end) - line.start;
    in_line(span.start)..in_line(span.end)
}
