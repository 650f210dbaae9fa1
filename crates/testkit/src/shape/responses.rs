//! `OpenAI` Responses. llama.cpp as in `llama-server-b11669-*/resp_*stream.txt`: no sequence numbers, no indices, no
//! `function_call_arguments.done`, and an answer cut at its length is `completed`. It has one item for all reasoning and
//! one for all text, and closes items only at the end, in a fixed order: reasoning, message, calls (the first two:
//! `llama-server-b11669-reasoning/resp_tools_required_stream.txt`; with calls not proved). The others number
//! everything and close an item before the next begins, as `OpenAI` documents it and vLLM 0.32 does it.

use serde_json::{Map, Value, json};

use super::{Block, CREATED, Context, Shape, chat::timings, data, named_event};
use crate::{
    kinds::ServerKind,
    reply::{ToolCall, Usage},
};

/// An item that has begun.
struct Open {
    id: String,
    sort: Sort,
    /// Its text or its arguments so far.
    text: String,
}

#[derive(PartialEq, Eq)]
enum Sort {
    Reasoning,
    Message,
    Call { id: String, name: String },
}

pub(super) struct Responses {
    context: Context,
    begun: bool,
    sequence: u64,
    /// The open items; only llama.cpp has more than one.
    open: Vec<Open>,
    items: Vec<Value>,
}

impl Responses {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            begun: false,
            sequence: 0,
            open: Vec::new(),
            items: Vec::new(),
        }
    }

    fn full(&self) -> bool {
        !self.context.is_llama_cpp()
    }

    fn event(&mut self, name: &str, fields: Value) -> String {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(name));
        if let Value::Object(fields) = fields {
            body.extend(fields);
        }
        if self.full() {
            body.insert("sequence_number".to_owned(), json!(self.sequence));
            self.sequence += 1;
        }
        named_event(name, &Value::Object(body))
    }

    /// An event about the item at the end of the list, with its indices where the server gives them.
    fn item_event(&mut self, name: &str, in_content: bool, mut fields: Value) -> String {
        if self.full() {
            fields["output_index"] = json!(self.items.len());
            if in_content {
                fields["content_index"] = json!(0);
            }
        }
        self.event(name, fields)
    }

    fn begin(&mut self) -> String {
        if std::mem::replace(&mut self.begun, true) {
            return String::new();
        }
        let response = self.response("in_progress", None);
        let created = self.event("response.created", json!({"response": response}));
        created + &self.event("response.in_progress", json!({"response": response}))
    }

    /// The response as it stands; `finish` is the reason once it has ended.
    fn response(&self, status: &str, finish: Option<&str>) -> Value {
        if self.full() || finish.is_some() {
            return response(&self.context, status, &self.items, finish);
        }
        json!({"id": format!("resp_{}", self.context.serial), "object": "response", "status": status})
    }

    /// The open item of this sort, opened if there is none.
    fn item(&mut self, sort: Sort, out: &mut String) -> usize {
        let found = self.open.iter().position(|open| open.sort == sort);
        found.unwrap_or_else(|| self.add(sort, out))
    }

    /// Opens an item; outside llama.cpp the one before is closed first.
    fn add(&mut self, sort: Sort, out: &mut String) -> usize {
        if self.full() {
            out.push_str(&self.close());
        }
        let prefix = match sort {
            Sort::Reasoning => "rs",
            Sort::Message => "msg",
            Sort::Call { .. } => "fc",
        };
        let id = format!(
            "{prefix}_{}_{}",
            self.context.serial,
            self.items.len() + self.open.len()
        );
        let item = match &sort {
            Sort::Reasoning if self.context.is_openai() => json!({"id": id, "summary": [], "type": "reasoning"}),
            Sort::Reasoning => json!({
                "id": id, "summary": [], "type": "reasoning", "content": [], "encrypted_content": "",
                "status": "in_progress",
            }),
            Sort::Message => {
                json!({"content": [], "id": id, "role": "assistant", "status": "in_progress", "type": "message"})
            }
            Sort::Call { id: call_id, name } => call_item(&id, call_id, name, "", "in_progress"),
        };
        out.push_str(&self.item_event("response.output_item.added", false, json!({"item": item})));
        if sort == Sort::Message {
            let part = json!({"item_id": id, "part": {"type": "output_text", "text": ""}});
            out.push_str(&self.item_event("response.content_part.added", true, part));
        }
        if sort == Sort::Reasoning && self.context.is_openai() {
            let part = json!({"item_id": id, "summary_index": 0, "part": {"type": "summary_text", "text": ""}});
            out.push_str(&self.item_event("response.reasoning_summary_part.added", false, part));
        }
        self.open.push(Open {
            id,
            sort,
            text: String::new(),
        });
        self.open.len() - 1
    }

    /// A piece of an open item.
    fn piece(&mut self, at: usize, piece: &str) -> String {
        let open = &mut self.open[at];
        open.text.push_str(piece);
        let (event, in_content) = match open.sort {
            Sort::Reasoning if self.context.is_openai() => ("response.reasoning_summary_text.delta", false),
            Sort::Reasoning => ("response.reasoning_text.delta", true),
            Sort::Message => ("response.output_text.delta", true),
            Sort::Call { .. } => ("response.function_call_arguments.delta", false),
        };
        let mut delta = json!({"delta": piece, "item_id": open.id});
        if event == "response.reasoning_summary_text.delta" {
            delta["summary_index"] = json!(0);
        }
        self.item_event(event, in_content, delta)
    }

    /// Closes what is open, in llama.cpp's order.
    fn close(&mut self) -> String {
        let mut out = String::new();
        let mut open = std::mem::take(&mut self.open);
        open.sort_by_key(|open| match open.sort {
            Sort::Reasoning => 0,
            Sort::Message => 1,
            Sort::Call { .. } => 2,
        });
        for Open { id, sort, text } in open {
            let item = match sort {
                Sort::Message => {
                    let done = json!({"item_id": id, "text": text});
                    out.push_str(&self.item_event("response.output_text.done", true, done));
                    let part = json!({"item_id": id, "part": text_part(&text)});
                    out.push_str(&self.item_event("response.content_part.done", true, part));
                    message_item(&id, &text)
                }
                Sort::Reasoning => {
                    if self.context.is_openai() {
                        let done = json!({"item_id": id, "summary_index": 0, "text": text});
                        out.push_str(&self.item_event("response.reasoning_summary_text.done", false, done));
                        let part = json!({"item_id": id, "summary_index": 0, "part": summary(&text)});
                        out.push_str(&self.item_event("response.reasoning_summary_part.done", false, part));
                    } else if self.full() {
                        let done = json!({"item_id": id, "text": text});
                        out.push_str(&self.item_event("response.reasoning_text.done", true, done));
                    }
                    reasoning_item(&self.context, &id, &text)
                }
                Sort::Call { id: call_id, name } => {
                    if self.full() {
                        let done = json!({"arguments": text, "item_id": id, "name": name});
                        out.push_str(&self.item_event("response.function_call_arguments.done", false, done));
                    }
                    call_item(&id, &call_id, &name, &text, "completed")
                }
            };
            out.push_str(&self.item_event("response.output_item.done", false, json!({"item": item})));
            self.items.push(item);
        }
        out
    }

    fn end(&mut self, event: &str, status: &str, reason: &str) -> String {
        let mut fields = json!({"response": self.response(status, Some(reason))});
        if let (true, Some(usage)) = (self.context.is_llama_cpp(), self.context.usage) {
            fields["timings"] = timings(usage);
        }
        self.event(event, fields)
    }
}

