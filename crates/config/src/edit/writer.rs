//! Puts values into the tree of a text.

use jsonc_parser::cst::{CstArray, CstNode, CstObject, CstObjectProp, CstStringLit};

use super::style::{Piece, Style, quoted_as};

/// Writes in the way of the file. Values with a layout of their own are put in at the end, because the tree, which
/// holds them as strings, cannot read them.
pub(super) struct Writer {
    style: Style,
    later: Vec<(CstStringLit, String)>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            later: Vec::new(),
        }
    }

    /// Writes what was put off.
    pub(super) fn finish(self) {
        for (literal, raw) in self.later {
            literal.set_raw_value(raw);
        }
    }

    /// Adds a property behind the others.
    pub(super) fn append(&mut self, object: &CstObject, name: &str, value: &Piece) {
        let added = object.append(name, String::new().into());
        self.fill(&added, name, value);
    }

    /// Adds a property before the others.
    pub(super) fn prepend(&mut self, object: &CstObject, name: &str, value: &Piece) {
        let added = object.insert(0, name, String::new().into());
        self.fill(&added, name, value);
    }

    /// Adds an item behind the others.
    pub(super) fn push(&mut self, list: &CstArray, value: &Piece) {
        let added = list.append(String::new().into());
        let indent = added.indent_text().unwrap_or_default();
        self.put(&added, value, &indent);
    }

    /// Puts a value in the place of a string.
    pub(super) fn replace(&mut self, node: &CstNode, value: &Piece) {
        self.put(node, value, "");
    }

    /// Sets a property to a text, in the quotation marks that stood there before.
    pub(super) fn set_text(&mut self, property: &CstObjectProp, text: &str) {
        if let Some(literal) = property.value().as_ref().and_then(CstNode::as_string_lit) {
            literal.set_raw_value(quoted_as(text, &literal.raw_value()));
            return;
        }
        property.set_value(String::new().into());
        if let Some(value) = property.value() {
            self.put(&value, &Piece::Text(text.to_owned()), "");
        }
    }

    fn fill(&mut self, added: &CstObjectProp, name: &str, value: &Piece) {
        if let Some(literal) = added.name().and_then(|name| name.as_string_lit()) {
            self.later.push((literal, self.style.key(name)));
        }
        let indent = added.indent_text().unwrap_or_default();
        if let Some(node) = added.value() {
            self.put(&node, value, &indent);
        }
    }

    fn put(&mut self, node: &CstNode, value: &Piece, indent: &str) {
        let Some(literal) = node.as_string_lit() else {
            return;
        };
        let raw = self.style.render(value, indent);
        match value {
            Piece::Text(_) => literal.set_raw_value(raw),
            _ => self.later.push((literal, raw)),
        }
    }
}
