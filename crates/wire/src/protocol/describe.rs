//! The tools in words, as few as small models understand.
//!
//! A tool is one line, with its parameters as TypeScript would have them. The wording was chosen out of some twenty with
//! two models on llama.cpp, 12 questions for 2 tools and 6 for none. SmolLM2-135M took the right tool for 10, with other
//! wordings for 0 to 12. Qwen2.5-Coder-1.5B answered 4 or 5 of the 6 itself, with wordings that urge it to use tools 1 or 2.

use std::fmt::Write;

use serde_json::Value;
use yabby_core::{ModelRequest, Tool, ToolChoice, ToolMode};

use super::{ANSWER, ARGUMENTS, TOOL};
use crate::lower;

/// Deeper than this the shape of a value is not told.
const DEEPEST: usize = 4;

/// The instructions of the request with the tools behind them.
pub(super) fn system(request: &ModelRequest, mode: ToolMode) -> Option<String> {
    let protocol = match mode {
        ToolMode::Constrained => constrained(request),
        ToolMode::Text => text(request),
        ToolMode::Native | ToolMode::None => return request.system.clone(),
    };
    let mut out = request.system.clone().unwrap_or_default();
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str("You can use these tools:\n");
    for tool in &request.tools {
        out.push_str(&line(tool));
    }
    out.push_str(&protocol);
    Some(out)
}

/// The same whatever the choice: the schema says what is left, and the server's cache stays good.
fn constrained(request: &ModelRequest) -> String {
    let answer = match &request.output_schema {
        Some(output) => shape(&lower::lower_output(&output.schema), 0),
        None => "\"...\"".to_owned(),
    };
    format!(
        "If the question needs a tool, reply with {{\"{TOOL}\": \"NAME\", \"{ARGUMENTS}\": {{...}}}}, and you get its \
         result. If it needs none, reply with {{\"{ANSWER}\": {answer}}}."
    )
}

fn text(request: &ModelRequest) -> String {
    let call = "<tool_call>{\"name\": \"NAME\", \"arguments\": {...}}</tool_call>";
    let rest = match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::None => "If it needs none, answer in plain words.".to_owned(),
        ToolChoice::Required => "Use a tool now.".to_owned(),
        ToolChoice::Named(name) => format!("Use {name} now."),
    };
    format!("If the question needs a tool, reply with {call}, and you get its result. {rest}")
}

/// `- get_weather(city: string, days?: integer): The weather in a city. city: The city.`
fn line(tool: &Tool) -> String {
    let schema = lower::lower_parameters(&tool.parameters);
    let mut out = format!("- {}({})", tool.name, members(&schema, 0));
    let mut said = ": ";
    let mut say = |what: &str, out: &mut String| {
        let what = one_line(what);
        if !what.is_empty() {
            out.push_str(said);
            out.push_str(&what);
            said = if what.ends_with(['.', '!', '?', '。']) {
                " "
            } else {
                ". "
            };
        }
    };
    say(&tool.description, &mut out);
    for (name, property) in properties(&schema) {
        if let Some(description) = property.get("description").and_then(Value::as_str) {
            say(&format!("{name}: {description}"), &mut out);
        }
    }
    out.push('\n');
    out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn members(schema: &Value, depth: usize) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let mut out = String::new();
    for (name, property) in properties(schema) {
        let gap = if out.is_empty() { "" } else { ", " };
        let optional = !required.is_some_and(|required| required.iter().any(|known| known == name));
        let mark = if optional { "?" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{gap}{name}{mark}: {}", shape(property, depth + 1));
    }
    out
}

/// What a value of a lowered schema looks like.
fn shape(schema: &Value, depth: usize) -> String {
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    if let Some(values) = list("enum") {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join("|");
    }
    if let Some(branches) = list("anyOf").filter(|_| depth < DEEPEST) {
        let branches: Vec<String> = branches.iter().map(|branch| shape(branch, depth + 1)).collect();
        return branches.join("|");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => match schema.get("items").filter(|_| depth < DEEPEST) {
            Some(items) if items.get("anyOf").is_none() && items.get("enum").is_none() => {
                format!("{}[]", shape(items, depth + 1))
            }
            Some(items) => format!("({})[]", shape(items, depth + 1)),
            None => "array".to_owned(),
        },
        Some("object") if depth < DEEPEST && properties(schema).next().is_some() => {
            format!("{{{}}}", members(schema, depth))
        }
        Some(name) => name.to_owned(),
        None => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tool_in_one_line() {
        let mut tool = Tool {
            name: "find".to_owned(),
            description: "Finds  flights.\nFast!".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "to": {"type": "string", "description": "An airport"},
                    "class": {"type": "string", "enum": ["eco", "first"]},
                    "days": {"type": "array", "items": {"type": "integer"}},
                    "who": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "more": {"type": "object", "properties": {"bags": {"type": "number"}}, "required": ["bags"]},
                },
                "required": ["to", "more"],
            }),
        };
        assert_eq!(
            line(&tool),
            "- find(to: string, class?: \"eco\"|\"first\", days?: integer[], who?: (string|integer)[], more: {bags: \
             number}): Finds flights. Fast! to: An airport\n"
        );
        tool.parameters = json!({});
        tool.description = String::new();
        assert_eq!(line(&tool), "- find()\n");
    }
}
