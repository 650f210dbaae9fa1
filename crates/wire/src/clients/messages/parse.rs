//! Reads requests of Messages (platform.claude.com, "Create a Message").

use serde_json::{Map, Value, json};
use yabby_core::{OutputSchema, PromptCache, Thinking, ToolCall, ToolChoice};

use super::super::{
    api::Api,
    chat::{effort, strings},
    conversation::{Conversation, PARAGRAPH, arguments},
    fields::{Fields, each, not_a},
    invalid::InvalidRequest,
    parts::Content,
    request::ClientRequest,
    tools,
};

type Read<T> = Result<T, InvalidRequest>;

/// Reads a request.
pub(in super::super) fn parse(mut body: Fields) -> Read<ClientRequest> {
    let mut read = ClientRequest::new(Api::Messages);
    read.model = body.text("model")?;
    let mut reader = Reader::default();
    if let Some(mark) = body.take("cache_control") {
        reader.marked(&mark);
    }
    reader
        .system(body.take("system"))
        .map_err(|error| error.within("system"))?;
    body.some("messages", |value| reader.message(value))?;
    (read.request.system, read.request.messages) = reader.talk.finish();
    let mut index = 0;
    let mut skipped = Vec::new();
    body.each("tools", |tool| {
        let mut tool = Fields::of(tool)?;
        if let Some(mark) = tool.take("cache_control") {
            note_mark(&mut reader.cache, &mark);
        }
        match tool.text("type")? {
            // Those of Anthropic have a date in their type, and those without a schema are run by its servers.
            Some(kind) if kind != "custom" => skipped.push(format!("tools[{index}] ({kind})")),
            _ => {
                read.strict_tools |= tool.flag("strict")?.unwrap_or(false);
                read.request.tools.push(tools::function(&mut tool, "input_schema")?);
            }
        }
        index += 1;
        Ok(())
    })?;
    read.skipped = reader.skipped;
    read.skipped.append(&mut skipped);
    read.request.prompt_cache = reader.cache;
    body.inside("tool_choice", |choice| tool_choice(choice, &mut read))?;
    read.stream = body.flag("stream")?.unwrap_or(false);
    read.request.max_output_tokens = body.limit("max_tokens")?;
    read.request.temperature = body.number("temperature")?;
    read.sampling.top_p = body.number("top_p")?;
    read.sampling.top_k = body.integer("top_k")?;
    if let Some(stop) = body.take("stop_sequences") {
        read.sampling.stop = strings("stop_sequences", stop)?;
    }
    thinking(&mut body, &mut read)?;
    body.inside("metadata", |metadata| {
        read.user = metadata.text("user_id")?;
        Ok(())
    })?;
    read.others = body.rest();
    Ok(read)
}

/// How hard to think: the switch with its budget, and the word in `output_config`, which also has the schema.
fn thinking(body: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    let level = body.inside("thinking", |thinking| {
        read.wants_reasoning = Some(thinking.text("display")?.as_deref() != Some("omitted"));
        Ok(match thinking.needed_text("type")?.as_str() {
            "disabled" => {
                read.wants_reasoning = Some(false);
                Thinking::Off
            }
            "enabled" => budget(thinking.limit("budget_tokens")?),
            "adaptive" | "between_tools" => Thinking::Adaptive,
            other => {
                let problem = format!("must be enabled, adaptive or disabled, not `{other}`");
                return Err(InvalidRequest::wrong("type", problem));
            }
        })
    })?;
    let wish = body.inside("output_config", |config| {
        read.request.output_schema = config.inside("format", |format| match format.object("schema")? {
            Some(schema) => Ok(OutputSchema {
                name: "answer".to_owned(),
                schema: Value::Object(schema),
            }),
            None => Err(InvalidRequest::missing("schema")),
        })?;
        config.text("effort")?.map(|word| effort("effort", &word)).transpose()
    })?;
    read.request.thinking = match (level, wish.flatten()) {
        (Some(Thinking::Adaptive) | None, Some(wish)) => Some(wish),
        (level, _) => level,
    };
    Ok(())
}

/// The level whose budget is the nearest below; see [`crate::thinking`].
fn budget(tokens: Option<u32>) -> Thinking {
    match tokens {
        None => Thinking::Adaptive,
        Some(..2048) => Thinking::Minimal,
        Some(..8192) => Thinking::Low,
        Some(..16384) => Thinking::Medium,
        Some(..24576) => Thinking::High,
        Some(_) => Thinking::Xhigh,
    }
}

fn tool_choice(choice: &mut Fields, read: &mut ClientRequest) -> Read<()> {
    if choice.flag("disable_parallel_tool_use")? == Some(true) {
        read.parallel_tool_calls = Some(false);
    }
    read.request.tool_choice = match choice.needed_text("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            let name = choice.needed_text("name")?;
            return tools::named(read, name);
        }
        other => {
            let problem = format!("must be auto, any, tool or none, not `{other}`");
            return Err(InvalidRequest::wrong("type", problem));
        }
    };
    Ok(())
}

