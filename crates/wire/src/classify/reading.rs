//! The parts of an error body, whatever its envelope.

use std::time::Duration;

use serde_json::Value;

use crate::{
    error::{Recovered, clean},
    json,
};

/// How much of a body that is not JSON is looked at.
const PLAIN_BYTES: usize = 16 * 1024;

/// What kind of body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An API's error: an object or a text under `error`, or one of the flat shapes.
    Error,
    /// JSON of something else, such as `FastAPI`'s `{"detail":"Not Found"}`.
    OtherJson,
    /// A web page.
    Html,
    /// Text that is neither.
    Plain,
    /// Nothing.
    Empty,
}

/// An error body, taken apart.
#[derive(Debug)]
pub(super) struct Reading {
    pub shape: Shape,
    /// The server's words.
    pub message: String,
    /// The same in lower case, without what a model wrote.
    pub lower: String,
    /// Everything that stands as `type`, `code` or the like, in lower case.
    pub codes: Vec<String>,
    /// An HTTP status inside the body.
    pub code: Option<u16>,
    /// The parameter that the error names.
    pub param: Option<String>,
    /// llama.cpp's `n_ctx`.
    pub window: Option<u32>,
    /// llama.cpp's `n_prompt_tokens`.
    pub prompt_tokens: Option<u32>,
    /// OpenRouter's and others' wait.
    pub retry_after: Option<Duration>,
    /// What the model had written, where the server says that it could not read it.
    pub generated: Option<Recovered>,
}

/// What llama.cpp's builds of early 2026 write before a position, a colon and the rest of what the model wrote
/// (`ggml-org/llama.cpp#24644`, `#23838`, `#20761`). Later builds do not tell the text.
const UNREAD: &str = "Failed to parse input at pos ";

/// What Ollama writes before what the model wrote, in quotation marks that do not end it for sure.
const UNPARSED: &str = "error parsing tool call";

/// Where the server's own words end, in whatever it puts before them: the rest is what the model wrote.
fn own_end(message: &str) -> usize {
    // As long as the message, unlike what `to_lowercase` gives.
    let lower = message.to_ascii_lowercase();
    let unread = lower.find(&UNREAD.to_ascii_lowercase()).map(|at| at + UNREAD.len());
    let unparsed = lower.find(UNPARSED).map(|at| at + UNPARSED.len());
    let ends = [unread, unparsed].into_iter().flatten();
    ends.min().unwrap_or(message.len())
}

/// What the model had written after the place where the server's parser stopped, where nothing stands before that.
fn unread(message: &str) -> Option<Recovered> {
    let rest = message.strip_prefix(UNREAD)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let generated = rest[digits..].strip_prefix(':')?;
    let recovered = Recovered {
        text: generated.strip_prefix(' ').unwrap_or(generated).to_owned(),
        from_start: rest[..digits].bytes().all(|digit| digit == b'0'),
    };
    (digits > 0).then_some(recovered)
}

/// Where an error object keeps its codes. OpenRouter: `metadata.error_type`; Anthropic:
/// `details.error_code` (`wire-facts.md` §7.6, §7.7); Google: `status`.
const CODES: [&str; 6] = [
    "/type",
    "/code",
    "/error_type",
    "/metadata/error_type",
    "/details/error_code",
    "/status",
];

/// Where a wait in seconds may stand.
const WAITS: [&str; 3] = ["/retry_after", "/availability/retry_after", "/metadata/retry_after"];

/// The first JSON object with an `error` inside a text: LiteLLM quotes what its upstream said
/// (recording `litellm-1.106.2/msgs_overflow.txt`).
fn quoted(message: &str) -> Option<Value> {
    let start = message[..own_end(message)].find("{\"error\"")?;
    let mut values = serde_json::Deserializer::from_str(&message[start..]).into_iter::<Value>();
    values.next()?.ok()
}

/// The title of a web page, or that it is one.
fn title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let found = lower.find("<title").and_then(|at| {
        let start = at + lower[at..].find('>')? + 1;
        let end = start + lower[start..].find('<')?;
        Some(clean(&page[start..end])).filter(|title| !title.is_empty())
    });
    match found {
        Some(title) => format!("a web page: {title}"),
        None => "a web page".to_owned(),
    }
}

/// `FastAPI`'s validation errors: `[{"loc":["body","x"],"msg":"…","type":"…"}]`.
fn validation(details: &[Value]) -> (String, Option<String>, Vec<String>) {
    let messages: Vec<&str> = details.iter().map(|detail| json::text(detail, "/msg")).collect();
    let param = details.first().map(|detail| {
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        let path: Vec<String> = json::items(detail, "/loc").map(step).collect();
        path.join(".")
    });
    let codes = details
        .iter()
        .map(|detail| json::text(detail, "/type").to_owned())
        .collect();
    (messages.join("; "), param, codes)
}

