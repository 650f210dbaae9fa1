//! Families that put JSON, a list or a Python call between marks of their own (`wire-facts.md` §3).

use super::{
    cursor::{Cursor, Ending, Read, Stop, is_name},
    objects::{self, Fields},
    tools::{Found, Given, Tools},
    value::{self, Style},
    xml,
};

/// `<tool_call>{…}</tool_call>` of Hermes and Qwen, and what Qwen3-Coder and GLM put between these tags. The closer
/// is often missing.
pub(super) fn tool_call(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<tool_call>")?;
    c.space();
    let mut found = Vec::new();
    match c.peek()? {
        '{' | '[' => loop {
            found.extend(objects::any(c, tools, Fields::Any)?);
            if !c.before(&["{"])? {
                break;
            }
        },
        '<' => loop {
            found.push(xml::function(c, tools)?);
            if !c.before(&["<function="])? {
                break;
            }
            c.space();
        },
        _ => return xml::glm(c, tools).map(|call| vec![call]),
    }
    c.closer(&["</tool_call>"])?;
    Ok(found)
}

/// `[TOOL_CALLS][{…}]` and `[TOOL_CALLS]f[ARGS]{…}` of Mistral.
pub(super) fn mistral(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("[TOOL_CALLS]")?;
    c.space();
    if matches!(c.peek()?, '[' | '{') {
        return objects::any(c, tools, Fields::Any);
    }
    let name = tools.name(c)?;
    if c.maybe("[CALL_ID]")? {
        c.name()?;
    }
    c.maybe("[ARGS]")?;
    objects::arguments_of(c, tools, name).map(|call| vec![call])
}

/// The marks of `DeepSeek` are written with a wide bar and a low block, or in ASCII.
pub(super) fn deepseek(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let section = ["<｜tool▁calls▁begin｜>", "<|tool_calls_begin|>"];
    let begin = ["<｜tool▁call▁begin｜>", "<|tool_call_begin|>"];
    let sep = ["<｜tool▁sep｜>", "<|tool_sep|>"];
    let end = ["<｜tool▁call▁end｜>", "<|tool_call_end|>"];
    let section_end = ["<｜tool▁calls▁end｜>", "<|tool_calls_end|>"];
    let in_section = c.any(&section)?;
    c.space();
    c.one_of(&begin)?;
    let mut found = Vec::new();
    loop {
        c.space();
        // R1 and V3: `function`, then the name in a line of its own, then a fence. V3.1: the name, then JSON.
        let first = c.name()?;
        c.one_of(&sep)?;
        c.space();
        let name = if c.peek()? == '{' { first } else { c.name()? };
        let name = tools.known(name)?;
        c.space();
        let fenced = c.maybe("```")?;
        if fenced {
            c.maybe("json")?;
        }
        found.push(objects::arguments_of(c, tools, name)?);
        if fenced {
            c.closer(&["```"])?;
        }
        c.closer(&end)?;
        if !c.closer(&begin)? {
            break;
        }
    }
    if in_section {
        c.closer(&section_end)?;
    }
    Ok(found)
}

/// `<|python_tag|>` of Llama 3.
pub(super) fn python_tag(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<|python_tag|>")?;
    let mut found = objects::any(c, tools, Fields::Any)?;
    while c.closer(&[";"])? {
        found.extend(objects::any(c, tools, Fields::Any)?);
    }
    c.closer(&["<|eom_id|>", "<|eot_id|>"])?;
    Ok(found)
}

/// `<|tool_call_start|>[f(a="x")]<|tool_call_end|>` of LFM2.
pub(super) fn lfm2(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<|tool_call_start|>")?;
    let found = objects::any(c, tools, Fields::Any)?;
    c.closer(&["<|tool_call_end|>"])?;
    Ok(found)
}

/// `<function_calls>f(a=1)</function_calls>` of `OLMo` 3.
pub(super) fn olmo(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<function_calls>")?;
    let mut found = Vec::new();
    loop {
        found.extend(objects::any(c, tools, Fields::Any)?);
        if c.closer(&["</function_calls>"])? || c.ended() {
            return Ok(found);
        }
    }
}

/// `<|START_ACTION|>[…]<|END_ACTION|>` of Cohere.
pub(super) fn cohere(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<|START_ACTION|>")?;
    let found = objects::any(c, tools, Fields::Any)?;
    c.closer(&["<|END_ACTION|>"])?;
    Ok(found)
}

/// `<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{…}<|tool_call_end|>` of Kimi K2.
pub(super) fn kimi(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let in_section = c.maybe("<|tool_calls_section_begin|>")?;
    c.space();
    c.tag("<|tool_call_begin|>")?;
    let mut found = Vec::new();
    loop {
        c.space();
        let name = tools.name(c)?;
        if c.maybe(":")? {
            c.name()?;
        }
        c.space();
        c.tag("<|tool_call_argument_begin|>")?;
        found.push(objects::arguments_of(c, tools, name)?);
        c.closer(&["<|tool_call_end|>"])?;
        if !c.closer(&["<|tool_call_begin|>"])? {
            break;
        }
    }
    if in_section {
        c.closer(&["<|tool_calls_section_end|>"])?;
    }
    Ok(found)
}

