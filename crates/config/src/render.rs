//! Diagnostics as people see them in a terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use yabby_core::{Lang, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    mask,
    source::Sources,
};

/// Renders every diagnostic with its source line, an empty line between two of them.
pub(crate) fn render(diagnostics: &[Diagnostic], sources: &Sources, lang: Lang, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        let group = group(diagnostic, sources, lang);
        out.push_str(&renderer.render(&[group]));
        out.push('\n');
    }
    out
}

fn group<'a>(diagnostic: &Diagnostic, sources: &Sources, lang: Lang) -> Group<'a> {
    let (level, name) = match diagnostic.severity {
        Severity::Error => (Level::ERROR, text!("error")),
        Severity::Warning => (Level::WARNING, text!("warning")),
        Severity::Note => (Level::NOTE, text!("note")),
    };
    let title = level
        .with_name(name.render(lang))
        .primary_title(diagnostic.message.render(lang));
    let mut group = Group::with_title(title);
    if let Some(place) = &diagnostic.place {
        let path = place.file.display().to_string();
        group = match sources.by_path(&place.file) {
            Some(source) => group.element(
                Snippet::source(masked(diagnostic, &source.text, place.span.end))
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(one_line(&source.text, place.span.clone()))),
            ),
            None => group.element(Origin::path(path).line(place.line).char_column(place.column)),
        };
    }
    if let Some(help) = &diagnostic.help {
        let level = Level::HELP.with_name(text!("help").render(lang));
        group = group.element(level.message(help.render(lang)));
    }
    group
}

fn masked(diagnostic: &Diagnostic, text: &str, end: usize) -> String {
    let masked = mask::mask(text);
    match diagnostic.kind {
        DiagnosticKind::UnknownKey => mask::mask_rest_of_line(&masked, end),
        _ => masked,
    }
}

/// The part of `span` on its first line: an object that is to blame need not be shown whole.
fn one_line(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let first_line = text
        .get(start..end)
        .and_then(|part| part.find('\n'))
        .map_or(end, |newline| start + newline);
    start..first_line
}
