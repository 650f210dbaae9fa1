//! Answers of any shape.

use proptest::prelude::*;

use super::*;

fn json() -> impl Strategy<Value = Value> {
    let words = [
        "data",
        "models",
        "id",
        "name",
        "key",
        "state",
        "status",
        "value",
        "meta",
        "n_ctx",
        "context_length",
        "loaded_instances",
        "config",
        "capabilities",
        "tools",
        "model_info",
        "model_name",
        "max_input_tokens",
        "internal_states",
        "general.architecture",
        "llama",
        "loaded",
        "is_processing",
    ];
    let word = move || prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0), any::<i64>()].prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn models() -> Vec<ModelFacts> {
    ["id", "name", "key"]
        .map(|id| ModelFacts::new(id, ModelState::Unknown))
        .into()
}

proptest! {
    /// Whatever a server says, a reader ends, and what it found makes sense.
    #[test]
    fn no_answer_is_too_strange(said in json()) {
        let mut facts = ServerFacts { models: models(), ..ServerFacts::default() };
        for model in &mut facts.models {
            llama_cpp::read_props(&said, model);
            llama_cpp::read_slots(&said, model);
            ollama::read_show(&said, model);
        }
        vllm::read_model_info(&said, &mut facts);
        vllm::read_server_info(&said, &mut facts);
        litellm::read_info(&said, &mut facts.models);
        ollama::read_tags(&said, &mut facts.models);
        ollama::read_running(&said, 1, &mut facts.models);
        let mut router = ServerFacts::default();
        openrouter::read(&said, &mut router);
        let lists = [
            facts.models,
            router.models,
            llama_cpp::models(&said),
            lm_studio::models(&said).unwrap_or_default(),
            lm_studio::old_models(&said).unwrap_or_default(),
        ];
        for model in lists.iter().flatten() {
            for count in [&model.window, &model.max_window, &model.slots] {
                prop_assert!(count.as_ref().is_none_or(|fact| fact.value > 0), "{:?}", model);
            }
        }
    }
}