/// `[TOOL_REQUEST]{…}[END_TOOL_REQUEST]` of LM Studio's default template.
pub(super) fn tool_request(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("[TOOL_REQUEST]")?;
    let found = objects::any(c, tools, Fields::Any)?;
    c.closer(&["[END_TOOL_REQUEST]"])?;
    Ok(found)
}

/// `[f]`, JSON, `[END_TOOL_REQUEST]`: the same as OpenClaw has seen it.
pub(super) fn bracketed_name(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("[")?;
    let name = tools.name(c)?;
    c.tag("]")?;
    let found = objects::arguments_of(c, tools, name)?;
    c.space();
    c.tag("[END_TOOL_REQUEST]")?;
    Ok(vec![found])
}

/// `<function_call_name>f</…><function_call_arguments>{…}</…>` of `RouteLLM`.
pub(super) fn route_llm(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("<function_call_name>")?;
    c.space();
    let name = tools.name(c)?;
    c.space();
    c.tag("</function_call_name>")?;
    c.space();
    c.tag("<function_call_arguments>")?;
    let found = objects::arguments_of(c, tools, name)?;
    c.closer(&["</function_call_arguments>"])?;
    Ok(vec![found])
}

/// `<|tool_call>call:f{…}<tool_call|>` of Gemma 4, `<start_function_call>…<end_function_call>` of `FunctionGemma`.
pub(super) fn gemma(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.one_of(&["<|tool_call>", "<start_function_call>"])?;
    c.space();
    let found = bare_gemma(c, tools)?;
    c.closer(&["<tool_call|>", "<end_function_call>", "<start_function_response>"])?;
    Ok(found)
}

/// `call:f{…}`, what is left when the marks are not shown.
pub(super) fn bare_gemma(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.tag("call:")?;
    let name = tools.name(c)?;
    let given = value::object(c, Style::Gemma)?;
    let found = tools.call(name, given.into_iter().map(|(key, value)| (key, Given::Typed(value))))?;
    Ok(vec![found])
}

/// `<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{…}<|call|>` of gpt-oss, in any
/// channel, with or without each of the marks; and `to=f<|message|>{…}`.
pub(super) fn harmony(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    c.maybe("<|start|>")?;
    c.maybe("assistant")?;
    c.maybe("<|channel|>")?;
    c.any(&["commentary", "analysis", "final"])?;
    c.space();
    c.tag("to=")?;
    let name = tools.name(c)?;
    c.space();
    if c.maybe("<|channel|>")? {
        c.any(&["commentary", "analysis", "final"])?;
        c.space();
    }
    c.maybe("<|constrain|>")?;
    c.maybe("json")?;
    c.space();
    c.maybe("<|message|>")?;
    let found = objects::arguments_of(c, tools, name)?;
    c.closer(&["<|call|>", "<|end|>"])?;
    Ok(vec![found])
}

/// A message that is nothing but fenced blocks, JSON objects or lists that are calls.
pub(super) fn whole(text: &str, ending: Ending, tools: &Tools) -> Read<Vec<Found>> {
    let mut found = Vec::new();
    let mut c = Cursor::new(text, ending);
    c.space();
    loop {
        match c.peek()? {
            '`' | '~' => found.extend(fence(&mut c, tools)?),
            '{' | '[' => found.extend(objects::any(&mut c, tools, Fields::Strict)?),
            _ => return Err(Stop::No),
        }
        c.closer(&["<|eom_id|>", "<|eot_id|>", ";", ","])?;
        c.space();
        if c.nothing_left()? {
            return Ok(found);
        }
    }
}

/// One fenced block of calls, in JSON, in Python or in a family's own marks.
fn fence(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let rest = c.rest();
    let mark = c.peek()?;
    let length = rest.find(|c| c != mark).ok_or_else(|| c.more())?;
    if length < 3 {
        return Err(Stop::No);
    }
    c.skip(length);
    c.short('\n')?;
    let mut found = Vec::new();
    loop {
        c.space();
        match c.peek()? {
            '{' | '[' if !c.rest().starts_with("[T") => found.extend(objects::any(c, tools, Fields::Strict)?),
            first if is_name(first) => found.push(printed(c, tools)?),
            _ => found.extend(super::marked(c, tools)?),
        }
        if c.closer(&[&rest[..length]])? || c.ended() {
            return Ok(found);
        }
    }
}

/// A Python call, maybe inside `print(…)`.
fn printed(c: &mut Cursor<'_>, tools: &Tools) -> Read<Found> {
    let printed = c.maybe("print(")?;
    let found = objects::python(c, tools)?;
    if printed {
        c.space();
        c.tag(")")?;
    }
    Ok(found)
}
