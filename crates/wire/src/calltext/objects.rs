//! Calls as JSON objects or in Python's form, alone or in lists; the inside of most families.

use serde_json::{Map, Value};

use super::{
    cursor::{Cursor, Read, Stop},
    tools::{Found, Given, Tools},
    value::{self, Style},
};

/// Which objects are calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// Inside a tag that says so: any fields beside the name.
    Any,
    /// Without a tag: a name and arguments, and nothing that no call has.
    Strict,
}

/// The object that `value` holds: itself, or JSON in a string.
fn arguments(value: Value) -> Read<Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        Value::String(inner) => serde_json::from_str(&inner).map_err(|_| Stop::No),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(Stop::No),
    }
}

/// `{"name":"f","arguments":{…}}`, also with the field names of Llama and Cohere, and `OpenAI`'s nested form. Qwen2.5
/// may double the outer brace, and not close it twice (`xllamacpp-b11549-qwen1.5b/chat_tool_result.txt`).
pub(super) fn object(c: &mut Cursor<'_>, tools: &Tools, fields: Fields) -> Read<Found> {
    let mut ahead = *c;
    let doubled = ahead.maybe("{{")?;
    c.skip(usize::from(doubled));
    let found = named_object(c, tools, fields, 0)?;
    if doubled {
        c.closer(&["}"])?;
    }
    Ok(found)
}

fn named_object(c: &mut Cursor<'_>, tools: &Tools, fields: Fields, depth: usize) -> Read<Found> {
    let mut name = None;
    let mut given = None;
    let mut inner = None;
    c.tag("{")?;
    loop {
        if c.next_is('}')? {
            break;
        }
        let key = value::string(c, Style::Json)?;
        c.space();
        c.tag(":")?;
        c.space();
        match key.as_str() {
            "function" if c.peek()? == '{' && depth == 0 => inner = Some(named_object(c, tools, fields, 1)?),
            "name" | "tool_name" | "tool" | "function" => {
                name = Some(tools.known(&value::string(c, Style::Json)?)?.to_owned());
            }
            "arguments" | "parameters" | "args" | "input" => {
                given = Some(arguments(value::value(c, Style::Json)?)?);
            }
            "id" | "type" | "call_id" | "tool_call_id" | "index" => {
                value::value(c, Style::Json)?;
            }
            _ if fields == Fields::Strict => return Err(Stop::No),
            _ => {
                value::value(c, Style::Json)?;
            }
        }
        c.space();
        if !c.maybe(",")? {
            break;
        }
    }
    c.tag("}")?;
    match (name, given, inner) {
        (None, None, Some(inner)) => Ok(inner),
        (Some(name), Some(given), None) => tools.call_object(&name, given),
        (Some(name), None, None) if fields == Fields::Any => tools.call_object(&name, Map::new()),
        _ => Err(Stop::No),
    }
}

/// `f(a=1, b="x")`
pub(super) fn python(c: &mut Cursor<'_>, tools: &Tools) -> Read<Found> {
    let name = tools.name(c)?;
    let mut given = Vec::new();
    c.tag("(")?;
    loop {
        if c.next_is(')')? {
            break;
        }
        let key = c.name()?.to_owned();
        c.space();
        c.tag("=")?;
        c.space();
        given.push((key, Given::Typed(value::value(c, Style::Python)?)));
        c.space();
        if !c.maybe(",")? {
            break;
        }
    }
    c.tag(")")?;
    tools.call(name, given)
}

/// `[…, …]` of objects or Python calls; at least one.
pub(super) fn list(c: &mut Cursor<'_>, tools: &Tools, fields: Fields) -> Read<Vec<Found>> {
    let mut found = Vec::new();
    c.tag("[")?;
    loop {
        if c.next_is(']')? {
            break;
        }
        found.push(one(c, tools, fields)?);
        c.space();
        if !c.maybe(",")? {
            break;
        }
    }
    c.tag("]")?;
    if found.is_empty() { Err(Stop::No) } else { Ok(found) }
}

fn one(c: &mut Cursor<'_>, tools: &Tools, fields: Fields) -> Read<Found> {
    if c.peek()? == '{' {
        object(c, tools, fields)
    } else {
        python(c, tools)
    }
}

/// A list, an object or a Python call.
pub(super) fn any(c: &mut Cursor<'_>, tools: &Tools, fields: Fields) -> Read<Vec<Found>> {
    c.space();
    if c.peek()? == '[' {
        list(c, tools, fields)
    } else {
        one(c, tools, fields).map(|found| vec![found])
    }
}

/// A JSON object of arguments for a tool that was named before.
pub(super) fn arguments_of(c: &mut Cursor<'_>, tools: &Tools, name: &str) -> Read<Found> {
    c.space();
    let arguments = value::object(c, Style::Json)?;
    tools.call_object(name, arguments)
}
