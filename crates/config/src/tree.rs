//! JSON5 text → a tree whose every value knows where it stands.

use std::collections::HashMap;

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Range, errors::ParseErrorKind, parse_to_ast};
use serde_json::Number;
use yabby_core::{Text, text};

use crate::{
    path::Seg,
    source::{Sources, Span},
};

/// A value, its place, and the environment variables that went into it. No `Debug`: values may be secrets.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// Variables whose values were put in.
    pub(crate) variables: Vec<String>,
    /// Variables that are not set, so that the text still holds `${NAME}`.
    pub(crate) missing: Vec<String>,
}

#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
    /// `Infinity` and `NaN`, which no key accepts.
    NotFinite,
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// A member that stands in the text and does not count, because its key stands there once more.
pub(crate) struct Duplicate {
    pub(crate) path: Vec<Seg>,
    pub(crate) member: Member,
}

/// Why a text is not JSON5.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) reason: Text,
}

/// JSON5 as OpenClaw reads it: everything but missing commas.
pub(crate) fn parse_options() -> ParseOptions {
    ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    }
}

/// Parses the text of `file`, which stands at the key `within`. A text without any value is an empty object. What keys
/// that stand twice held before is returned beside.
pub(crate) fn parse(sources: &Sources, file: usize, within: &[Seg]) -> Result<(Node, Vec<Duplicate>), SyntaxError> {
    let text = sources.text(file);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &parse_options()).map_err(|error| SyntaxError {
        span: span(file, error.range()),
        reason: reason(error.kind()),
    })?;
    let mut builder = Builder {
        file,
        path: within.to_vec(),
        duplicates: Vec::new(),
    };
    let root = match parsed.value {
        Some(value) => builder.node(value),
        None => Node::new(Value::Object(Vec::new()), Span { file, start: 0, end: 0 }),
    };
    Ok((root, builder.duplicates))
}

/// What is wrong, for a person.
pub(crate) fn reason(kind: &ParseErrorKind) -> Text {
    match kind {
        ParseErrorKind::ExpectedComma => text!("a comma is missing here"),
        ParseErrorKind::ExpectedColonAfterObjectKey => text!("a colon is missing after this key"),
        ParseErrorKind::ExpectedObjectValue => text!("this key has no value"),
        ParseErrorKind::UnterminatedObject => text!("this curly bracket is never closed"),
        ParseErrorKind::UnterminatedArray => text!("this square bracket is never closed"),
        ParseErrorKind::UnterminatedCommentBlock => text!("this comment is never closed"),
        ParseErrorKind::UnexpectedCloseBrace | ParseErrorKind::UnexpectedCloseBracket => {
            text!("this bracket closes nothing")
        }
        ParseErrorKind::UnexpectedWord => text!("this word needs quotation marks"),
        ParseErrorKind::String(_) => text!("this string is not closed, or holds a bad escape"),
        ParseErrorKind::MultipleRootJsonValues => text!("there is more text after the end of the config"),
        other => text!("JSON5 does not allow this: {detail}", detail = other),
    }
}

fn span(file: usize, range: Range) -> Span {
    Span {
        file,
        start: range.start,
        end: range.end,
    }
}

struct Builder {
    file: usize,
    path: Vec<Seg>,
    duplicates: Vec<Duplicate>,
}

// === impl Builder ===