// === impl Reading ===

impl Reading {
    pub(super) fn of_body(body: &[u8], content_type: Option<&str>) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            return Self::of_value(&value);
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(PLAIN_BYTES)]);
        let text = text.trim_start_matches('\u{feff}').trim();
        let start: String = text.chars().take(64).collect::<String>().to_ascii_lowercase();
        let is_html = start.starts_with("<!doctype html")
            || start.starts_with("<html")
            || start.starts_with("<head")
            || (start.starts_with('<') && content_type.is_some_and(|kind| kind.contains("html")));
        if text.is_empty() {
            Self::new(Shape::Empty, String::new())
        } else if is_html {
            Self::new(Shape::Html, title(text))
        } else {
            Self::new(Shape::Plain, text.to_owned())
        }
    }

    pub(super) fn of_value(value: &Value) -> Self {
        // Google's OpenAI endpoint wraps the error in an array.
        let value = value.as_array().and_then(|values| values.first()).unwrap_or(value);
        match value.get("error") {
            Some(error @ Value::Object(_)) => Self::of_object(error),
            Some(Value::String(text)) => {
                let mut reading = Self::new(Shape::Error, text.clone());
                // Two servers put a second envelope's words beside a short `error`.
                let beside = json::text(value, "/message");
                if !beside.is_empty() {
                    reading = Self::new(Shape::Error, format!("{text}: {beside}"));
                }
                reading
            }
            _ if !json::text(value, "/message").is_empty() => Self::of_object(value),
            _ => Self::of_detail(value),
        }
    }

    fn of_detail(value: &Value) -> Self {
        match value.get("detail") {
            Some(Value::String(text)) => Self::new(Shape::OtherJson, text.clone()),
            Some(detail @ Value::Object(_)) => Self::of_value(&serde_json::json!({"error": detail})),
            Some(Value::Array(details)) => {
                let (message, param, codes) = validation(details);
                let mut reading = Self::new(Shape::Error, message);
                reading.param = param;
                reading.codes = codes;
                reading
            }
            _ if value.as_object().is_some_and(serde_json::Map::is_empty) => Self::new(Shape::Empty, String::new()),
            _ => Self::new(Shape::OtherJson, value.to_string()),
        }
    }

    fn of_object(error: &Value) -> Self {
        let message = match error.get("message") {
            Some(Value::String(message)) if !message.is_empty() => message.clone(),
            Some(other) if !other.is_null() && !other.is_string() => other.to_string(),
            _ => CODES
                .iter()
                .map(|pointer| json::text(error, pointer))
                .find(|code| !code.is_empty())
                .map_or_else(|| error.to_string(), str::to_owned),
        };
        let mut reading = Self::new(Shape::Error, message);
        reading.take(error);
        let inner = quoted(&reading.message).filter(|_| reading.generated.is_none());
        if let Some(inner) = inner.as_ref().and_then(|inner| inner.get("error")) {
            reading.take(inner);
        }
        reading
    }

    fn new(shape: Shape, message: String) -> Self {
        // What a model says is never taken for the words of an error.
        Self {
            shape,
            lower: message[..own_end(&message)].to_lowercase(),
            generated: unread(&message),
            message,
            codes: Vec::new(),
            code: None,
            param: None,
            window: None,
            prompt_tokens: None,
            retry_after: None,
        }
    }

    /// Takes the fields of an error object, keeping what is known already.
    fn take(&mut self, error: &Value) {
        for pointer in CODES {
            let code = json::text(error, pointer).to_lowercase();
            // LiteLLM's `code` is a status written as a string (`wire-facts.md` §7.2).
            let number = code
                .parse()
                .ok()
                .or_else(|| json::count(error, pointer).and_then(|code| code.try_into().ok()));
            self.code = self.code.or(number.filter(|code| (400..600).contains(code)));
            if !code.is_empty() {
                self.codes.push(code);
            }
        }
        let param = json::text(error, "/param");
        if self.param.is_none() && !param.is_empty() {
            self.param = Some(param.to_owned());
        }
        self.window = self.window.or_else(|| json::count(error, "/n_ctx"));
        self.prompt_tokens = self.prompt_tokens.or_else(|| json::count(error, "/n_prompt_tokens"));
        let seconds = WAITS
            .iter()
            .find_map(|pointer| error.pointer(pointer).and_then(Value::as_f64));
        self.retry_after = self
            .retry_after
            .or_else(|| seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()));
    }
}
