//! The beginning and the end of an answer that passes, for what the record of the attempt says of it: tokens, and whether
//! the stream had its end. Nothing in between is read.

use std::{str::FromStr, sync::LazyLock};

use memchr::{memchr, memmem};
use serde::{Deserialize, de::IgnoredAny};
use yabby_core::Usage;

use crate::{
    api::Api,
    fields::{Field, Fields, NotAnObject},
};

/// Usage and the mark of the end stand within so much of the end.
const KEPT: usize = 4096;
/// Anthropic tells the tokens of the prompt in the first event.
const BEGINNING: usize = 2048;

/// What is kept of an answer.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Only of Messages.
    beginning: Vec<u8>,
    end: Vec<u8>,
    /// Of an answer that was read here.
    read: Option<Box<Usage>>,
}

impl Tail {
    /// A piece passes.
    pub(crate) fn push(&mut self, api: Api, piece: &[u8]) {
        if api == Api::Messages && self.beginning.len() < BEGINNING {
            let room = piece.len().min(BEGINNING - self.beginning.len());
            self.beginning.extend_from_slice(piece.get(..room).unwrap_or_default());
        }
        if piece.len() >= KEPT {
            self.end.clear();
        } else if self.end.len() + piece.len() > 2 * KEPT {
            // Seldom enough: what is moved is not more than what has come since.
            self.end.drain(..self.end.len().saturating_sub(KEPT));
        }
        let last = piece.len().saturating_sub(KEPT);
        self.end.extend_from_slice(piece.get(last..).unwrap_or_default());
    }

    /// Whether a stream has come to its end, as its API marks it.
    pub(crate) fn has_ended(&self, api: Api) -> bool {
        // From behind: the mark is the last line or one of the last.
        data_lines(&self.end).any(|data| match api {
            // Some servers leave out `[DONE]`; a reason to finish is then the end.
            Api::Chat => data == b"[DONE]" || finishes(data),
            Api::Responses => ["response.completed", "response.incomplete", "response.failed"].contains(&kind(data)),
            Api::Messages => kind(data) == "message_stop",
        }) || (api == Api::Responses && self.is_cut_inside_last_event())
    }

    /// The last event of the Responses API repeats the whole answer, so that its beginning may be gone.
    fn is_cut_inside_last_event(&self) -> bool {
        let text = self.end.trim_ascii_end();
        memchr(b'\n', text).is_none() && self.end.len() >= KEPT && text.ends_with(b"}")
    }

    /// The tokens of an answer that is read here, and of which no piece passes.
    pub(crate) fn read(&mut self, usage: Usage) {
        self.read.get_or_insert_default().update(usage);
    }

    /// The tokens, as far as they are told near the beginning or the end.
    pub(crate) fn usage(&self) -> Usage {
        if let Some(read) = &self.read {
            return **read;
        }
        let mut usage = Usage::default();
        for part in [&self.beginning, &self.end] {
            if let Some(told) = last_usage(part) {
                usage.update(told);
            }
        }
        usage
    }
}

/// What follows `data:` in each line, the last one first.
fn data_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.rsplit(|byte| *byte == b'\n').filter_map(|line| {
        let data = line.strip_prefix(b"data:")?;
        Some(data.trim_ascii())
    })
}

/// The `type` of an event.
fn kind(data: &[u8]) -> &str {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    serde_json::from_slice::<Event<'_>>(data).map_or("", |event| event.kind)
}

fn finishes(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        finish_reason: Option<IgnoredAny>,
    }
    memmem::find(data, b"\"finish_reason\"").is_some()
        && serde_json::from_slice::<Chunk>(data).is_ok_and(|chunk| {
            chunk
                .choices
                .first()
                .is_some_and(|choice| choice.finish_reason.is_some())
        })
}

/// The last object that is named `usage`.
fn last_usage(text: &[u8]) -> Option<Usage> {
    const NAME: &[u8] = b"\"usage\"";
    static FINDER: LazyLock<memmem::FinderRev<'_>> = LazyLock::new(|| memmem::FinderRev::new(NAME));
    FINDER.rfind_iter(text).find_map(|at| {
        let rest = text.get(at + NAME.len()..)?.trim_ascii_start().strip_prefix(b":")?;
        let told = Told::read(rest).ok()?;
        Some(told.usage())
    })
}

/// The counts as the three APIs name them.
#[derive(Default)]
struct Told {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    cached_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
    cost: Option<f64>,
}

/// Usage in a form that is not known.
struct Unknown;

impl From<NotAnObject> for Unknown {
    fn from(_: NotAnObject) -> Self {
        Self
    }
}

impl Told {
    /// What the object says that a text begins with; what follows it does not matter, and need not be whole. A count that is no
    /// number makes the whole unknown.
    fn read(text: &[u8]) -> Result<Self, Unknown> {
        let mut told = Self::default();
        let mut fields = Fields::of(text)?;
        while let Some(Field { key, value }) = fields.step()? {
            let value = &text[value];
            match &text[key] {
                b"\"prompt_tokens\"" => told.prompt_tokens = number(value)?,
                b"\"completion_tokens\"" => told.completion_tokens = number(value)?,
                b"\"input_tokens\"" => told.input_tokens = number(value)?,
                b"\"output_tokens\"" => told.output_tokens = number(value)?,
                b"\"cache_read_input_tokens\"" => told.cache_read_input_tokens = number(value)?,
                b"\"cache_creation_input_tokens\"" => told.cache_creation_input_tokens = number(value)?,
                // What no number of JSON is, Rust reads all the same.
                b"\"cost\"" => told.cost = number(value)?.filter(|cost: &f64| cost.is_finite()),
                b"\"prompt_tokens_details\"" | b"\"input_tokens_details\"" => {
                    told.cached_tokens = detail(value, b"\"cached_tokens\"")?;
                }
                b"\"completion_tokens_details\"" | b"\"output_tokens_details\"" => {
                    told.reasoning_tokens = detail(value, b"\"reasoning_tokens\"")?;
                }
                _ => {}
            }
        }
        Ok(told)
    }

