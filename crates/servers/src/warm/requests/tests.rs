use super::*;

fn call(path: &'static str, body: Value) -> Call {
    Call { path, body }
}

const HALF_AN_HOUR: KeepWarm = KeepWarm::For(Duration::from_mins(30));

#[test]
fn each_server_is_asked_in_its_own_way() {
    use ServerKind::{LlamaCpp, LmStudio, Ollama};
    for (kind, window, policy, expected) in [
        (
            LmStudio,
            None,
            KeepWarm::Always,
            call("/api/v1/models/load", json!({"model": "m"})),
        ),
        (
            LmStudio,
            Some(8192),
            KeepWarm::No,
            call("/api/v1/models/load", json!({"model": "m", "context_length": 8192})),
        ),
        (
            Ollama,
            None,
            KeepWarm::No,
            call("/api/generate", json!({"model": "m", "stream": false})),
        ),
        (
            Ollama,
            Some(8192),
            HALF_AN_HOUR,
            call(
                "/api/generate",
                json!({"model": "m", "stream": false, "keep_alive": "1800s", "options": {"num_ctx": 8192}}),
            ),
        ),
        // The window of llama.cpp is that of its start.
        (
            LlamaCpp,
            Some(8192),
            KeepWarm::Always,
            call("/models/load", json!({"model": "m"})),
        ),
    ] {
        assert_eq!(load(kind, "m", window, policy), Some(expected), "{kind:?}");
    }
    for kind in [
        ServerKind::Vllm,
        ServerKind::SgLang,
        ServerKind::LiteLlm,
        ServerKind::OpenRouter,
    ] {
        assert_eq!(load(kind, "m", None, KeepWarm::Always), None, "{kind:?}");
        assert_eq!((unload(kind, "m"), list_path(kind)), (None, None), "{kind:?}");
    }
    let always = json!({"model": "m", "stream": false, "keep_alive": -1});
    assert_eq!(keep(Ollama, "m", KeepWarm::Always), Some(call("/api/generate", always)));
    assert_eq!(keep(LmStudio, "m", KeepWarm::Always), None);
    assert_eq!(
        unload(LmStudio, "m:2"),
        Some(call("/api/v1/models/unload", json!({"instance_id": "m:2"})))
    );
    let now = json!({"model": "m", "stream": false, "keep_alive": 0});
    assert_eq!(unload(Ollama, "m"), Some(call("/api/generate", now)));
    assert_eq!(
        unload(LlamaCpp, "m"),
        Some(call("/models/unload", json!({"model": "m"})))
    );
}

#[test]
fn times_of_ollama() {
    for (policy, expected) in [
        (KeepWarm::No, None),
        (KeepWarm::Always, Some(json!(-1))),
        (HALF_AN_HOUR, Some(json!("1800s"))),
        (KeepWarm::For(Duration::from_millis(5)), Some(json!("1s"))),
        (KeepWarm::For(Duration::ZERO), None),
    ] {
        assert_eq!(keep_alive(policy), expected, "{policy:?}");
    }
}

#[test]
fn lm_studio_names_instances() {
    // As documented (docs/developer/rest/list): a model may be loaded more than once.
    let list = json!({"models": [
        {"key": "a", "loaded_instances": []},
        {"key": "b", "loaded_instances": [
            {"id": "b", "config": {"context_length": 4096}}, {"id": "b:2", "config": {"context_length": 32768}},
        ]},
    ]});
    let loaded = |window| Held::Loaded { window: Some(window) };
    for (model, expected) in [
        ("a", Held::Unloaded),
        ("b", loaded(4096)),
        ("b:2", loaded(32_768)),
        ("c", Held::Absent),
    ] {
        assert_eq!(held(ServerKind::LmStudio, &list, model), expected, "{model}");
    }
    // What an older version says to a path that it does not know.
    let old = json!({"error": "Unexpected endpoint or method. (GET /api/v1/models)"});
    assert_eq!(held(ServerKind::LmStudio, &old, "a"), Held::Untold);
    assert_eq!(instances(&list, "b"), ["b", "b:2"]);
    assert_eq!(instances(&list, "b:2"), ["b:2"]);
    assert!(instances(&list, "a").is_empty() && instances(&list, "c").is_empty());
}

#[test]
fn ollama_lists_what_is_loaded() {
    // docs/api.md, "List Running Models".
    let list = json!({"models": [{
        "name": "mistral:latest", "model": "mistral:latest", "size": 5_137_025_024_u64,
        "expires_at": "2024-06-04T14:38:31.83753-07:00", "size_vram": 5_137_025_024_u64, "context_length": 4096,
    }]});
    let loaded = Held::Loaded { window: Some(4096) };
    for (model, expected) in [
        ("mistral", loaded),
        ("mistral:latest", loaded),
        ("mistral:7b", Held::Unloaded),
        ("library/mistral", Held::Unloaded),
    ] {
        assert_eq!(held(ServerKind::Ollama, &list, model), expected, "{model}");
    }
    assert_eq!(held(ServerKind::Ollama, &json!({}), "mistral"), Held::Untold);
    assert_eq!(tagged("localhost:5000/a/b"), "localhost:5000/a/b:latest");
}

#[test]
fn a_router_says_the_state_of_each_model() {
    // Shortened from the recordings of b11669 (`llama-server-b11669-router/models_after.txt`); the failed one from
    // `tools/server/server-models.cpp`.
    let entry = |id: &str, status: Value, meta: Value| json!({"id": id, "aliases": [], "object": "model", "owned_by": "llamacpp", "status": status, "meta": meta});
    let list = json!({"object": "list", "data": [
        entry("smollm2", json!({"value": "loaded", "args": ["llama-server"]}), json!({"n_ctx": 2048})),
        entry("tinyllama", json!({"value": "unloaded"}), Value::Null),
        entry("broken", json!({"value": "unloaded", "failed": true, "exit_code": 1}), Value::Null),
        entry("waking", json!({"value": "loading"}), Value::Null),
        entry("resting", json!({"value": "sleeping"}), Value::Null),
        entry("coming", json!({"value": "downloading"}), Value::Null),
    ]});
    for (model, expected) in [
        ("smollm2", Held::Loaded { window: Some(2048) }),
        ("tinyllama", Held::Unloaded),
        ("broken", Held::Failing),
        ("waking", Held::Loading),
        ("resting", Held::Asleep),
        ("coming", Held::Untold),
        ("nope", Held::Absent),
    ] {
        assert_eq!(held(ServerKind::LlamaCpp, &list, model), expected, "{model}");
    }
    let single = json!({"object": "list", "data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 4096}}]});
    let loaded = Held::Loaded { window: Some(4096) };
    assert_eq!(held(ServerKind::LlamaCpp, &single, "any name"), loaded);
    assert_eq!(held(ServerKind::LlamaCpp, &json!({}), "m"), Held::Untold);
}
