//! Asking what texts mean: `POST /v1/embeddings`, in the form that all servers share (`wire-facts.md` §9).

use serde_json::{Map, Value, json};

use crate::{dialect::Encoded, error::WireError, json::items};

/// What some models want in front of a text, by what their names contain: of a question, and of what is searched.
///
/// From the models' own pages: nomic-embed-text ("Task instruction prefixes"), `EmbeddingGemma` ("Prompt instructions"),
/// multilingual-e5 and e5 (FAQ: "Do I need to add the prefix") and mxbai-embed-large ("for retrieval").
const PREFIXES: [(&str, &str, &str); 6] = [
    ("nomic-embed", "search_query: ", "search_document: "),
    (
        "embeddinggemma",
        "task: search result | query: ",
        "title: none | text: ",
    ),
    (
        "embedding-gemma",
        "task: search result | query: ",
        "title: none | text: ",
    ),
    ("multilingual-e5-large-instruct", "", ""),
    ("multilingual-e5", "query: ", "passage: "),
    (
        "mxbai-embed-large",
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
];

/// What a model wants in front of a question, and in front of a text that is searched; empty for most.
pub fn embedding_prefixes(model: &str) -> (&'static str, &'static str) {
    let model = model.to_ascii_lowercase();
    let found = PREFIXES.iter().find(|(name, ..)| model.contains(name));
    found.map_or(("", ""), |(_, query, text)| (query, text))
}

/// The question for the embeddings of some texts. The smallest one, which all servers take: numbers come as numbers.
/// `extra` are fields beside those that are known, such as `dimensions`.
pub fn encode_embeddings(model: &str, texts: &[String], extra: &Map<String, Value>) -> Encoded {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    body.insert("input".to_owned(), json!(texts));
    for (name, value) in extra {
        body.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Encoded {
        path: "/embeddings",
        body: Value::Object(body).to_string().into_bytes(),
        headers: Vec::new(),
    }
}

/// How many tokens the texts had, where the answer says so.
pub fn read_embedding_tokens(body: &[u8]) -> Option<u32> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let usage = &answer["usage"];
    // Some say only one of the two.
    let tokens = usage["prompt_tokens"].as_u64().or(usage["total_tokens"].as_u64())?;
    u32::try_from(tokens).ok()
}

/// Reads as many embeddings as there were texts, in the order of the texts, all of one length.
pub fn read_embeddings(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, WireError> {
    let wrong = |message: &str| Err(WireError::malformed(message));
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return wrong("the embeddings are no JSON");
    };
    let mut found: Vec<Option<Vec<f32>>> = vec![None; count];
    for (place, entry) in items(&answer, "/data").enumerate() {
        // Who leaves the number out keeps the order.
        let at = entry["index"]
            .as_u64()
            .map_or(Some(place), |index| usize::try_from(index).ok());
        let Some(slot) = at.and_then(|at| found.get_mut(at)) else {
            return wrong("there are more embeddings than texts");
        };
        let Some(numbers) = numbers(&entry["embedding"]) else {
            return wrong("an embedding is no list of numbers");
        };
        if slot.replace(numbers).is_some() {
            return wrong("a text has two embeddings");
        }
    }
    let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() else {
        return wrong("a text has no embedding");
    };
    let length = found.first().map_or(0, Vec::len);
    if found.iter().any(|numbers| numbers.len() != length) {
        return wrong("the embeddings differ in length");
    }
    Ok(found)
}

/// Numbers, not none, and each of them finite.
fn numbers(value: &Value) -> Option<Vec<f32>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let number = |value: &Value| {
        #[expect(clippy::cast_possible_truncation, reason = "servers keep no more than that")]
        let number = value.as_f64()? as f32;
        number.is_finite().then_some(number)
    };
    list.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yabby_core::ErrorKind;

    use super::*;

    fn read(body: &str, count: usize) -> Result<Vec<Vec<f32>>, String> {
        read_embeddings(body.as_bytes(), count).map_err(|error| {
            assert_eq!(error.kind, ErrorKind::Malformed);
            error.message
        })
    }

    #[test]
    fn a_question_is_small_and_always_the_same() {
        let asked = encode_embeddings("m", &["a".to_owned(), "\"柯基\"".to_owned()], &Map::new());
        assert_eq!(
            (asked.path, std::str::from_utf8(&asked.body).unwrap(), asked.headers),
            ("/embeddings", r#"{"model":"m","input":["a","\"柯基\""]}"#, Vec::new())
        );
    }

    #[test]
    fn what_is_wanted_beside_it_is_asked_and_tokens_are_read() {
        let extra = json!({"dimensions": 2, "model": "other"});
        let asked = encode_embeddings("m", &["a".to_owned()], extra.as_object().unwrap());
        assert_eq!(
            std::str::from_utf8(&asked.body).unwrap(),
            r#"{"model":"m","input":["a"],"dimensions":2}"#
        );
        for (body, tokens) in [
            (r#"{"usage":{"prompt_tokens":6,"total_tokens":7}}"#, Some(6)),
            (r#"{"usage":{"total_tokens":7}}"#, Some(7)),
            (r#"{"usage":null}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read_embedding_tokens(body.as_bytes()), tokens, "{body}");
        }
    }

    #[test]
    fn embeddings_come_in_the_order_of_the_texts() {
        // As llama.cpp b11669 sends them (recording `embed/emb`), the second one first.
        let body = r#"{"model":"minilm","object":"list","usage":{"prompt_tokens":6,"total_tokens":6},"data":[
            {"embedding":[0.5,-1],"index":1,"object":"embedding"},{"embedding":[-0.0625,2e-3],"index":0,"object":"embedding"}]}"#;
        assert_eq!(read(body, 2), Ok(vec![vec![-0.0625, 0.002], vec![0.5, -1.0]]));
        assert_eq!(
            read(r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#, 2),
            Ok(vec![vec![1.0], vec![2.0]])
        );
        assert_eq!(read(r#"{"data":[]}"#, 0), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_embedding_is_none() {
        for (body, count, expected) in [
            ("<html>", 1, "the embeddings are no JSON"),
            (r#"{"data":[]}"#, 1, "a text has no embedding"),
            (r#"{"error":"no"}"#, 1, "a text has no embedding"),
            (
                r#"{"data":[{"embedding":[]}]}"#,
                1,
                "an embedding is no list of numbers",
            ),
            (
                r#"{"data":[{"embedding":"AACA"}]}"#,
                1,
                "an embedding is no list of numbers",
            ),
            (
                r#"{"data":[{"embedding":[null]}]}"#,
                1,
                "an embedding is no list of numbers",
            ),
            (
                r#"{"data":[{"embedding":[1e300]}]}"#,
                1,
                "an embedding is no list of numbers",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[1]}]}"#,
                1,
                "there are more embeddings than texts",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
                2,
                "a text has two embeddings",
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
                2,
                "the embeddings differ in length",
            ),
        ] {
            assert_eq!(read(body, count), Err(expected.to_owned()), "{body}");
        }
    }

    #[test]
    fn models_that_want_to_be_told_what_a_text_is() {
        let query = |model: &str| embedding_prefixes(model).0;
        assert_eq!(
            embedding_prefixes("nomic-embed-text:latest"),
            ("search_query: ", "search_document: ")
        );
        assert_eq!(
            query("text-embedding-embeddinggemma-300m-qat"),
            "task: search result | query: "
        );
        assert_eq!(query("intfloat/Multilingual-E5-small"), "query: ");
        assert_eq!(query("multilingual-e5-large-instruct"), "");
        assert_eq!(embedding_prefixes("minilm"), ("", ""));
    }

    proptest! {
        /// Whatever comes, there are as many embeddings as texts, or an error.
        #[test]
        fn never_too_few(body in "\\PC*", count in 0usize..4) {
            if let Ok(found) = read_embeddings(body.as_bytes(), count) {
                prop_assert_eq!(found.len(), count);
            }
        }

        #[test]
        fn what_was_written_is_read(all in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 3), 0..5)) {
            let data: Vec<Value> = all.iter().enumerate().rev()
                .map(|(index, numbers)| json!({"index": index, "embedding": numbers})).collect();
            let body = json!({"data": data}).to_string();
            prop_assert_eq!(read_embeddings(body.as_bytes(), all.len()).unwrap(), all);
        }
    }
}
