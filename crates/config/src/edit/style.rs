//! How a file is written, so that what is added looks like the rest of it.

use std::collections::VecDeque;

use jsonc_parser::cst::{CstContainerNode, CstNewlineKind, CstNode, CstObject, CstObjectProp, CstRootNode};

/// A value to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Number(u32),
    /// On one line.
    List(Vec<Self>),
    /// On one line.
    Object(Vec<(String, Self)>),
    /// A line for each property.
    Block(Vec<(String, Self)>),
}

/// The habits of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether names stand without quotation marks.
    bare: bool,
    /// The quotation mark of strings.
    mark: char,
    /// Whether a comma follows the last property of a block.
    trailing: bool,
    newline: &'static str,
    indent: String,
}

// === impl Style ===

impl Style {
    pub(super) fn of(root: &CstRootNode, object: &CstObject) -> Self {
        let first = object.properties().first().and_then(CstObjectProp::name);
        let quoted_name = first
            .and_then(|name| name.as_string_lit())
            .map(|literal| literal.raw_value());
        let mark = first_string(object)
            .or_else(|| quoted_name.clone())
            .map_or('"', |raw| if raw.starts_with('\'') { '\'' } else { '"' });
        Self {
            bare: quoted_name.is_none(),
            mark,
            trailing: object.properties().is_empty() || object.uses_trailing_commas(),
            newline: match root.newline_kind() {
                CstNewlineKind::LineFeed => "\n",
                CstNewlineKind::CarriageReturnLineFeed => "\r\n",
                CstNewlineKind::CarriageReturn => "\r",
            },
            indent: root
                .single_indent_text()
                .filter(|indent| !indent.is_empty())
                .unwrap_or_else(|| "  ".to_owned()),
        }
    }

    /// A name as it stands before a colon.
    pub(super) fn key(&self, name: &str) -> String {
        let letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$');
        let word = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
        if self.bare && word {
            name.to_owned()
        } else {
            self.string(name)
        }
    }

    fn string(&self, text: &str) -> String {
        quoted(text, self.mark)
    }

    /// The text of a value whose line begins with `indent`.
    pub(super) fn render(&self, piece: &Piece, indent: &str) -> String {
        match piece {
            Piece::Text(text) => self.string(text),
            Piece::Number(number) => number.to_string(),
            Piece::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.render(item, indent)).collect();
                format!("[{}]", items.join(", "))
            }
            Piece::Object(members) if members.is_empty() => "{}".to_owned(),
            Piece::Object(members) => {
                let members: Vec<String> = members.iter().map(|member| self.member(member, indent)).collect();
                format!("{{ {} }}", members.join(", "))
            }
            Piece::Block(members) => {
                let newline = self.newline;
                let deeper = format!("{indent}{}", self.indent);
                let lines: Vec<String> = members
                    .iter()
                    .map(|member| format!("{newline}{deeper}{}", self.member(member, &deeper)))
                    .collect();
                let end = if self.trailing { "," } else { "" };
                format!("{{{}{end}{newline}{indent}}}", lines.join(","))
            }
        }
    }

    fn member(&self, (name, value): &(String, Piece), indent: &str) -> String {
        format!("{}: {}", self.key(name), self.render(value, indent))
    }
}

/// `text` as a string literal in the quotation marks that `before` has.
pub(super) fn quoted_as(text: &str, before: &str) -> String {
    quoted(text, if before.starts_with('\'') { '\'' } else { '"' })
}

fn quoted(text: &str, mark: char) -> String {
    let simple = !text.contains(['\'', '\\', '"']) && !text.contains(char::is_control);
    if mark == '\'' && simple {
        return format!("'{text}'");
    }
    serde_json::Value::from(text).to_string()
}

/// The first string that is a value, further out before further in.
fn first_string(object: &CstObject) -> Option<String> {
    let mut waiting = VecDeque::from([CstContainerNode::from(object.clone())]);
    while let Some(container) = waiting.pop_front() {
        let value = container.as_object_prop().map(|property| property.value());
        let children = match value {
            Some(value) => value.into_iter().collect(),
            None => container.children(),
        };
        for child in children {
            match child {
                CstNode::Container(child) => waiting.push_back(child),
                leaf @ CstNode::Leaf(_) => {
                    if let Some(literal) = leaf.as_string_lit() {
                        return Some(literal.raw_value());
                    }
                }
            }
        }
    }
    None
}
