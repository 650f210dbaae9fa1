//! Requests and answers of `/v1/embeddings` (platform.openai.com, "Create embeddings").

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    fields::{Fields, not_a},
    invalid::InvalidRequest,
    sse,
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingsRequest {
    /// The name in `model`, as the client wrote it.
    pub model: Option<String>,
    /// The texts; there is one at least.
    pub input: Vec<String>,
    /// How numbers are wanted.
    pub encoding: EncodingFormat,
    /// How many numbers are wanted for each text.
    pub dimensions: Option<u32>,
    /// Who asks, in the words of the client.
    pub user: Option<String>,
    /// The fields that nobody has read.
    pub others: Map<String, Value>,
}

/// How the numbers of an embedding are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingFormat {
    /// As a list of numbers.
    #[default]
    Float,
    /// As base64 of 32-bit floats, little-endian. OpenAI's own clients ask for it when they are not told otherwise.
    Base64,
}

impl EmbeddingsRequest {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidRequest> {
        let mut body = Fields::of_body(body)?;
        Ok(Self {
            model: body.text("model")?,
            input: input(body.take("input")).map_err(|error| error.within("input"))?,
            encoding: match body.text("encoding_format")?.as_deref() {
                None | Some("float") => EncodingFormat::Float,
                Some("base64") => EncodingFormat::Base64,
                Some(other) => {
                    let problem = format!("must be float or base64, not `{other}`");
                    return Err(InvalidRequest::wrong("encoding_format", problem));
                }
            },
            dimensions: body.limit("dimensions")?,
            user: body.text("user")?,
            others: body.rest(),
        })
    }
}

/// A text, or texts. Tokens belong to one model's vocabulary, and nobody says to which.
fn input(input: Option<Value>) -> Result<Vec<String>, InvalidRequest> {
    let texts = match input {
        None => return Err(InvalidRequest::missing("")),
        Some(Value::String(text)) => return Ok(vec![text]),
        Some(Value::Array(texts)) if texts.is_empty() => return Err(InvalidRequest::wrong("", "must not be empty")),
        Some(Value::Array(texts)) => texts,
        Some(other) => return Err(not_a("", "a string or an array of strings", &other)),
    };
    let text = |(index, value): (usize, Value)| match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => {
            Err(InvalidRequest::unsupported("", "must be text; tokens are not taken").at(index))
        }
        other => Err(not_a("", "a string", &other).at(index)),
    };
    texts.into_iter().enumerate().map(text).collect()
}

#[derive(Serialize)]
struct Answer<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Entry<'a> {
    object: &'static str,
    index: usize,
    embedding: Numbers<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers<'a> {
    Float(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u32,
    total_tokens: u32,
}

/// The answer with the embeddings of the texts, in their order; `tokens` of all texts, 0 where that is not known.
pub fn embeddings(encoding: EncodingFormat, model: &str, embeddings: &[Vec<f32>], tokens: u32) -> Vec<u8> {
    let written = |numbers: &'_ Vec<f32>| -> String {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    };
    let data = embeddings.iter().enumerate().map(|(index, numbers)| Entry {
        object: "embedding",
        index,
        embedding: match encoding {
            EncodingFormat::Float => Numbers::Float(numbers),
            EncodingFormat::Base64 => Numbers::Base64(written(numbers)),
        },
    });
    let answer = Answer {
        object: "list",
        data: data.collect(),
        model,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    };
    let mut body = Vec::new();
    sse::json(&mut body, &answer);
    body
}
