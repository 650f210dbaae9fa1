//! The questions. Each says in a few words what the server did, or what it should have done and did not.

use std::time::Duration;

use serde_json::json;
use yabby_core::{Delivery, EndReason, ErrorKind, Image, Message, ModelEvent, OutputSchema, ToolCall, ToolChoice};
use yabby_servers::Http;

use super::{
    Case, Kind, Place,
    asking::{ask, good, request, weather},
};
use crate::llama::Llama;

pub(super) const ALL: [(&str, Case); 14] = [
    ("text, streamed", |place, http, _| Box::pin(streamed(place, http))),
    ("text, whole", |place, http, _| Box::pin(whole(place, http))),
    ("token counts on a stream", |place, http, _| {
        Box::pin(usage(place, http))
    }),
    ("system prompt", |place, http, _| Box::pin(system(place, http))),
    ("stop at the token limit", |place, http, _| {
        Box::pin(length(place, http))
    }),
    ("tools, auto", |place, http, _| {
        Box::pin(tools(place, http, ToolChoice::Auto))
    }),
    ("tools, required", |place, http, _| {
        Box::pin(tools(place, http, ToolChoice::Required))
    }),
    ("tools with an awkward schema", |place, http, _| {
        Box::pin(awkward_tool(place, http))
    }),
    ("answer by a JSON schema", |place, http, _| {
        Box::pin(by_schema(place, http))
    }),
    ("tool result in the history", |place, http, _| {
        Box::pin(tool_result(place, http))
    }),
    ("prompt beyond the window", |place, http, _| {
        Box::pin(overflow(place, http))
    }),
    ("a picture, to a model without eyes", |place, http, _| {
        Box::pin(picture(place, http))
    }),
    ("unknown model", |place, http, _| Box::pin(unknown_model(place, http))),
    ("leaving in the middle", |place, http, llama| {
        Box::pin(cancel(place, http, llama))
    }),
];

const CAPITAL: &str = "What is the capital of France? Answer in one short sentence.";

async fn streamed(place: &Place, http: &Http) -> Result<String, String> {
    let said = good(place, http, &request(CAPITAL, 24)).await?;
    if !said.text.contains("Paris") {
        return Err(format!("said {:?}", said.text));
    }
    if said.pieces < 3 {
        return Err(format!("{} pieces", said.pieces));
    }
    Ok("yes".to_owned())
}

async fn whole(place: &Place, http: &Http) -> Result<String, String> {
    let mut request = request(CAPITAL, 24);
    request.delivery = Delivery::Whole;
    let said = good(place, http, &request).await?;
    said.text.contains("Paris").then(|| "yes".to_owned()).ok_or(said.text)
}

async fn usage(place: &Place, http: &Http) -> Result<String, String> {
    let said = good(place, http, &request(CAPITAL, 24)).await?;
    let counts = said.usage;
    match (counts.input_tokens, counts.output_tokens) {
        (Some(input), Some(output)) if input > 10 && output > 3 => Ok(match counts.cached_tokens {
            Some(_) => "yes, cached ones too".to_owned(),
            None => "yes".to_owned(),
        }),
        _ => Err(format!("{counts:?}")),
    }
}

async fn system(place: &Place, http: &Http) -> Result<String, String> {
    let mut with = request("Hello!", 16);
    with.system = Some("word ".repeat(200));
    let said = good(place, http, &with).await?;
    let read = said.usage.input_tokens.unwrap_or_default();
    if read < 200 {
        return Err(format!("only {read} tokens of it were read"));
    }
    Ok("read".to_owned())
}

async fn length(place: &Place, http: &Http) -> Result<String, String> {
    let said = good(place, http, &request("Tell me a very long story.", 8)).await?;
    if said.end == EndReason::Length {
        Ok("told as such".to_owned())
    } else {
        Err(format!("ended with {:?}", said.end))
    }
}

/// A model of this size calls nothing by itself, and its template knows no tools: what counts is that the request is
/// taken and that whatever comes is an answer.
async fn tools(place: &Place, http: &Http, choice: ToolChoice) -> Result<String, String> {
    let mut request = request("What is the weather in Paris? Use the tool.", 32);
    request.tools = vec![weather()];
    request.tool_choice = choice;
    let said = good(place, http, &request).await?;
    match said.calls.as_slice() {
        [] if said.text.trim().is_empty() => Err("nothing".to_owned()),
        [] => Ok("taken, answered in text".to_owned()),
        [call, ..] if call.name == "get_weather" => Ok("called".to_owned()),
        [call, ..] => Err(format!("called {}", call.name)),
    }
}

/// Unlowered, llama.cpp refuses an unknown type and a reference that leads nowhere (recorded as `chat_bad_schema`).
async fn awkward_tool(place: &Place, http: &Http) -> Result<String, String> {
    let mut request = request("What is the weather in Paris?", 16);
    let mut tool = weather();
    tool.parameters = json!({
        "type": "object",
        "properties": {
            "city": {"$ref": "#/$defs/city"},
            "days": {"anyOf": [{"type": "integer", "maximum": 9_007_199_254_740_991_u64}, {"type": "null"}]},
            "note": {"type": "text", "maxLength": 100_000, "pattern": "^(?!x).*$"},
            "more": {"$ref": "https://example.invalid/schema.json"},
        },
        "required": ["city", "days"],
        "$defs": {"city": {"type": ["string", "null"], "format": "city"}},
    });
    request.tools = vec![tool];
    good(place, http, &request).await.map(|_| "taken".to_owned())
}

