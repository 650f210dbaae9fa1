//! The same check for models of other servers on this machine, from what they say of them.

use serde_json::Value as Json;

use super::{
    gguf::{Metadata, Template, Value},
    memory::Memory,
    report::{FitReport, Obstacle},
    shape::ModelShape,
};

/// Checks a model of Ollama's from its answer to `POST /api/show` and the size that `/api/tags` says.
///
/// `show.model_info` has the entries of the model's file (`docs/api.md`, "Show Model Information"), apart from long
/// lists. Ollama also caches the layers that predict further tokens, where a model has them; those are not counted.
pub fn check_ollama(
    model: &str,
    show: &Json,
    size: Option<u64>,
    window: Option<u32>,
    slots: u32,
    memory: &Memory,
) -> FitReport {
    let shape = match show["model_info"].as_object() {
        Some(_) => ModelShape::of(&metadata(show)).map_err(Obstacle::Shape),
        None => Err(Obstacle::NoArchitecture),
    };
    FitReport::new(model, shape, size, window, slots, memory)
}

/// Checks a model of which only the size is known, as LM Studio's list says it (`/api/v1/models`: `size_bytes`, and
/// `params_string`, which is shown with the name). The cache of its window cannot be computed from that.
pub fn check_size(model: &str, parameters: Option<&str>, size: Option<u64>, memory: &Memory) -> FitReport {
    let name = match parameters {
        Some(parameters) => format!("{model} ({parameters})"),
        None => model.to_owned(),
    };
    let unknown = if size.is_some() {
        Obstacle::NoArchitecture
    } else {
        Obstacle::NoSize
    };
    FitReport::new(&name, Err(unknown), size, None, 1, memory)
}

/// The entries of `model_info`, as a file has them.
fn metadata(show: &Json) -> Metadata {
    let mut metadata = Metadata {
        template: show["template"].as_str().map(|text| Template::of(text.as_bytes())),
        ..Metadata::default()
    };
    for (name, value) in show["model_info"].as_object().into_iter().flatten() {
        if name == "tokenizer.ggml.tokens" {
            // Only there with `verbose`.
            metadata.vocabulary = value.as_array().map(|tokens| tokens.len() as u64);
            continue;
        }
        let value = match value {
            Json::Number(number) => number.as_u64().map(Value::Number),
            Json::Bool(flag) => Some(Value::Number((*flag).into())),
            Json::String(text) => Some(Value::Text(text.clone())),
            Json::Array(items) => {
                let number = |item: &Json| item.as_u64().or_else(|| item.as_bool().map(u64::from));
                items
                    .iter()
                    .map(number)
                    .collect::<Option<Vec<u64>>>()
                    .map(Value::Numbers)
            }
            Json::Null | Json::Object(_) => None,
        };
        if let Some(value) = value {
            metadata.values.insert(name.clone(), value);
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fit::{Fit, Need, NoShape, Room};

    fn memory() -> Memory {
        let room = Room {
            free: 8_000_000_000,
            total: 16_000_000_000,
        };
        Memory {
            ram: Some(room),
            vram: None,
        }
    }

    /// As in Ollama's `docs/api.md`, "Show Model Information".
    fn show() -> Json {
        json!({
            "template": "{{- if .Tools }}tools{{ end }}",
            "model_info": {
                "general.architecture": "llama", "general.file_type": 2, "general.parameter_count": 8_030_261_248_u64,
                "general.quantization_version": 2, "llama.attention.head_count": 32,
                "llama.attention.head_count_kv": 8, "llama.attention.layer_norm_rms_epsilon": 0.00001,
                "llama.block_count": 32, "llama.context_length": 8192, "llama.embedding_length": 4096,
                "llama.feed_forward_length": 14336, "llama.rope.dimension_count": 128, "llama.rope.freq_base": 500_000,
                "llama.vocab_size": 128_256, "tokenizer.ggml.bos_token_id": 128_000,
                "tokenizer.ggml.merges": [], "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": null,
            },
        })
    }

    #[test]
    fn ollama_says_how_a_model_is_built() {
        let size = 4_661_224_676;
        let shape = ModelShape {
            bytes_per_token: 131_072,
            sliding_bytes_per_token: 0,
            sliding_window: 0,
            bytes_per_slot: 0,
            trained_window: Some(8192),
            vocabulary: Some(128_256),
            width: 4096,
        };
        let need = Need::of(&shape, size, 8192, 1);
        let expected = FitReport {
            model: "llama3".to_owned(),
            window: Some(8192),
            slots: 1,
            need: Some(need),
            memory: memory(),
            fit: Fit::Fits {
                spare: 8_000_000_000 - need.total(),
                on_gpu: false,
            },
            obstacle: None,
        };
        assert_eq!(
            check_ollama("llama3", &show(), Some(size), Some(8192), 1, &memory()),
            expected
        );
        let check = |show: &Json, window| check_ollama("llama3", show, Some(size), window, 1, &memory()).obstacle;
        assert_eq!(check(&show(), None), Some(Obstacle::NoWindow));
        assert_eq!(check(&json!({}), Some(8192)), Some(Obstacle::NoArchitecture));
        let mut bare = show();
        bare["model_info"]["llama.block_count"] = json!("many");
        assert_eq!(
            check(&bare, Some(8192)),
            Some(Obstacle::Shape(NoShape::Missing("block_count")))
        );
    }

    #[test]
    fn entries_are_read_as_in_a_file() {
        let mut show = show();
        show["model_info"] = json!({
            "general.architecture": "a", "a.attention.head_count_kv": [0, 4], "a.flags": [true, false],
            "a.mixed": [1, "x"], "a.switch": true, "tokenizer.ggml.tokens": ["x", "y", "z"],
        });
        let expected = Metadata {
            values: [
                ("general.architecture", Value::Text("a".to_owned())),
                ("a.attention.head_count_kv", Value::Numbers(vec![0, 4])),
                ("a.flags", Value::Numbers(vec![1, 0])),
                ("a.switch", Value::Number(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            vocabulary: Some(3),
            template: Some(Template {
                tools: true,
                thinking: false,
            }),
        };
        assert_eq!(metadata(&show), expected);
    }

    #[test]
    fn lm_studio_says_only_how_large_a_model_is() {
        let report = check_size("qwen", Some("30B-A3B"), Some(20_000_000_000), &memory());
        assert_eq!(report.model, "qwen (30B-A3B)");
        assert!(report.is_too_large(), "{report:?}");
        let report = check_size("qwen", None, Some(2_000_000_000), &memory());
        assert_eq!(report.obstacle, Some(Obstacle::NoArchitecture));
        assert!(matches!(report.fit, Fit::WeightsFit { .. }), "{report:?}");
        assert_eq!(
            check_size("qwen", None, None, &memory()).obstacle,
            Some(Obstacle::NoSize)
        );
    }
}