    /// Anthropic does not count cached tokens as input (docs.claude.com/en/api/messages).
    fn usage(&self) -> Usage {
        let read = self.cache_read_input_tokens;
        let beside = read.unwrap_or(0) + self.cache_creation_input_tokens.unwrap_or(0);
        Usage {
            input_tokens: self.prompt_tokens.or(self.input_tokens.map(|tokens| tokens + beside)),
            cached_tokens: self.cached_tokens.or(read),
            cache_write_tokens: self.cache_creation_input_tokens,
            output_tokens: self.completion_tokens.or(self.output_tokens),
            reasoning_tokens: self.reasoning_tokens,
            cost: self.cost,
        }
    }
}

/// A number, or null.
fn number<T: FromStr>(value: &[u8]) -> Result<Option<T>, Unknown> {
    if value == b"null" {
        return Ok(None);
    }
    let read = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
    read.map(Some).ok_or(Unknown)
}

/// The number of this name in an object, or in null.
fn detail(value: &[u8], name: &[u8]) -> Result<Option<u32>, Unknown> {
    let mut found = None;
    if value == b"null" {
        return Ok(found);
    }
    let mut fields = Fields::of(value)?;
    while let Some(Field { key, value: of_key }) = fields.step()? {
        if &value[key] == name {
            found = number(&value[of_key])?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(api: Api, pieces: &[&str]) -> Tail {
        let mut tail = Tail::default();
        for piece in pieces {
            tail.push(api, piece.as_bytes());
        }
        tail
    }

    #[test]
    fn each_api_marks_its_end() {
        let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let said = "data: {\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\"},\"finish_reason\":null}]}\n\n";
        for (api, text, ended) in [
            (Api::Chat, "data: {\"x\":1}\n\ndata: [DONE]\n\n", true),
            (Api::Chat, finish, true),
            (Api::Chat, said, false),
            (Api::Chat, "", false),
            (
                Api::Responses,
                "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n",
                true,
            ),
            (
                Api::Responses,
                "data: {\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}\n\n",
                false,
            ),
            (
                Api::Messages,
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                true,
            ),
            (Api::Messages, "data: {\"type\":\"message_delta\"}\n\n", false),
        ] {
            assert_eq!(tail(api, &[text]).has_ended(api), ended, "{api:?} {text}");
            // Whatever the pieces.
            let pieces: Vec<&str> = text.split_inclusive(|_| true).collect();
            assert_eq!(tail(api, &pieces).has_ended(api), ended, "{api:?} {text} in pieces");
        }
        let long = format!(
            "data: {{\"type\":\"response.completed\",\"x\":\"{}\"}}\n\n",
            "y".repeat(3 * KEPT)
        );
        assert!(tail(Api::Responses, &[&long]).has_ended(Api::Responses));
    }

    #[test]
    fn usage_is_found_wherever_it_stands() {
        let chat = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\
                    \"prompt_tokens_details\":{\"cached_tokens\":4}},\"timings\":{}}\n\ndata: [DONE]\n\n";
        let wanted = Usage {
            input_tokens: Some(9),
            cached_tokens: Some(4),
            output_tokens: Some(3),
            ..Usage::default()
        };
        assert_eq!(tail(Api::Chat, &[chat]).usage(), wanted);
        let last_is_null = format!("{chat}data: {{\"usage\":null}}\n\n");
        assert_eq!(tail(Api::Chat, &[&last_is_null]).usage(), wanted);
        let filler = "x".repeat(5 * KEPT);
        assert_eq!(tail(Api::Chat, &[&filler, chat]).usage(), wanted);
        assert_eq!(tail(Api::Chat, &[chat, &filler]).usage(), Usage::default());
        for (told, known) in [
            (r#"{"usage":{"prompt_tokens":9,"completion_tokens":3.5}}"#, false),
            (r#"{"usage":{"prompt_tokens":9,"completion_tokens":"3"}}"#, false),
            (r#"{"usage":{"prompt_tokens":9,"completion_tokens":3"#, false),
            (
                r#"{"usage": {"other": [{"a": "}"}], "prompt_tokens": 9 , "completion_tokens":3}, "cut"#,
                true,
            ),
            (
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":null,"cost":null}}"#,
                true,
            ),
            (
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":3,"cost":NaN}}"#,
                true,
            ),
        ] {
            let found = tail(Api::Chat, &[told]).usage();
            let wanted = Usage {
                cached_tokens: None,
                ..wanted
            };
            assert_eq!(found, if known { wanted } else { Usage::default() }, "{told}");
        }
        let start = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\
                     \"cache_read_input_tokens\":4}}}\n\n";
        let end = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}\n\n";
        assert_eq!(tail(Api::Messages, &[start, &filler, end]).usage(), wanted);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.push(Api::Messages, &[b'x'; 777]);
        }
        assert!(tail.end.len() <= 2 * KEPT && tail.beginning.len() == BEGINNING);
        tail.push(Api::Chat, &vec![b'y'; 100_000]);
        assert_eq!(tail.end, [b'y'; KEPT]);
    }
}
