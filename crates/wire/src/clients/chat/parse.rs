//! Reads requests of Chat Completions (platform.openai.com, "Create chat completion"), with what other clients add:
//! `OpenRouter`'s `reasoning`, `top_k`, and the replayed reasoning of an answer.

use serde_json::{Map, Value};
use yabby_core::{OutputSchema, Thinking, ToolCall};

use super::super::{
    api::Api,
    conversation::{Conversation, PARAGRAPH, arguments},
    fields::{Fields, not_a},
    invalid::InvalidRequest,
    parts::Content,
    request::ClientRequest,
    tools,
};
use crate::chat::REPLAYED;

type Read<T> = Result<T, InvalidRequest>;

/// Reads a request.
pub(in super::super) fn parse(mut body: Fields) -> Read<ClientRequest> {
    let mut read = ClientRequest::new(Api::Chat);
    read.model = body.text("model")?;
    if body.integer("n")?.is_some_and(|n| n != 1) {
        return Err(InvalidRequest::unsupported("n", "must be 1: there is one answer"));
    }
    for old in ["functions", "function_call"] {
        if body.has(old) {
            let problem = "is no longer taken; offer functions in `tools`";
            return Err(InvalidRequest::unsupported(old, problem));
        }
    }
    let mut talk = Conversation::default();
    body.some("messages", |value| message(value, &mut talk))?;
    (read.request.system, read.request.messages) = talk.finish();
    offered(&mut body, &mut read)?;
    read.stream = body.flag("stream")?.unwrap_or(false);
    let options = body.inside("stream_options", |options| options.flag("include_usage"))?;
    read.include_usage = options.flatten().unwrap_or(false);
    // The newer name has the last word.
    let old_limit = body.limit("max_tokens")?;
    read.request.max_output_tokens = body.limit("max_completion_tokens")?.or(old_limit);
    read.request.temperature = body.number("temperature")?;
    sampling(&mut body, &mut read)?;
    thinking(&mut body, &mut read)?;
    if let Some(format) = body.inner("response_format")? {
        response_format(format, &mut read).map_err(|error| error.within("response_format"))?;
    }
    read.user = body.text("user")?;
    read.store = body.flag("store")?;
    read.metadata = body.object("metadata")?.unwrap_or_default();
    read.others = body.rest();
    Ok(read)
}

fn sampling(body: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    let sampling = &mut read.sampling;
    sampling.top_p = body.number("top_p")?;
    sampling.top_k = body.integer("top_k")?;
    sampling.seed = body.integer("seed")?;
    sampling.presence_penalty = body.number("presence_penalty")?;
    sampling.frequency_penalty = body.number("frequency_penalty")?;
    sampling.stop = match body.take("stop") {
        Some(Value::String(stop)) => vec![stop],
        Some(other) => strings("stop", other)?,
        None => Vec::new(),
    };
    Ok(())
}

/// A list of strings.
pub(in super::super) fn strings(name: &str, value: Value) -> Read<Vec<String>> {
    let Value::Array(list) = value else {
        return Err(not_a(name, "an array of strings", &value));
    };
    let text = |(index, value): (usize, Value)| match value {
        Value::String(text) => Ok(text),
        other => Err(not_a("", "a string", &other).at(index).within(name)),
    };
    list.into_iter().enumerate().map(text).collect()
}

/// How hard to think: OpenAI's word, or `OpenRouter`'s object.
fn thinking(body: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    if let Some(word) = body.text("reasoning_effort")? {
        read.request.thinking = Some(effort("reasoning_effort", &word)?);
    }
    read.wants_reasoning = body.flag("include_reasoning")?;
    let Some(mut reasoning) = body.inner("reasoning")? else {
        return Ok(());
    };
    if let Some(word) = reasoning.text("effort").map_err(|error| error.within("reasoning"))? {
        read.request.thinking = Some(effort("reasoning.effort", &word)?);
    }
    let off = matches!(reasoning.take("enabled"), Some(Value::Bool(false)));
    if off {
        read.request.thinking = Some(Thinking::Off);
    }
    read.wants_reasoning = Some(!off && !matches!(reasoning.take("exclude"), Some(Value::Bool(true))));
    let rest = reasoning.rest();
    if !rest.is_empty() {
        body.put("reasoning", Value::Object(rest));
    }
    Ok(())
}