/// A mark where the provider shall keep the prompt.
fn note_mark(cache: &mut Option<PromptCache>, mark: &Value) {
    let long = mark.get("ttl").and_then(Value::as_str) == Some("1h");
    if long {
        *cache = Some(PromptCache::Long);
    } else {
        cache.get_or_insert(PromptCache::Short);
    }
}

#[derive(Debug, Default)]
struct Reader {
    talk: Conversation,
    cache: Option<PromptCache>,
    /// How many messages were read.
    count: usize,
    skipped: Vec<String>,
}

// === impl Reader ===

impl Reader {
    fn marked(&mut self, mark: &Value) {
        note_mark(&mut self.cache, mark);
    }

    fn system(&mut self, system: Option<Value>) -> Read<()> {
        let mut content = Content::default();
        match system {
            Some(Value::Array(blocks)) => each(blocks, |block| self.part(block, &mut content))?,
            other => content = Content::of(other)?,
        }
        let text = content.only_text(PARAGRAPH)?;
        self.talk.system(text);
        Ok(())
    }

    /// A block of text or a picture.
    fn part(&mut self, block: Value, content: &mut Content) -> Read<()> {
        if let Some(mark) = block.get("cache_control").filter(|mark| !mark.is_null()) {
            note_mark(&mut self.cache, mark);
        }
        content.part(block)
    }

    fn message(&mut self, message: Value) -> Read<()> {
        let mut message = Fields::of(message)?;
        let role = message.needed_text("role")?;
        let content = message.take("content");
        let read = match role.as_str() {
            "user" => self.user(content),
            "assistant" => self.assistant(content),
            "system" => self.system(content),
            other => {
                let problem = format!("must be user or assistant, not `{other}`");
                return Err(InvalidRequest::wrong("role", problem));
            }
        };
        self.count += 1;
        read.map_err(|error| error.within("content"))
    }

    /// What a person said, and before it the results that stand among it.
    fn user(&mut self, content: Option<Value>) -> Read<()> {
        let mut said = Content::default();
        let mut has_results = false;
        match content {
            Some(Value::Array(blocks)) => each(blocks, |block| {
                if block.get("type").and_then(Value::as_str) != Some("tool_result") {
                    return self.part(block, &mut said);
                }
                has_results = true;
                let mut block = Fields::of(block)?;
                if let Some(mark) = block.take("cache_control") {
                    self.marked(&mark);
                }
                self.result(&mut block)
            })?,
            other => said = Content::of(other)?,
        }
        if !has_results || !said.texts.is_empty() || !said.images.is_empty() {
            self.talk.user(said.text(PARAGRAPH), said.images);
        }
        Ok(())
    }

    fn result(&mut self, block: &mut Fields) -> Read<()> {
        let id = block.needed_text("tool_use_id")?;
        let mut content = Content::of(block.take("content")).map_err(|error| error.within("content"))?;
        if content.texts.is_empty() && block.flag("is_error")? == Some(true) {
            content.texts.push("the tool failed".to_owned());
        }
        self.talk.result(id, content);
        Ok(())
    }

    fn assistant(&mut self, content: Option<Value>) -> Read<()> {
        let blocks = match content {
            Some(Value::Array(blocks)) => blocks,
            other => {
                self.talk.assistant(Content::of(other)?.only_text("")?);
                return Ok(());
            }
        };
        let mut said = Content::default();
        let mut calls = Vec::new();
        let mut index = 0;
        each(blocks, |block| {
            match block.get("type").and_then(Value::as_str) {
                Some("thinking" | "redacted_thinking") => self.thought(block)?,
                Some("tool_use") => calls.push(call(Fields::of(block)?)?),
                // What Anthropic's servers did there; the words about it are text.
                Some(kind) if is_of_a_server(kind) => {
                    self.skipped
                        .push(format!("messages[{}].content[{index}] ({kind})", self.count));
                }
                _ => self.part(block, &mut said)?,
            }
            index += 1;
            Ok(())
        })?;
        self.talk.assistant(said.only_text("")?);
        for call in calls {
            self.talk.call(call);
        }
        Ok(())
    }

    /// Reasoning goes back only where it is signed.
    fn thought(&mut self, block: Value) -> Read<()> {
        let mut block = Fields::of(block)?;
        let kept = match block.needed_text("type")?.as_str() {
            "thinking" => {
                let thought = block.needed_text("thinking")?;
                let signature = block.text("signature")?.filter(|signature| !signature.is_empty());
                signature.map(|signature| json!({"type": "thinking", "thinking": thought, "signature": signature}))
            }
            _ => Some(json!({"type": "redacted_thinking", "data": block.needed_text("data")?})),
        };
        if let Some(kept) = kept {
            self.talk.thought(kept);
        }
        Ok(())
    }
}

fn is_of_a_server(kind: &str) -> bool {
    kind == "server_tool_use" || kind == "container_upload" || kind.ends_with("_tool_result")
}

fn call(mut block: Fields) -> Read<ToolCall> {
    Ok(ToolCall {
        id: block.needed_text("id")?,
        name: block.needed_text("name")?,
        arguments: match block.take("input") {
            None => Map::new(),
            input @ Some(Value::Object(_) | Value::String(_)) => arguments(input),
            Some(other) => return Err(not_a("input", "an object", &other)),
        },
    })
}