impl Shape for Responses {
    fn text(&mut self, piece: &str) -> String {
        let mut out = self.begin();
        let at = self.item(Sort::Message, &mut out);
        out + &self.piece(at, piece)
    }

    fn reasoning(&mut self, piece: &str) -> String {
        let mut out = self.begin();
        let at = self.item(Sort::Reasoning, &mut out);
        out + &self.piece(at, piece)
    }

    fn tool_call(&mut self, call: &ToolCall) -> String {
        let mut out = self.begin();
        let sort = Sort::Call {
            id: call.id.clone(),
            name: call.name.clone(),
        };
        // Always one of its own: scripts give the same id twice.
        let at = self.add(sort, &mut out);
        for piece in call.pieces() {
            out.push_str(&self.piece(at, piece));
        }
        if self.full() {
            out.push_str(&self.close());
        }
        out
    }

    fn prefill(&mut self, done: u64, total: u64) -> String {
        if !(self.context.progress && self.context.is_llama_cpp()) {
            return String::new();
        }
        // llama.cpp repeats `in_progress` while it reads the prompt (`to_json_oaicompat_resp`).
        let out = self.begin();
        let response = self.response("in_progress", None);
        let progress = json!({"total": total, "cache": 0, "processed": done, "time_ms": done * 10});
        out + &self.event(
            "response.in_progress",
            json!({"response": response, "prompt_progress": progress}),
        )
    }

