//! Tools, and which of them may be called.

use serde_json::{Map, Value, json};
use yabby_core::{Tool, ToolChoice};

use super::{
    fields::{Fields, each, not_a},
    invalid::InvalidRequest,
    request::ClientRequest,
};

/// A function from the fields that define it.
pub(super) fn function(fields: &mut Fields, schema: &str) -> Result<Tool, InvalidRequest> {
    let name = fields.needed_text("name")?;
    if name.is_empty() {
        return Err(InvalidRequest::wrong("name", "must not be empty"));
    }
    Ok(Tool {
        name,
        description: fields.text("description")?.unwrap_or_default(),
        parameters: match fields.object(schema)? {
            Some(parameters) => Value::Object(parameters),
            None => json!({"type": "object", "properties": {}}),
        },
    })
}

/// A tool whose input is text, as a function with one property.
pub(super) fn custom(fields: &mut Fields) -> Result<Tool, InvalidRequest> {
    let mut tool = function(fields, "input_schema")?;
    let grammar = match fields.inner("format")? {
        Some(mut format) => format.text("definition")?,
        None => None,
    };
    let mut input = Map::from_iter([("type".to_owned(), Value::from("string"))]);
    if let Some(grammar) = grammar {
        input.insert(
            "description".to_owned(),
            format!("Text that this grammar accepts:\n{grammar}").into(),
        );
    }
    tool.parameters = json!({
        "type": "object", "properties": {"input": input}, "required": ["input"], "additionalProperties": false,
    });
    Ok(tool)
}

/// Reads `tool_choice` of the two APIs of OpenAI: a word, or an object with a type. In Chat the name stands one level
/// deeper.
pub(super) fn openai_choice(read: &mut ClientRequest, choice: Value) -> Result<(), InvalidRequest> {
    let mut choice = match choice {
        Value::String(word) => {
            read.request.tool_choice = word_of(&word).ok_or_else(|| {
                InvalidRequest::wrong(
                    "",
                    format!("must be `auto`, `none`, `required` or an object, not `{word}`"),
                )
            })?;
            return Ok(());
        }
        Value::Object(_) => Fields::of(choice)?,
        other => return Err(not_a("", "a string or an object", &other)),
    };
    let kind = choice.needed_text("type")?;
    match kind.as_str() {
        "function" | "custom" => {
            if choice.has("name") {
                let name = choice.needed_text("name")?;
                return named(read, name);
            }
            let found = choice.inside(&kind, |function| {
                let name = function.needed_text("name")?;
                named(read, name)
            })?;
            found.ok_or_else(|| InvalidRequest::missing("name"))
        }
        "allowed_tools" => {
            if choice.has("tools") {
                allowed(read, &mut choice)
            } else {
                let read = choice.inside(&kind, |choice| allowed(read, choice))?;
                read.ok_or_else(|| InvalidRequest::missing("tools"))
            }
        }
        word => match word_of(word) {
            Some(choice) => {
                read.request.tool_choice = choice;
                Ok(())
            }
            None => Err(InvalidRequest::unsupported(
                "type",
                format!("tools of type `{word}` are not run here"),
            )),
        },
    }
}

fn word_of(word: &str) -> Option<ToolChoice> {
    Some(match word {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" | "any" => ToolChoice::Required,
        _ => return None,
    })
}

/// The tool that must be called has to be offered.
pub(super) fn named(read: &mut ClientRequest, name: String) -> Result<(), InvalidRequest> {
    if !read.request.tools.iter().any(|tool| tool.name == name) {
        let problem = format!("the request offers no tool `{name}`");
        return Err(InvalidRequest::wrong("name", problem));
    }
    read.request.tool_choice = ToolChoice::Named(name);
    Ok(())
}

/// Only some of the tools may be called: the others are not offered.
fn allowed(read: &mut ClientRequest, choice: &mut Fields) -> Result<(), InvalidRequest> {
    let mode = choice.text("mode")?.unwrap_or_else(|| "auto".to_owned());
    read.request.tool_choice =
        word_of(&mode).ok_or_else(|| InvalidRequest::wrong("mode", "must be `auto` or `required`"))?;
    let mut names: Vec<String> = Vec::new();
    let list = choice.list("tools")?.unwrap_or_default();
    let read_name = |tool: Value| {
        let mut tool = Fields::of(tool)?;
        match tool.inner("function")? {
            Some(mut function) => names.push(function.needed_text("name")?),
            None => names.extend(tool.text("name")?),
        }
        Ok(())
    };
    each(list, read_name).map_err(|error| error.within("tools"))?;
    read.request.tools.retain(|tool| names.contains(&tool.name));
    Ok(())
}