impl Builder {
    fn node(&mut self, value: ast::Value<'_>) -> Node {
        match value {
            ast::Value::StringLit(lit) => self.leaf(lit.range, Value::String(lit.value.into_owned())),
            ast::Value::NumberLit(lit) => self.leaf(lit.range, number(lit.value)),
            ast::Value::BooleanLit(lit) => self.leaf(lit.range, Value::Bool(lit.value)),
            ast::Value::NullKeyword(lit) => self.leaf(lit.range, Value::Null),
            ast::Value::Array(array) => {
                let mut items = Vec::with_capacity(array.elements.len());
                for (index, item) in array.elements.into_iter().enumerate() {
                    self.path.push(Seg::Index(index));
                    items.push(self.node(item));
                    self.path.pop();
                }
                self.leaf(array.range, Value::Array(items))
            }
            ast::Value::Object(object) => {
                let mut members: Vec<Member> = Vec::with_capacity(object.properties.len());
                let mut known: HashMap<String, usize> = HashMap::with_capacity(object.properties.len());
                for property in object.properties {
                    let member = self.member(property);
                    if let Some(at) = known.get(&member.key) {
                        let path = [self.path.as_slice(), &[Seg::Key(member.key.clone())]].concat();
                        let earlier = std::mem::replace(&mut members[*at], member);
                        self.duplicates.push(Duplicate { path, member: earlier });
                    } else {
                        known.insert(member.key.clone(), members.len());
                        members.push(member);
                    }
                }
                self.leaf(object.range, Value::Object(members))
            }
        }
    }

    fn member(&mut self, property: ast::ObjectProp<'_>) -> Member {
        let key_range = match &property.name {
            ast::ObjectPropName::String(lit) => lit.range,
            ast::ObjectPropName::Word(lit) => lit.range,
        };
        let key = property.name.into_string();
        self.path.push(Seg::Key(key.clone()));
        let value = self.node(property.value);
        self.path.pop();
        Member {
            key,
            key_span: span(self.file, key_range),
            value,
        }
    }

    fn leaf(&self, range: Range, value: Value) -> Node {
        Node::new(value, span(self.file, range))
    }
}

/// A JSON5 number. Whole numbers become integers however they are written (`1.28e5`, `0x10`, `+5`).
fn number(text: &str) -> Value {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    if let Some(hexadecimal) = hexadecimal
        && let Ok(value) = i64::from_str_radix(hexadecimal, 16)
    {
        return Value::Number(Number::from(if negative { -value } else { value }));
    }
    let signed = if negative {
        format!("-{digits}")
    } else {
        digits.to_owned()
    };
    if let Ok(value) = signed.parse::<i64>() {
        return Value::Number(Number::from(value));
    }
    let Some(value) = signed.parse::<f64>().ok().filter(|value| value.is_finite()) else {
        return Value::NotFinite;
    };
    // Up to 2^53 every whole number is exact.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::NotFinite, Value::Number)
}

// === impl Node ===

impl Node {
    pub(crate) fn new(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            variables: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(crate) fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }

    pub(crate) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn find(&self, path: &[Seg]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let next = match (first, &self.value) {
            (Seg::Key(key), _) => &self.member(key)?.value,
            (Seg::Index(index), Value::Array(items)) => items.get(*index)?,
            _ => return None,
        };
        next.find(rest)
    }

    /// The JSON type's name, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::NotFinite => "infinite number",
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        self.to_json_without(&|_| false)
    }

    /// The value with `***` in the place of everything that stands where `is_hidden` says.
    pub(crate) fn to_json_without(&self, is_hidden: &dyn Fn(Span) -> bool) -> serde_json::Value {
        let below = |node: &Self| node.to_json_without(is_hidden);
        match &self.value {
            _ if is_hidden(self.span) => "***".into(),
            Value::Null | Value::NotFinite => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(below).collect(),
            Value::Object(members) => members
                .iter()
                .map(|member| (member.key.clone(), below(&member.value)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn json(text: &str) -> serde_json::Value {
        let mut sources = Sources::default();
        let file = sources.add(Path::new("t"), text.to_owned(), &[]);
        parse(&sources, file, &[]).map(|(node, _)| node.to_json()).unwrap()
    }

    #[test]
    fn json5_features() {
        let text = "// c\n{ $include: 'a', hex: 0x10, plus: +5, bare: .5, exp: 1.28e5, 'q': [1,], inf: Infinity, }";
        let expected = r#"{"$include":"a","hex":16,"plus":5,"bare":0.5,"exp":128000,"q":[1],"inf":null}"#;
        assert_eq!(json(text).to_string(), expected);
        assert_eq!(json(" // nothing\n").to_string(), "{}");
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(json("{a: 1, b: 2, a: 3}").to_string(), r#"{"a":3,"b":2}"#);
    }
}
