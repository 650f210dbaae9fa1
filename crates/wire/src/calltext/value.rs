//! Values as models write them: JSON with small faults, Python literals, and Gemma's own form.

use serde_json::{Map, Value};

use super::cursor::{Cursor, Read, Stop, is_name};

/// The deepest nesting.
const MAX_DEPTH: usize = 64;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// JSON; a comma before a closing bracket and raw line ends in strings are tolerated.
    Json,
    /// Python: also single quotes, `True`, `None` and tuples.
    Python,
    /// Gemma 4 and `FunctionGemma`: bare keys, strings between `<|"|>` or `<escape>`, bare words.
    Gemma,
}

/// The marks around Gemma's strings.
const GEMMA_QUOTES: [&str; 2] = ["<|\"|>", "<escape>"];

/// Reads a value.
pub(super) fn value(c: &mut Cursor<'_>, style: Style) -> Read<Value> {
    nested(c, style, 0)
}

/// Reads an object.
pub(super) fn object(c: &mut Cursor<'_>, style: Style) -> Read<Map<String, Value>> {
    members(c, style, 0)
}

fn nested(c: &mut Cursor<'_>, style: Style, depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return Err(Stop::No);
    }
    match c.peek()? {
        '{' => members(c, style, depth).map(Value::Object),
        '[' => elements(c, style, ']', depth),
        '(' if style == Style::Python => elements(c, style, ')', depth),
        '"' | '\'' => string(c, style).map(Value::String),
        '<' if style == Style::Gemma => string(c, style).map(Value::String),
        _ => scalar(c, style),
    }
}

fn members(c: &mut Cursor<'_>, style: Style, depth: usize) -> Read<Map<String, Value>> {
    let mut found = Map::new();
    c.tag("{")?;
    loop {
        if c.next_is('}')? {
            break;
        }
        let key = key(c, style)?;
        c.space();
        c.tag(":")?;
        c.space();
        let value = nested(c, style, depth + 1)?;
        found.insert(key, value);
        c.space();
        if !c.maybe(",")? {
            break;
        }
    }
    c.tag("}")?;
    Ok(found)
}

fn elements(c: &mut Cursor<'_>, style: Style, close: char, depth: usize) -> Read<Value> {
    let mut found = Vec::new();
    c.skip(1);
    loop {
        if c.next_is(close)? {
            break;
        }
        found.push(nested(c, style, depth + 1)?);
        c.space();
        if !c.maybe(",")? {
            break;
        }
    }
    c.tag(close.encode_utf8(&mut [0; 4]))?;
    Ok(Value::Array(found))
}

fn key(c: &mut Cursor<'_>, style: Style) -> Read<String> {
    match c.peek()? {
        first if style == Style::Gemma && is_name(first) => c.name().map(str::to_owned),
        _ => string(c, style),
    }
}

/// Reads a string.
pub(super) fn string(c: &mut Cursor<'_>, style: Style) -> Read<String> {
    if style == Style::Gemma && c.peek()? == '<' {
        for quote in GEMMA_QUOTES {
            if c.maybe(quote)? {
                let rest = c.rest();
                let at = rest.find(quote).ok_or_else(|| c.more())?;
                c.skip(at + quote.len());
                return Ok(rest[..at].to_owned());
            }
        }
        return Err(Stop::No);
    }
    let quote = c.peek()?;
    if quote != '"' && (quote != '\'' || style == Style::Json) {
        return Err(Stop::No);
    }
    let rest = c.rest();
    let mut escaped = false;
    let inside = &rest[1..];
    let close = inside.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let close = close.ok_or_else(|| c.more())?;
    c.skip(close + 2);
    match serde_json::from_str(&rest[..close + 2]) {
        Ok(string) => Ok(string),
        Err(_) => Ok(unescape(&inside[..close])),
    }
}

/// The characters of a string that is not quite JSON; an unknown escape stays as it is.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\n') => {}
            Some(c @ ('\\' | '"' | '\'' | '/')) => out.push(c),
            Some('u') => {
                let digits = chars.as_str().get(..4).unwrap_or_default();
                match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
                    Some(c) => {
                        out.push(c);
                        chars = chars.as_str()[4..].chars();
                    }
                    None => out.push_str("\\u"),
                }
            }
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

fn scalar(c: &mut Cursor<'_>, style: Style) -> Read<Value> {
    let rest = c.rest();
    let part = |c: char| match style {
        Style::Gemma => !matches!(c, ',' | '}' | ']' | '<'),
        Style::Json | Style::Python => c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'),
    };
    let Some(length) = rest.find(|c| !part(c)) else {
        return Err(c.more());
    };
    let word = rest[..length].trim();
    let value = match word {
        "" => return Err(Stop::No),
        "True" if style != Style::Json => Value::Bool(true),
        "False" if style != Style::Json => Value::Bool(false),
        "None" if style != Style::Json => Value::Null,
        word => match serde_json::from_str(word) {
            Ok(value) => value,
            Err(_) if style == Style::Gemma => Value::String(word.to_owned()),
            Err(_) => return Err(Stop::No),
        },
    };
    c.skip(length);
    Ok(value)
}