/// OpenAI's word for how hard to think.
pub(in super::super) fn effort(field: &str, word: &str) -> Read<Thinking> {
    let known = if word == "none" {
        Some(Thinking::Off)
    } else {
        Thinking::of(word)
    };
    known.ok_or_else(|| {
        let problem = format!("must be none, minimal, low, medium, high, xhigh or max, not `{word}`");
        InvalidRequest::wrong(field, problem)
    })
}

/// The shape of the answer. `format` is the object with the type, and in Responses also with the schema.
pub(in super::super) fn response_format(mut format: Fields, read: &mut ClientRequest) -> Read<()> {
    match format.needed_text("type")?.as_str() {
        "text" => {}
        "json_object" => read.json_object = true,
        "json_schema" => {
            let schema = if format.has("json_schema") {
                let inner = format.inside("json_schema", output_schema)?;
                inner.ok_or_else(|| InvalidRequest::missing("json_schema"))?
            } else {
                output_schema(&mut format)?
            };
            read.request.output_schema = Some(schema);
        }
        other => {
            let problem = format!("must be text, json_object or json_schema, not `{other}`");
            return Err(InvalidRequest::unsupported("type", problem));
        }
    }
    Ok(())
}

fn output_schema(fields: &mut Fields) -> Read<OutputSchema> {
    Ok(OutputSchema {
        name: fields.text("name")?.unwrap_or_else(|| "answer".to_owned()),
        schema: match fields.object("schema")? {
            Some(schema) => Value::Object(schema),
            None => return Err(InvalidRequest::missing("schema")),
        },
    })
}

/// The tools and the choice among them.
fn offered(body: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    body.each("tools", |tool| {
        let mut tool = Fields::of(tool)?;
        match tool.text("type")?.as_deref() {
            None | Some("function") => {
                let defined = tool.inside("function", |function| {
                    read.strict_tools |= function.flag("strict")?.unwrap_or(false);
                    tools::function(function, "parameters")
                })?;
                let defined = defined.ok_or_else(|| InvalidRequest::missing("function"))?;
                read.request.tools.push(defined);
                Ok(())
            }
            Some(other) => Err(InvalidRequest::unsupported(
                "type",
                format!("must be `function`, not `{other}`"),
            )),
        }
    })?;
    read.parallel_tool_calls = body.flag("parallel_tool_calls")?;
    match body.take("tool_choice") {
        Some(choice) => tools::openai_choice(read, choice).map_err(|error| error.within("tool_choice")),
        None => Ok(()),
    }
}

fn message(value: Value, talk: &mut Conversation) -> Read<()> {
    let mut message = Fields::of(value)?;
    let role = message.needed_text("role")?;
    let content = |message: &mut Fields| Content::of(message.take("content")).map_err(|error| error.within("content"));
    match role.as_str() {
        "system" | "developer" => {
            let said = content(&mut message)?.only_text(PARAGRAPH);
            talk.system(said.map_err(|error| error.within("content"))?);
        }
        "user" => {
            let mut said = content(&mut message)?;
            talk.user(said.text(PARAGRAPH), said.images);
        }
        "assistant" => {
            let mut text = content(&mut message)?.only_text("");
            if let (Ok(said), Some(refusal)) = (&mut text, message.text("refusal")?) {
                said.push_str(&refusal);
            }
            let kept: Map<String, Value> = REPLAYED
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), message.take(name)?)))
                .collect();
            if !kept.is_empty() {
                talk.thought(Value::Object(kept));
            }
            talk.assistant(text.map_err(|error| error.within("content"))?);
            message.each("tool_calls", |value| {
                talk.call(call(value)?);
                Ok(())
            })?;
        }
        "tool" => {
            let id = message.needed_text("tool_call_id")?;
            let said = content(&mut message)?;
            talk.result(id, said);
        }
        other => {
            let problem = format!("must be system, developer, user, assistant or tool, not `{other}`");
            return Err(InvalidRequest::wrong("role", problem));
        }
    }
    Ok(())
}

fn call(value: Value) -> Read<ToolCall> {
    let mut call = Fields::of(value)?;
    let id = call.needed_text("id")?;
    let read = call.inside("function", |function| {
        Ok((function.needed_text("name")?, arguments(function.take("arguments"))))
    })?;
    let (name, arguments) = read.ok_or_else(|| InvalidRequest::missing("function"))?;
    Ok(ToolCall { id, name, arguments })
}