async fn by_schema(place: &Place, http: &Http) -> Result<String, String> {
    let mut request = request("Name a city and its country.", 64);
    request.output_schema = Some(OutputSchema {
        name: "place".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
            "required": ["city", "country"],
            "additionalProperties": false,
        }),
    });
    let said = good(place, http, &request).await?;
    let obeyed = serde_json::from_str::<serde_json::Value>(said.text.trim())
        .is_ok_and(|value| value["city"].is_string() && value["country"].is_string());
    match (obeyed, &place.endpoint.provider[..]) {
        (true, _) => Ok("obeyed".to_owned()),
        // llama.cpp, and so LiteLLM in front of it, reads `response_format` of Chat alone: `text.format` of Responses
        // is ignored in both recorded builds, and `output_config` of Messages too.
        (false, "resp" | "msgs") => Ok("taken, not obeyed".to_owned()),
        (false, _) => Err(format!("said {:?}", said.text)),
    }
}

async fn tool_result(place: &Place, http: &Http) -> Result<String, String> {
    let arguments = json!({"city": "Paris"}).as_object().cloned().unwrap_or_default();
    let mut request = request("What is the weather in Paris?", 32);
    request.tools = vec![weather()];
    request.messages.push(Message::Assistant {
        text: String::new(),
        tool_calls: vec![ToolCall {
            id: "call_1".to_owned(),
            name: "get_weather".to_owned(),
            arguments,
        }],
        opaque: Vec::new(),
    });
    request.messages.push(Message::ToolResult {
        call_id: "call_1".to_owned(),
        name: "get_weather".to_owned(),
        content: "18 degrees, sunny".to_owned(),
    });
    let said = good(place, http, &request).await?;
    if said.text.trim().is_empty() {
        return Err("nothing".to_owned());
    }
    Ok("taken".to_owned())
}

async fn overflow(place: &Place, http: &Http) -> Result<String, String> {
    let long = "word ".repeat(6000);
    match ask(place, http, place.model, &request(&long, 16)).await {
        Err(error) if error.kind == ErrorKind::ContextOverflow => Ok("refused, recognised".to_owned()),
        Err(error) => Err(format!("{:?}: {error}", error.kind)),
        Ok(said) => Err(format!("answered {:?}", said.text)),
    }
}

/// No model with eyes is to be had here: what is shown is that the picture is understood as one.
async fn picture(place: &Place, http: &Http) -> Result<String, String> {
    let mut request = request("", 8);
    request.messages = vec![Message::User {
        text: "What is this?".to_owned(),
        images: Image::new(include_bytes!("dot.png")).into_iter().collect(),
    }];
    match ask(place, http, place.model, &request).await {
        Err(error) if error.kind == ErrorKind::UnsupportedFeature => Ok("refused, recognised".to_owned()),
        Err(error) => Err(format!("{:?}: {error}", error.kind)),
        Ok(said) => Err(format!("answered {:?}", said.text)),
    }
}

async fn unknown_model(place: &Place, http: &Http) -> Result<String, String> {
    let asked = ask(place, http, "no-such-model", &request("Hello!", 8)).await;
    match (place.kind, asked) {
        (Kind::LlamaCpp, Ok(_)) => Ok("answered by the loaded one".to_owned()),
        (Kind::LiteLlm, Err(error)) if error.kind == ErrorKind::ModelNotFound => Ok("refused, recognised".to_owned()),
        (_, Ok(said)) => Err(format!("answered {:?}", said.text)),
        (_, Err(error)) => Err(format!("{:?}: {error}", error.kind)),
    }
}

/// Dropping the stream must free the slot of the llama.cpp server, also through a proxy.
async fn cancel(place: &Place, http: &Http, llama: &Llama) -> Result<String, String> {
    let request = request("Write a very long story about the sea.", 1500);
    let dialect = place.endpoint.dialect_for(place.model);
    let opened = place.endpoint.ask(http, dialect, place.model, &request).await;
    let mut stream = opened.map_err(|error| error.to_string())?;
    while let Some(event) = stream.next().await {
        if matches!(event, Ok(ModelEvent::Text(_))) {
            break;
        }
    }
    drop(stream);
    let left = tokio::time::Instant::now();
    loop {
        // The closed connection is told to the server by the client's own task.
        tokio::time::sleep(Duration::from_millis(20)).await;
        if llama.busy() == 0 {
            break;
        }
        if left.elapsed() > Duration::from_secs(10) {
            return Err("the slot is still at work after 10 s".to_owned());
        }
    }
    let within = if left.elapsed() < Duration::from_secs(1) {
        "within a second"
    } else {
        "within ten seconds"
    };
    Ok(format!("slot idle {within}"))
}
