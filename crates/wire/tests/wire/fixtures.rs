//! Reads the recordings under `fixtures/`, and runs decoders.

use std::{fs, path::Path};

use yabby_core::{ModelEvent, Progress};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation, ResponseHeaders, WireError, classify};

/// One recorded answer.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    pub(crate) status: u16,
    pub(crate) headers: ResponseHeaders,
    pub(crate) body: Vec<u8>,
    pub(crate) expect: Expectation,
}

/// The recorded answers in `folder`, sorted by name.
pub(crate) fn folder(folder: &str) -> Vec<Fixture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut names: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".txt")?.to_owned()))
        .collect();
    names.sort();
    names.iter().map(|name| load(&path, name)).collect()
}

/// All recorded answers.
pub(crate) fn all() -> Vec<Fixture> {
    FOLDERS.into_iter().flat_map(folder).collect()
}

pub(crate) const FOLDERS: [&str; 14] = [
    "anthropic-docs",
    "litellm-1.106.2",
    "litellm-1.106.2-tools",
    "llama-server-b11669-auth-sleep",
    "llama-server-b11669-reasoning",
    "llama-server-b11669-router",
    "llama-server-b11669-smollm2",
    "llama-server-b11669-smollm2-functionary",
    "lmstudio-docs",
    "ollama-docs",
    "openai-docs",
    "openrouter-docs",
    "vllm-0.32.0-cpu",
    "xllamacpp-b11549-qwen1.5b",
];

fn load(path: &Path, name: &str) -> Fixture {
    let raw = fs::read(path.join(format!("{name}.txt"))).unwrap();
    let text = String::from_utf8(raw).unwrap();
    let start = if text.starts_with('#') {
        text.find('\n').unwrap() + 1
    } else {
        0
    };
    let (head, body) = text[start..].split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let max_output_tokens = fs::read(path.join(format!("{name}.req.json")))
        .ok()
        .and_then(|request| {
            let request: serde_json::Value = serde_json::from_slice(&request).unwrap();
            u32::try_from(request.get("max_output_tokens")?.as_u64()?).ok()
        });
    Fixture {
        name: name.to_owned(),
        dialect: if name.contains("native") {
            Dialect::Ollama
        } else if name.contains("resp") {
            Dialect::Responses
        } else if name.contains("msgs") {
            Dialect::Messages
        } else {
            Dialect::Chat
        },
        status,
        headers: ResponseHeaders::read(|wanted| {
            headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value)
        }),
        body: without_recorder(body).as_bytes().to_vec(),
        expect: Expectation {
            tools: vec!["get_weather".into(), "send_message".into()],
            max_output_tokens,
            ..Expectation::default()
        },
    }
}

/// Cuts off the exit code that the recorder wrote behind the body.
fn without_recorder(body: &str) -> &str {
    let trimmed = body.trim_end();
    for mark in ["[curl rc=", "[rc=", "curl rc="] {
        if let Some(at) = trimmed.rfind(mark)
            && trimmed.len() - at <= mark.len() + 3
        {
            return &body[..at];
        }
    }
    body
}

/// Events and the error at the end, if there is one.
pub(crate) type Outcome = (Vec<ModelEvent>, Option<WireError>);

impl Fixture {
    pub(crate) fn is_stream(&self) -> bool {
        self.kind() != BodyKind::Json
    }

    fn kind(&self) -> BodyKind {
        BodyKind::from_content_type(self.headers.content_type.as_deref())
    }

    /// What becomes of the answer when it comes in `pieces`.
    pub(crate) fn outcome<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        if self.status != 200 {
            return (Vec::new(), Some(classify(self.status, &self.headers, &self.body)));
        }
        decode(self.dialect, self.kind(), &self.expect, pieces)
    }
}

/// Decodes `pieces` to the end.
pub(crate) fn decode<'a>(
    dialect: Dialect,
    kind: BodyKind,
    expect: &Expectation,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = Decoder::new(dialect, kind, expect);
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.push(piece, &mut events) {
            assert_eq!(decoder.finish(&mut events), Err(error.clone()), "the error stays");
            return (compact(events), Some(error));
        }
    }
    let error = decoder.finish(&mut events).err();
    let ends = events
        .iter()
        .filter(|event| matches!(event, ModelEvent::End(_)))
        .count();
    assert_eq!(ends, usize::from(error.is_none()), "exactly one end or one error");
    if error.is_none() {
        assert!(
            matches!(events.last(), Some(ModelEvent::End(_))),
            "nothing after the end"
        );
    }
    (compact(events), error)
}

/// Joins neighbouring pieces of text, of reasoning and of signs of life.
pub(crate) fn compact(events: Vec<ModelEvent>) -> Vec<ModelEvent> {
    let mut out: Vec<ModelEvent> = Vec::new();
    for event in events {
        match (out.last_mut(), event) {
            (Some(ModelEvent::Text(last)), ModelEvent::Text(text))
            | (Some(ModelEvent::Reasoning(last)), ModelEvent::Reasoning(text)) => last.push_str(&text),
            (_, ModelEvent::Progress(Progress::Alive)) => {}
            (_, event) => out.push(event),
        }
    }
    out
}

/// The visible text.
pub(crate) fn text(events: &[ModelEvent]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        ModelEvent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
