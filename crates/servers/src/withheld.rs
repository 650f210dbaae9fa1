//! What of a request its model is not told, because its server has refused it, or is known not to take it.

use serde_json::Value;
use yabby_core::{Message, ModelRequest, ToolChoice, ToolMode};

use crate::Endpoint;

/// Something of a request that is not said to its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// A tool, by its name.
    Tool(String),
    /// How hard to think.
    Thinking,
    /// How many tokens the answer may have.
    Limit,
    /// The schema of the answer.
    Schema,
    /// The pictures of the conversation.
    Pictures,
    /// Another field, by the name that it has there.
    Field(String),
}

impl Endpoint {
    /// What is left out of a request to a model, beside what the dialect has no words for. What is only said otherwise, such
    /// as a schema that is made simpler or tools that are described in the prompt, is not.
    pub fn withheld(&self, model: &str, request: &ModelRequest) -> Vec<Withheld> {
        let quirks = self.quirks_of(model, request);
        let none = quirks.tool_mode == ToolMode::None;
        let tools = request.tools.iter();
        let unoffered = tools.filter(|tool| none || quirks.has_quarantined(tool));
        let mut withheld: Vec<Withheld> = unoffered.map(|tool| Withheld::Tool(tool.name.clone())).collect();
        if quirks.no_thinking && request.thinking.is_some() {
            withheld.push(Withheld::Thinking);
        }
        let has_picture = |message: &Message| matches!(message, Message::User { images, .. } if !images.is_empty());
        if quirks.string_content && request.messages.iter().any(has_picture) {
            withheld.push(Withheld::Pictures);
        }
        let dropped = quirks.extra_body.iter().filter(|(_, value)| value.is_null());
        for (name, _) in dropped {
            if let Some(said) = said(request, name)
                && !withheld.contains(&said)
            {
                withheld.push(said);
            }
        }
        withheld
    }
}

/// What a request says in a field of any dialect, if it says something there.
fn said(request: &ModelRequest, field: &str) -> Option<Withheld> {
    let written = request.extra_body.get(field).is_some_and(|value| *value != Value::Null);
    let (said, what) = match field {
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" | "num_predict" => {
            (request.max_output_tokens.is_some(), Withheld::Limit)
        }
        "reasoning_effort" | "reasoning" | "thinking" | "think" => (request.thinking.is_some(), Withheld::Thinking),
        "response_format" | "text" | "format" | "output_config" => (request.output_schema.is_some(), Withheld::Schema),
        "temperature" => (request.temperature.is_some(), Withheld::Field(field.to_owned())),
        "tool_choice" => (
            request.tool_choice != ToolChoice::default(),
            Withheld::Field(field.to_owned()),
        ),
        _ => (false, Withheld::Field(field.to_owned())),
    };
    (said || written).then_some(what)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yabby_core::{Image, Thinking, Tool};
    use yabby_wire::Step;

    use super::*;
    use crate::EndpointOrigin;

    fn tool(name: &str) -> Tool {
        Tool {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        }
    }

    #[test]
    fn what_was_refused_is_named_where_the_request_says_it() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Config);
        let request = ModelRequest {
            messages: vec![Message::User {
                text: "Hi".to_owned(),
                images: Image::new(b"\x89PNG\r\n\x1a\n").into_iter().collect(),
            }],
            tools: vec![tool("good"), tool("bad")],
            temperature: Some(0.5),
            max_output_tokens: Some(9),
            thinking: Some(Thinking::Low),
            extra_body: json!({"seed": 4, "top_k": 3}).as_object().unwrap().clone(),
            ..ModelRequest::default()
        };
        assert_eq!(endpoint.withheld("m", &request), []);
        for step in [
            Step::quarantine(&tool("bad")),
            Step::NoThinking,
            Step::StringContent,
            Step::DropField("temperature".to_owned()),
            Step::DropField("max_tokens".to_owned()),
            Step::DropField("seed".to_owned()),
            Step::DropField("response_format".to_owned()),
            Step::DropField("stream_options".to_owned()),
        ] {
            endpoint.learn("m", step);
        }
        let field = |name: &str| Withheld::Field(name.to_owned());
        assert_eq!(
            endpoint.withheld("m", &request),
            [
                Withheld::Tool("bad".to_owned()),
                Withheld::Thinking,
                Withheld::Pictures,
                field("seed"),
                field("temperature"),
                Withheld::Limit,
            ]
        );
        assert_eq!(endpoint.withheld("m", &ModelRequest::default()), []);
        let none = ModelRequest {
            tools: vec![tool("good")],
            tool_mode: Some(ToolMode::None),
            ..ModelRequest::default()
        };
        assert_eq!(endpoint.withheld("m", &none), [Withheld::Tool("good".to_owned())]);
    }
}
