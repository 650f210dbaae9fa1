//! Calls of tools, by a model that can. Each case asserts the whole call.

use serde_json::{Map, json};
use yabby_core::{Delivery, EndReason, Message, ModelRequest, Tool, ToolCall, ToolChoice};
use yabby_servers::Http;

use super::{
    Case, Place,
    asking::{Said, good, request, weather},
};

/// With the model's own template: the server reads no call, Yabby does.
pub(super) const AS_TEXT: [(&str, Case); 2] = [
    ("call as text, whole", |place, http, _| {
        Box::pin(called(place, http, ToolChoice::Auto, Delivery::Whole, Reader::Yabby))
    }),
    ("call as text, streamed; result; answer", |place, http, _| {
        Box::pin(round_trip(place, http, Reader::Yabby))
    }),
];

/// With a template whose calls the server reads.
pub(super) const NATIVE: [(&str, Case); 3] = [
    ("native call, required, streamed", |place, http, _| {
        Box::pin(called(
            place,
            http,
            ToolChoice::Required,
            Delivery::Stream,
            Reader::Server,
        ))
    }),
    ("native call, auto, whole", |place, http, _| {
        Box::pin(called(place, http, ToolChoice::Auto, Delivery::Whole, Reader::Server))
    }),
    ("native call, auto, streamed; result; answer", |place, http, _| {
        Box::pin(round_trip(place, http, Reader::Server))
    }),
];

/// Who takes the call out of what the model wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Server,
    Yabby,
}

/// A question and the call that answers it.
#[derive(Clone, Copy)]
struct Question {
    words: &'static str,
    tool: &'static str,
    parameter: &'static str,
    value: &'static str,
}

const WEATHER: Question = Question {
    words: "What is the weather in Paris?",
    tool: "get_weather",
    parameter: "city",
    value: "Paris",
};

const SUM: Question = Question {
    words: "What is 17 * 24?",
    tool: "calculator",
    parameter: "expression",
    value: "17 * 24",
};

fn calculator() -> Tool {
    Tool {
        name: "calculator".to_owned(),
        description: "Calculates an arithmetic expression".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "The expression"}},
            "required": ["expression"],
        }),
    }
}

fn with_tools(question: Question) -> ModelRequest {
    let mut request = request(question.words, 64);
    request.tools = vec![weather(), calculator()];
    request
}

/// The one call that was made, when it is the right one, read by `by`, and there is nothing beside it.
fn the_call(said: &Said, question: Question, by: Reader) -> Result<ToolCall, String> {
    let [call] = said.calls.as_slice() else {
        return Err(format!("{:?}, said {:?}, {:?}", said.calls, said.text, said.end));
    };
    // Yabby makes up an id where there is none.
    let read_by = if call.id == "call_1" {
        Reader::Yabby
    } else {
        Reader::Server
    };
    let expected = ToolCall {
        id: call.id.clone(),
        name: question.tool.to_owned(),
        arguments: Map::from_iter([(question.parameter.to_owned(), json!(question.value))]),
    };
    let found = (call, read_by, &said.text[..], said.pieces, said.end);
    if found == (&expected, by, "", 0, EndReason::ToolCalls) {
        Ok(expected)
    } else {
        Err(format!("{found:?}"))
    }
}

async fn called(
    place: &Place,
    http: &Http,
    choice: ToolChoice,
    delivery: Delivery,
    by: Reader,
) -> Result<String, String> {
    let mut request = with_tools(SUM);
    (request.tool_choice, request.delivery) = (choice, delivery);
    let said = good(place, http, &request).await?;
    the_call(&said, SUM, by).map(|call| format!("`{}` called", call.name))
}

/// The result asks for the answer: as long as there are tools, this model would call again.
async fn round_trip(place: &Place, http: &Http, by: Reader) -> Result<String, String> {
    let mut request = with_tools(WEATHER);
    let said = good(place, http, &request).await?;
    let call = the_call(&said, WEATHER, by)?;
    let result = Message::ToolResult {
        call_id: call.id.clone(),
        name: call.name.clone(),
        content: "18 degrees, sunny.\nAnswer the user in one sentence now. Do not call a function again.".to_owned(),
    };
    let text = said.text;
    request.messages.extend([Message::calling(text, vec![call]), result]);
    let said = good(place, http, &request).await?;
    if said.calls.is_empty() && said.text.contains("18") && said.end == EndReason::Stop {
        Ok("called, answered with the result".to_owned())
    } else {
        Err(format!("{:?}, said {:?}, {:?}", said.calls, said.text, said.end))
    }
}
