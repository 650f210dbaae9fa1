//! What whoever looks after a gateway is shown.

use serde_json::{Value, json};
use yabby_testkit::{Fault, ModelServer};

use crate::{home::Home, reload::Serving};

const SECRET: &str = "k-box-canary-1";

fn home(server: &ModelServer) -> Home {
    Home::with_config(&format!(
        "{{models: {{providers: {{box: {{baseUrl: '{}', api: 'openai-completions', apiKey: '{SECRET}',
          models: [{{id: 'm1', contextWindow: 8192}}]}}}}}},
          agents: {{defaults: {{models: {{'box/m1': {{alias: 'Quick'}}}}}}}},
          route: {{budget: {{perDay: {{usd: 2}}}}}}, modells: 1}}",
        server.base_url()
    ))
}

fn at<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let mut items = list.as_array().unwrap().iter();
    items
        .find(|item| item[key] == value)
        .unwrap_or_else(|| panic!("no {key} {value} in {list}"))
}

#[test]
fn servers_models_usage_settings_and_logs() {
    let server = ModelServer::start_on_thread();
    server.models(&["m1", "m2"]);
    let serving = Serving::start(home(&server));
    let read = |path: &str| {
        let (status, body) = serving.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.to_string().contains(SECRET), "{path}: {body}");
        body
    };
    assert_eq!(serving.ask("Quick").0, 200);
    let refusal = r#"{"error":{"message":"you said canary-words"}}"#;
    server.fault_once(Fault::Status(400, refusal.to_owned()));
    assert_eq!(serving.ask("box/m1").0, 400);

    // It is asked what it is by whoever looks after it.
    serving.until(
        || read("/api/models").as_array().unwrap().len() == 2,
        "the second model",
    );
    assert_eq!(
        read("/api/models"),
        json!([
            {"id": "box/m1", "aliases": ["Quick"], "provider": "box", "zone": "machine", "window": 8192, "state": "ready"},
            {"id": "box/m2", "aliases": [], "provider": "box", "zone": "machine", "window": null, "state": "ready"},
        ])
    );
    let servers = read("/api/servers");
    let mut only = servers[0].clone();
    let history = only["history"].take();
    assert_eq!(history[0]["up"], true, "{history}");
    assert_eq!(
        only,
        json!({
            "id": "box", "base_url": server.base_url(), "kind": null, "zone": "machine", "state": "ready", "words": null,
            "models": [{"id": "m1", "window": 8192, "state": "ready"}, {"id": "m2", "window": null, "state": "ready"}],
            "slots": null, "busy": null, "waiting": 0, "breaker": "closed", "retry_at": null,
            "prefill_tps": null, "decode_tps": null, "history": null,
        })
    );

    let usage = read("/api/usage?days=1");
    let line = &usage["days"][0];
    assert_eq!(
        (&line["model"], line["failed"].as_u64() > Some(0)),
        (&json!("box/m1"), true),
        "{usage}"
    );
    assert_eq!(usage["budget"]["per_day"], json!({"usd": 2.0, "tokens": null}));

    let settings = read("/api/settings");
    let config = serving.home.path().join("yabby.json5").display().to_string();
    assert_eq!(settings["file"], config);
    let url = at(&settings["values"], "key", "models.providers.box.baseUrl");
    assert_eq!(
        (&url["value"], &url["source"], &url["line"]),
        (&json!(server.base_url()), &json!("file"), &json!(1))
    );
    assert_eq!(
        at(&settings["values"], "key", "models.providers.box.apiKey")["value"],
        "•••"
    );
    assert_eq!(at(&settings["diagnostics"], "key", "modells")["severity"], "warning");
    assert_eq!(settings["problem"], Value::Null);

    let logs = read("/api/logs?level=warn");
    let failed = logs["lines"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["target"] == "models");
    let text = failed.unwrap()["text"].as_str().unwrap();
    assert!(text.starts_with("box/m1: bad_request"), "{logs}");
    assert!(!logs.to_string().contains("canary-words"), "{logs}");
    let last = logs["lines"].as_array().unwrap().last().unwrap()["n"].as_u64().unwrap();
    assert_eq!(read(&format!("/api/logs?after={last}")), json!({"lines": []}));

    // A bad edit is shown where people look for it.
    serving.edit("{models: ");
    serving.is_refused();
    let settings = read("/api/settings");
    assert!(settings["problem"]["en"].is_string() && settings["problem"]["zh-TW"].is_string());
    assert_eq!(settings["diagnostics"][0]["severity"], "error");
    assert_eq!(
        at(&settings["values"], "key", "models.providers.box.apiKey")["value"],
        "•••"
    );
    assert_eq!(serving.get("/api/usage?days=x").0, 400);
    serving.ended();
}

#[test]
fn usage_outlives_the_process_and_counts_other_commands() {
    let server = ModelServer::start_on_thread();
    let serving = Serving::start(home(&server));
    assert_eq!(serving.ask("box/m1").0, 200);
    let (home, _) = serving.leave();
    assert_eq!(home.run(&["ask", "Hi"]).code, Some(0));
    let serving = Serving::start(home);
    assert_eq!(serving.ask("box/m1").0, 200);
    let usage = serving.get("/api/usage").1;
    assert_eq!(
        (&usage["days"][0]["requests"], usage["days"].as_array().unwrap().len()),
        (&json!(3), 1),
        "{usage}"
    );
    serving.ended();
}

#[test]
fn a_server_that_is_not_there_is_not_ready() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let serving = Serving::start(Home::with_config(&format!(
        "{{models: {{providers: {{box: {{baseUrl: 'http://{gone}/v1', models: [{{id: 'm1'}}]}}}}}}}}"
    )));
    serving.until(|| serving.get("/ready").0 == 503, "that nothing is there");
    assert_eq!(
        serving.ready(),
        json!({"ready": false, "why": "no model of the chain can be reached now", "config": {"ok": true, "changes": 0}})
    );
    let (status, servers) = serving.get("/api/servers");
    assert_eq!(status, 200, "{servers}");
    assert_eq!(
        (&servers[0]["state"], &servers[0]["breaker"]),
        (&json!("unreachable"), &json!("open"))
    );
    assert!(
        servers[0]["retry_at"].is_i64() && servers[0]["words"]["en"].is_string(),
        "{servers}"
    );
    serving.until(
        || {
            serving
                .get("/api/logs?level=warn")
                .1
                .to_string()
                .contains("cannot be reached")
        },
        "a line in the log",
    );
    serving.ended();
}
