//! Reads requests of Responses (platform.openai.com, "Create a model response").

use serde_json::Value;
use yabby_core::{Thinking, ToolCall};

use super::super::{
    api::Api,
    chat::{effort, response_format},
    conversation::{Conversation, PARAGRAPH, arguments},
    fields::{Fields, not_a},
    invalid::InvalidRequest,
    parts::Content,
    request::{ClientRequest, Items},
    tools,
};

type Read<T> = Result<T, InvalidRequest>;

/// The type of an item that only names another one.
const REFERENCE: &str = "item_reference";

/// The ids of earlier items that a request speaks of instead of repeating them, as Vercel's AI SDK does.
pub fn item_references(body: &[u8]) -> Vec<String> {
    if memchr::memmem::find(body, REFERENCE.as_bytes()).is_none() {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = body["input"].as_array().into_iter().flatten();
    let named = items.filter(|item| item["type"] == REFERENCE);
    named
        .filter_map(|item| item["id"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Reads a request; `known` has the items that it only names.
pub(in super::super) fn parse(mut body: Fields, known: &mut Items) -> Read<ClientRequest> {
    let mut read = ClientRequest::new(Api::Responses);
    read.model = body.text("model")?;
    for (name, problem) in [
        ("prompt", "no prompts are kept here; send the text in `instructions`"),
        (
            "conversation",
            "no conversations are kept here; use `previous_response_id`",
        ),
    ] {
        if body.has(name) {
            return Err(InvalidRequest::unsupported(name, problem));
        }
    }
    read.previous_response_id = body.text("previous_response_id")?;
    let mut items = Reader {
        talk: Conversation::default(),
        known,
        count: 0,
        skipped: Vec::new(),
    };
    if let Some(instructions) = body.text("instructions")? {
        items.talk.system(instructions);
    }
    match body.take("input") {
        Some(Value::String(text)) => items.talk.user(text, Vec::new()),
        Some(list @ Value::Array(_)) => {
            body.put("input", list);
            body.some("input", |item| items.item(item))?;
        }
        Some(other) => return Err(not_a("input", "a string or an array", &other)),
        None if read.previous_response_id.is_some() => {}
        None => return Err(InvalidRequest::missing("input")),
    }
    read.skipped = std::mem::take(&mut items.skipped);
    (read.request.system, read.request.messages) = items.talk.finish();
    offered(&mut body, &mut read)?;
    read.stream = body.flag("stream")?.unwrap_or(false);
    read.background = body.flag("background")?.unwrap_or(false);
    read.request.max_output_tokens = body.limit("max_output_tokens")?;
    read.request.temperature = body.number("temperature")?;
    read.sampling.top_p = body.number("top_p")?;
    if let Some(mut reasoning) = body.inner("reasoning")? {
        thinking(&mut reasoning, &mut read).map_err(|error| error.within("reasoning"))?;
        let rest = reasoning.rest();
        if !rest.is_empty() {
            body.put("reasoning", Value::Object(rest));
        }
    }
    if let Some(mut text) = body.inner("text")? {
        if let Some(format) = text.inner("format").map_err(|error| error.within("text"))? {
            response_format(format, &mut read).map_err(|error| error.within("text.format"))?;
        }
        let rest = text.rest();
        if !rest.is_empty() {
            body.put("text", Value::Object(rest));
        }
    }
    read.user = body.text("user")?;
    read.store = body.flag("store")?;
    read.metadata = body.object("metadata")?.unwrap_or_default();
    read.others = body.rest();
    Ok(read)
}

/// How hard to think, and whether a summary of it is wanted.
fn thinking(reasoning: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    if let Some(word) = reasoning.text("effort")? {
        read.request.thinking = Some(effort("effort", &word)?);
    }
    let older = reasoning.text("generate_summary")?;
    let summary = reasoning.text("summary")?.or(older);
    let wants = summary.is_some_and(|word| word != "none") && read.request.thinking != Some(Thinking::Off);
    read.wants_reasoning = Some(wants);
    Ok(())
}

/// The tools and the choice among them. What `OpenAI`'s own servers would run is left out.
fn offered(body: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    let mut index = 0;
    body.each("tools", |tool| {
        let mut tool = Fields::of(tool)?;
        match tool.needed_text("type")?.as_str() {
            "function" => {
                read.strict_tools |= tool.flag("strict")?.unwrap_or(false);
                read.request.tools.push(tools::function(&mut tool, "parameters")?);
            }
            "custom" => {
                let tool = tools::custom(&mut tool)?;
                read.custom_tools.push(tool.name.clone());
                read.request.tools.push(tool);
            }
            other => read.skipped.push(format!("tools[{index}] ({other})")),
        }
        index += 1;
        Ok(())
    })?;
    read.parallel_tool_calls = body.flag("parallel_tool_calls")?;
    match body.take("tool_choice") {
        Some(choice) => tools::openai_choice(read, choice).map_err(|error| error.within("tool_choice")),
        None => Ok(()),
    }
}

struct Reader<'a> {
    talk: Conversation,
    known: &'a mut Items,
    /// How many items were read.
    count: usize,
    skipped: Vec<String>,
}

// === impl Reader ===

impl Reader<'_> {
    fn item(&mut self, item: Value) -> Read<()> {
        let mut item = Fields::of(item)?;
        let kind = match item.text("type")? {
            Some(kind) => kind,
            None if item.has("role") => "message".to_owned(),
            None if item.has("id") => REFERENCE.to_owned(),
            None => return Err(InvalidRequest::missing("type")),
        };
        let read = self.typed(&kind, item);
        self.count += 1;
        read
    }

    fn typed(&mut self, kind: &str, mut item: Fields) -> Read<()> {
        match kind {
            "message" => self.message(&mut item)?,
            "function_call" => {
                let call = call(&mut item)?;
                self.talk.call(call);
            }
            "custom_tool_call" => {
                let input = item.needed_text("input")?;
                let mut call = call(&mut item)?;
                call.arguments.insert("input".to_owned(), input.into());
                self.talk.call(call);
            }
            "function_call_output" | "custom_tool_call_output" => self.output(&mut item)?,
            "reasoning" => self.reasoning(item),
            REFERENCE => {
                let id = item.needed_text("id")?;
                let Some(item) = self.known.remove(&id) else {
                    let problem = format!(
                        "there is no item `{id}` here; send the item itself, as clients do with `store: false`"
                    );
                    return Err(InvalidRequest::wrong("id", problem));
                };
                let mut item = Fields::of(item)?;
                let kind = item.needed_text("type")?;
                if kind != REFERENCE {
                    self.typed(&kind, item)?;
                }
            }
            // What OpenAI's servers did there; the words about it are messages.
            other => self.skipped.push(format!("input[{}] ({other})", self.count)),
        }
        Ok(())
    }

    fn message(&mut self, item: &mut Fields) -> Read<()> {
        let role = item.needed_text("role")?;
        let content = Content::of(item.take("content"));
        let mut said = content.map_err(|error| error.within("content"))?;
        match role.as_str() {
            "user" => self.talk.user(said.text(PARAGRAPH), said.images),
            "assistant" => {
                let text = said.only_text("");
                self.talk.assistant(text.map_err(|error| error.within("content"))?);
            }
            "system" | "developer" => {
                let text = said.only_text(PARAGRAPH);
                self.talk.system(text.map_err(|error| error.within("content"))?);
            }
            other => {
                let problem = format!("must be user, assistant, system or developer, not `{other}`");
                return Err(InvalidRequest::wrong("role", problem));
            }
        }
        Ok(())
    }

    /// What a tool has returned. Codex tells with an item that has no `call_id` what nobody has called for: the words of a
    /// schedule, or of another thread (github.com/openai/codex/issues/42088). The real API takes them, and a server takes no
    /// result without its call, so that they are said in the user's voice, marked.
    fn output(&mut self, item: &mut Fields) -> Read<()> {
        let id = item.text("call_id")?.filter(|id| !id.is_empty());
        let name = item.text("name")?.filter(|name| !name.is_empty());
        let mut output = Content::of(item.take("output")).map_err(|error| error.within("output"))?;
        match (id, name) {
            (Some(id), _) => self.talk.result(id, output),
            (None, Some(name)) => {
                let text = format!("<output of=\"{name}\">\n{}\n</output>", output.text("\n"));
                self.talk.user(text, output.images);
            }
            (None, None) => return Err(InvalidRequest::missing("call_id")),
        }
        Ok(())
    }

    /// Reasoning goes back only where it is encrypted.
    fn reasoning(&mut self, mut item: Fields) {
        let encrypted = item.take("encrypted_content");
        if let Some(Value::String(text)) = encrypted.filter(|text| *text != "") {
            item.put("encrypted_content", text.into());
            item.put("type", "reasoning".into());
            self.talk.thought(Value::Object(item.rest()));
        }
    }
}

fn call(item: &mut Fields) -> Read<ToolCall> {
    Ok(ToolCall {
        id: item.needed_text("call_id")?,
        name: item.needed_text("name")?,
        arguments: arguments(item.take("arguments")),
    })
}
