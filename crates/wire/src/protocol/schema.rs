//! The one schema that holds the whole answer.

use serde_json::{Value, json};
use yabby_core::{ModelRequest, OutputSchema, Tool, ToolChoice};

use super::{ANSWER, ARGUMENTS, TOOL, offered};
use crate::{dialect::Quirks, lower};

/// An answer or a call of one of the tools on offer. The first key decides between them; servers write keys in the
/// order of `properties`.
pub(super) fn union(request: &ModelRequest, quirks: &Quirks) -> OutputSchema {
    let mut branches = Vec::new();
    if request.tool_choice == ToolChoice::Auto {
        let answer = match &request.output_schema {
            Some(output) => lower::lower_output(&output.schema),
            None => json!({"type": "string"}),
        };
        branches.push(closed(&json!({ANSWER: answer})));
    }
    branches.extend(offered(request).map(|tool| {
        let name = json!({"type": "string", "enum": [tool.name]});
        closed(&json!({TOOL: name, ARGUMENTS: arguments(tool, quirks)}))
    }));
    let schema = match branches.as_slice() {
        [only] => only.clone(),
        _ => json!({"anyOf": branches}),
    };
    OutputSchema {
        name: "reply".to_owned(),
        schema,
    }
}

/// An object with all of these properties and no others.
fn closed(properties: &Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(|map| map.keys()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// In the subset, wherever the server stands: a grammar is made of it everywhere.
fn arguments(tool: &Tool, quirks: &Quirks) -> Value {
    let mut schema = lower::lower_parameters(&tool.parameters);
    if !quirks.dropped_keywords.is_empty() {
        schema = lower::without(&schema, &quirks.dropped_keywords);
    }
    if let Some(schema) = schema.as_object_mut() {
        // Left open, vLLM's grammar lets a model make up arguments.
        schema.entry("additionalProperties").or_insert(false.into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool {
        Tool {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {"n": {"type": ["integer", "null"], "format": "int32"}}}),
        }
    }

    fn asked(choice: ToolChoice, output: Option<Value>) -> Value {
        let request = ModelRequest {
            tools: vec![tool("f"), tool("g")],
            tool_choice: choice,
            output_schema: output.map(|schema| OutputSchema {
                name: "own".to_owned(),
                schema,
            }),
            ..ModelRequest::default()
        };
        union(&request, &Quirks::default()).schema
    }

    #[test]
    fn one_branch_for_each_thing_that_may_come() {
        let call = |name: &str| {
            closed(&json!({
                "tool": {"type": "string", "enum": [name]},
                "arguments": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false},
            }))
        };
        let answer = closed(&json!({"answer": {"type": "string"}}));
        assert_eq!(
            asked(ToolChoice::Auto, None),
            json!({"anyOf": [answer, call("f"), call("g")]})
        );
        assert_eq!(
            asked(ToolChoice::Required, None),
            json!({"anyOf": [call("f"), call("g")]})
        );
        assert_eq!(asked(ToolChoice::Named("g".to_owned()), None), call("g"));
        let own = asked(
            ToolChoice::Auto,
            Some(json!({"type": "array", "items": {"type": ["string", "null"]}})),
        );
        assert_eq!(
            own["anyOf"][0],
            closed(&json!({"answer": {"type": "array", "items": {"type": "string"}}}))
        );
    }

    #[test]
    fn lowering_it_once_more_changes_nothing() {
        for choice in [
            ToolChoice::Auto,
            ToolChoice::Required,
            ToolChoice::Named("f".to_owned()),
        ] {
            let schema = asked(
                choice,
                Some(json!({"type": "object", "properties": {"a": {"type": "boolean"}}})),
            );
            assert_eq!(lower::lower_output(&schema), schema);
            assert_eq!(lower::lower_output(&schema).to_string(), schema.to_string());
        }
    }
}