    fn finish(&mut self, reason: &str) -> String {
        let mut out = self.begin();
        out.push_str(&self.close());
        let status = status(&self.context, reason);
        // vLLM says `completed` around a response whose status is `incomplete`.
        let cut = status == "incomplete" && !matches!(self.context.kind, ServerKind::Vllm { .. });
        let event = if cut {
            "response.incomplete"
        } else {
            "response.completed"
        };
        out.push_str(&self.end(event, status, reason));
        out
    }

    fn done(&mut self) -> String {
        String::new()
    }

    fn error(&mut self, error: &Value) -> String {
        let mut out = self.begin();
        if self.context.is_llama_cpp() {
            out.push_str(&data(&json!({"error": error})));
            return out;
        }
        let (code, message) = (error["code"].clone(), error["message"].clone());
        let mut failed = self.response("failed", Some("error"));
        failed["error"] = json!({"code": code, "message": message});
        out.push_str(&self.event("response.failed", json!({"response": failed})));
        out
    }
}

pub(super) fn whole(context: &Context, blocks: &[Block<'_>], reason: &str) -> Value {
    let mut items = Vec::new();
    for block in &merged(context, blocks) {
        let id = |prefix| format!("{prefix}_{}_{}", context.serial, items.len());
        let item = match block {
            Block::Text(text) => message_item(&id("msg"), text),
            Block::Reasoning(text) => reasoning_item(context, &id("rs"), text),
            Block::ToolCall(call) => call_item(&id("fc"), &call.id, &call.name, &call.arguments, "completed"),
        };
        items.push(item);
    }
    response(context, status(context, reason), &items, Some(reason))
}

/// The blocks as this kind of server has them: llama.cpp joins all reasoning and all text.
fn merged<'a>(context: &Context, blocks: &[Block<'a>]) -> Vec<Block<'a>> {
    if !context.is_llama_cpp() {
        return blocks.to_vec();
    }
    let (mut reasoning, mut text, mut calls) = (String::new(), String::new(), Vec::new());
    for block in blocks {
        match block {
            Block::Reasoning(piece) => reasoning.push_str(piece),
            Block::Text(piece) => text.push_str(piece),
            Block::ToolCall(call) => calls.push(Block::ToolCall(call)),
        }
    }
    let mut out = Vec::new();
    if !reasoning.is_empty() {
        out.push(Block::Reasoning(reasoning));
    }
    if !text.is_empty() {
        out.push(Block::Text(text));
    }
    out.extend(calls);
    out
}

fn status(context: &Context, reason: &str) -> &'static str {
    match reason {
        "length" | "content_filter" if !context.is_llama_cpp() => "incomplete",
        _ => "completed",
    }
}

fn response(context: &Context, status: &str, items: &[Value], finish: Option<&str>) -> Value {
    let mut response = json!({
        "id": format!("resp_{}", context.serial), "object": "response", "created_at": CREATED, "status": status,
        "model": context.model, "output": items,
    });
    if !context.is_llama_cpp() {
        let reason = if finish == Some("length") {
            "max_output_tokens"
        } else {
            "content_filter"
        };
        let cut = (status == "incomplete").then(|| json!({"reason": reason}));
        response["incomplete_details"] = json!(cut);
        response["error"] = Value::Null;
        response["parallel_tool_calls"] = json!(true);
        response["previous_response_id"] = Value::Null;
        response["usage"] = Value::Null;
    }
    if let (Some(_), Some(usage)) = (finish, context.usage) {
        response["usage"] = usage_json(usage);
    }
    response
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "input_tokens_details": {"cached_tokens": usage.cached},
    })
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn message_item(id: &str, text: &str) -> Value {
    json!({"type": "message", "status": "completed", "id": id, "content": [text_part(text)], "role": "assistant"})
}

fn summary(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// `OpenAI` tells a summary, and gives the reasoning itself encrypted where that was asked for
/// (developers.openai.com, "Reasoning models").
fn reasoning_item(context: &Context, id: &str, text: &str) -> Value {
    if context.is_openai() {
        let mut item = json!({"id": id, "summary": [summary(text)], "type": "reasoning"});
        if context.sealed {
            item["encrypted_content"] = json!(format!("gAAAA-openai-{id}"));
        }
        return item;
    }
    json!({
        "id": id, "summary": [], "type": "reasoning", "content": [{"text": text, "type": "reasoning_text"}],
        "encrypted_content": "",
    })
}

fn call_item(id: &str, call_id: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({
        "id": id, "type": "function_call", "status": status, "arguments": arguments, "call_id": call_id, "name": name,
    })
}
