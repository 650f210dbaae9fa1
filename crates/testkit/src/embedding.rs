//! Embeddings, which a scripted server makes of a few words.

use serde_json::{Value, json};

use crate::{
    ModelServer,
    http::{Answer, Request},
    kinds::ServerKind,
};

/// What texts mean to a server that has an embedding model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Embedding {
    /// Words that mean the same, one number of an embedding each.
    meanings: Vec<Vec<String>>,
    /// The longest text, in characters.
    most: Option<usize>,
}

/// Everything means something.
const REST: f32 = 0.125;

impl ModelServer {
    /// Answers `POST /v1/embeddings`, whichever model is asked: one number for each of these groups of words, 1 where a text
    /// has one of them, and one more that is always the same.
    pub fn means(&self, words: &[&[&str]]) {
        let owned = |words: &&[&str]| words.iter().map(|word| word.to_lowercase()).collect();
        let mut state = self.state();
        state.embedding.get_or_insert_default().meanings = words.iter().map(owned).collect();
    }

    /// The same with texts of so many characters at the most; longer ones are refused in llama.cpp's words.
    pub fn embeds_at_most(&self, characters: usize) {
        self.state().embedding.get_or_insert_default().most = Some(characters);
    }
}

impl Embedding {
    /// The answer to a request for embeddings.
    pub(crate) fn answer(&self, kind: &ServerKind, request: &Request) -> Answer {
        let texts: Vec<&str> = match &request.body["input"] {
            Value::String(text) => vec![text],
            list => list
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
        };
        let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        if let Some(most) = self.most.filter(|most| longest > *most) {
            // llama.cpp b11669, as recorded: `emb_over`.
            let message = format!(
                "input ({longest} tokens) is too large to process. increase the physical batch size (current batch size: {most})"
            );
            let error = json!({"error": {"code": 500, "message": message, "type": "server_error"}});
            let mut answer = Answer::json(500, &error);
            answer.headers = kind.headers(500);
            return answer;
        }
        let data: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| json!({"embedding": self.numbers(text), "index": index, "object": "embedding"}))
            .collect();
        let body = json!({
            "model": request.body["model"],
            "object": "list",
            "usage": {"prompt_tokens": texts.len(), "total_tokens": texts.len()},
            "data": data,
        });
        let mut answer = Answer::json(200, &body);
        answer.headers = kind.headers(200);
        answer
    }

    fn numbers(&self, text: &str) -> Vec<f32> {
        let text = text.to_lowercase();
        let means = |words: &Vec<String>| f32::from(u8::from(words.iter().any(|word| text.contains(word))));
        self.meanings.iter().map(means).chain([REST]).collect()
    }
}
