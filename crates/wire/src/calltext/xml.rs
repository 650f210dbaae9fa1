//! Families that write each parameter between tags (`wire-facts.md` §3).

use serde_json::Value;

use super::{
    cursor::{Cursor, Read, Stop},
    objects,
    tools::{Found, Given, Tools},
};

/// Openers and closers with what stands before their names: nothing, `MiniMax`, Muse Glimmer, Anthropic, `DeepSeek`
/// V3.2.
macro_rules! prefixed {
    ($open:literal, $name:literal) => {
        [
            concat!($open, $name),
            concat!($open, "minimax:", $name),
            concat!($open, "atem:", $name),
            concat!($open, "antml:", $name),
            concat!($open, "｜DSML｜", $name),
        ]
    };
}

const CALLS: [&str; 5] = prefixed!("<", "function_calls>");
const CALLS_END: [&str; 5] = prefixed!("</", "function_calls>");
const MINIMAX: &str = "<minimax:tool_call>";
const MINIMAX_END: &str = "</minimax:tool_call>";
const INVOKE: [&str; 5] = prefixed!("<", "invoke name=");
const INVOKE_END: [&str; 5] = prefixed!("</", "invoke>");
const PARAMETER: [&str; 5] = prefixed!("<", "parameter name=");
const PARAMETER_END: [&str; 5] = prefixed!("</", "parameter>");

/// A parameter's value up to the closer that one of `followers` follows, so that a value may hold the closer. A
/// closer that is there twice counts once.
fn parameter<'a>(c: &mut Cursor<'a>, closers: &[&str], followers: &[&str]) -> Read<&'a str> {
    let rest = c.rest();
    for (at, _) in rest.match_indices("</") {
        let mut ahead = *c;
        ahead.skip(at);
        if !ahead.any(closers)? {
            continue;
        }
        while ahead.closer(closers)? {}
        let follows = ahead.before(followers)?;
        if follows || ahead.ended() {
            c.skip(ahead.used() - c.used());
            return Ok(&rest[..at]);
        }
    }
    Err(c.more())
}

/// The value without the line ends next to its tags.
fn in_lines(value: &str) -> String {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value).to_owned()
}

/// `<function=f><parameter=k>v</parameter></function>` of Qwen3-Coder and Nemotron, and Llama's `<function=f>{…}`.
pub(super) fn function(c: &mut Cursor<'_>, tools: &Tools) -> Read<Found> {
    c.tag("<function=")?;
    let name = tools.known(c.short('>')?)?;
    c.space();
    if c.peek().is_ok_and(|first| first == '{') {
        let found = objects::arguments_of(c, tools, name)?;
        c.closer(&["</function>"])?;
        return Ok(found);
    }
    let mut given = Vec::new();
    while c.closer(&["<parameter="])? {
        let key = c.short('>')?.trim().to_owned();
        let followers = ["<parameter=", "</function>", "</tool_call>"];
        let value = parameter(c, &["</parameter>"], &followers)?;
        given.push((key, Given::Text(in_lines(value))));
    }
    if !c.closer(&["</function>"])? && !c.before(&["</tool_call>"])? && !c.ended() {
        return Err(Stop::No);
    }
    tools.call(name, given)
}

/// The same without the outer tag, which may still stand behind it.
pub(super) fn bare_function(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let found = function(c, tools)?;
    c.closer(&["</tool_call>"])?;
    Ok(vec![found])
}

/// The inside of `<tool_call>f<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>` of GLM and Laguna.
pub(super) fn glm(c: &mut Cursor<'_>, tools: &Tools) -> Read<Found> {
    let name = tools.name(c)?;
    let mut given = Vec::new();
    while c.closer(&["<arg_key>"])? {
        let key = c.short('<')?.trim().to_owned();
        c.tag("/arg_key>")?;
        c.space();
        c.tag("<arg_value>")?;
        let value = parameter(c, &["</arg_value>"], &["<arg_key>", "</tool_call>", "<tool_call>"])?;
        given.push((key, Given::Text(in_lines(value))));
    }
    let next_call = !given.is_empty() && c.before(&["<tool_call>"])?;
    if !next_call && !c.closer(&["</tool_call>"])? && (given.is_empty() || !c.ended()) {
        return Err(Stop::No);
    }
    tools.call(name, given)
}

/// `<invoke name="f"><parameter name="k">v</parameter></invoke>`, in a wrapper or not.
pub(super) fn invoke(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let in_calls = c.any(&CALLS)?;
    let in_minimax = !in_calls && c.maybe(MINIMAX)?;
    c.space();
    c.one_of(&INVOKE)?;
    let mut found = Vec::new();
    loop {
        let (name, _) = attributes(c.short('>')?);
        let name = tools.known(name)?;
        let mut given = Vec::new();
        while c.closer(&PARAMETER)? {
            let (key, others) = attributes(c.short('>')?);
            let value = parameter(c, &PARAMETER_END, &[PARAMETER, INVOKE_END].concat())?;
            // DeepSeek V3.2 says which values are strings.
            let value = if others.contains("string=\"true\"") {
                Given::Typed(Value::String(value.to_owned()))
            } else {
                Given::Text(in_lines(value))
            };
            given.push((key.to_owned(), value));
        }
        if !c.closer(&INVOKE_END)? && !c.ended() {
            return Err(Stop::No);
        }
        found.push(tools.call(name, given)?);
        if !c.closer(&INVOKE)? {
            break;
        }
    }
    if in_calls {
        c.closer(&CALLS_END)?;
    } else if in_minimax {
        c.closer(&[MINIMAX_END])?;
    }
    Ok(found)
}

/// The first value, which may be quoted, and what follows it.
fn attributes(raw: &str) -> (&str, &str) {
    let raw = raw.trim();
    match raw.chars().next() {
        Some(quote @ ('"' | '\'')) => raw[1..].split_once(quote).unwrap_or((&raw[1..], "")),
        _ => raw.split_once(' ').unwrap_or((raw, "")),
    }
}
