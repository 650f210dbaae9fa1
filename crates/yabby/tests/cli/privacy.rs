//! How far the data of a run may travel: rules of the config, of the command line and of a chat. A server outside is proved
//! to be left alone by its own sockets.

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind};

use crate::home::{Home, spoken};

/// A server `far` that the config says is hosted, which is asked first, and one `near`.
struct Scene {
    far: ModelServer,
    near: ModelServer,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            far: ModelServer::start_on_thread(),
            near: ModelServer::start_on_thread(),
        };
        for server in [&scene.far, &scene.near] {
            server.models(&["m"]);
        }
        scene.far.default_reply("far");
        scene.near.default_reply("near");
        scene
    }

    /// With `agents` beside the model, and these fallbacks.
    fn home(&self, agents: &str, fallbacks: &str) -> Home {
        Home::with_config(&format!(
            r#"{{
  agents: {{ defaults: {{ model: {{ primary: "far/m", fallbacks: [{fallbacks}] }}, {agents} }} }},
  models: {{ mode: "replace", providers: {{
    far: {{ baseUrl: "{}", zone: "hosted", models: [{{ id: "m" }}] }},
    near: {{ baseUrl: "{}", models: [{{ id: "m" }}] }},
  }} }},
}}"#,
            self.far.base_url(),
            self.near.base_url(),
        ))
    }
}

/// Nobody has connected to it, not even to ask what it is.
fn assert_untouched(server: &ModelServer) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(server.assert_untouched());
}

const NEAR: &str = r#""near/m""#;

#[test]
fn a_server_outside_sees_no_connection() {
    for (arguments, agents) in [
        (&["ask", "--private", "hi"][..], ""),
        (&["ask", "hi"], r#"privacy: { zones: ["lan"] }"#),
        (&["ask", "hi"], r#"privacy: { zones: ["machine"], onViolation: "ask" }"#),
        (&["ask", "hi"], r#"privacy: { zones: ["machine", "Hosted", 5] }"#),
        (&["ask", "--private", "hi"], r#"privacy: { zones: ["hosted"] }"#),
    ] {
        let scene = Scene::new();
        let ran = scene.home(agents, NEAR).run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "near\n"),
            "{agents}: {}",
            ran.stderr
        );
        assert_untouched(&scene.far);
    }
    let scene = Scene::new();
    let ran = scene.home("", NEAR).run(&["ask", "hi"]);
    assert_eq!(ran.stdout, "far\n", "without a rule: {}", ran.stderr);
}

#[test]
fn the_error_names_the_rule() {
    for (arguments, agents, rule) in [
        (&["ask", "--private", "--json", "hi"][..], "", "--private"),
        (
            &["ask", "--json", "-m", "far/m", "hi"],
            r#"privacy: { zones: ["lan", "region:eu"] }"#,
            "agents.defaults.privacy.zones",
        ),
        // Without a terminal nobody is asked.
        (
            &["ask", "--json", "hi"],
            r#"privacy: { zones: ["lan"], onViolation: "ask" }"#,
            "agents.defaults.privacy.zones",
        ),
    ] {
        let scene = Scene::new();
        let ran = scene.home(agents, "").run(arguments);
        assert_ne!(ran.code, Some(0));
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(told["errors"][0]["kind"], "out_of_zone");
        let message = told["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(rule) && message.contains("hosted"), "{message}");
        assert_untouched(&scene.far);
    }
}

#[test]
fn a_private_chat_contacts_nobody_outside() {
    let scene = Scene::new();
    let home = scene.home("", NEAR);
    let ran = home.pipe(
        &["up", "--private"],
        "hi\n/private\n/private  on\n/private maybe\nhello\n",
    );
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "near\nnear\n"),
        "{}",
        ran.stderr
    );
    assert_untouched(&scene.far);
    insta::assert_snapshot!(home.stable(&ran.stderr));
}

#[test]
fn private_can_be_switched_in_a_chat() {
    let scene = Scene::new();
    let home = scene.home("", NEAR);
    let lines = "one\n/private\n/private on\ntwo\nthree\n/private\n/private off\nfour\n";
    let ran = home.pipe(&["up"], lines);
    assert_eq!(ran.stdout, "far\nnear\nnear\nfar\n", "{}", ran.stderr);
    insta::assert_snapshot!(home.stable(&ran.stderr));
    let asked: Vec<Value> = scene
        .far
        .model_calls()
        .iter()
        .map(|call| spoken(&call.body["messages"]))
        .collect();
    assert_eq!(
        asked,
        [
            json!([{"role": "user", "content": "one"}]),
            // What was said in private went no further.
            json!([{"role": "user", "content": "four"}]),
        ]
    );
}

#[test]
fn a_private_chat_without_a_model_says_so_and_goes_on() {
    let scene = Scene::new();
    let home = scene.home("", "");
    let ran = home.pipe(&["up"], "/private on\nsecret\n/private off\nopen\n");
    assert_eq!(ran.stdout, "far\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("/private on"), "{}", ran.stderr);
    let calls = scene.far.model_calls();
    assert_eq!(calls.len(), 1);
    assert!(!String::from_utf8_lossy(&calls[0].raw).contains("secret"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_may_make_an_exception() {
    for (answer, code, calls) in [("y", Some(0), 1), ("n", Some(2), 0), ("", Some(2), 0)] {
        let scene = Scene::new();
        let home = scene.home(r#"privacy: { zones: ["lan"], onViolation: "ask" }"#, "");
        let mut tty = crate::tty::Tty::run(&home, &["ask", "hi"]);
        tty.sees("far/m is in the zone hosted");
        tty.sees("[y/N]");
        tty.press(&format!("{answer}\r"));
        let (ended, shown) = tty.ends();
        assert_eq!(
            (ended, scene.far.model_calls().len()),
            (code, calls),
            "{answer}: {shown}"
        );
        if calls == 0 {
            assert_untouched(&scene.far);
        }
    }
}

#[test]
fn models_tell_their_zone() {
    let scene = Scene::new();
    scene.near.kind(ServerKind::LiteLlm { window: None });
    let home = scene.home("", NEAR);
    let ran = home.run(&["models", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let zones: Vec<[&Value; 2]> = rows.iter().map(|row| [&row["model"], &row["zone"]]).collect();
    assert_eq!(
        json!(zones),
        json!([["far/m", "hosted"], ["near/m", "hosted"]]),
        "what sends prompts on is not near"
    );
}

#[test]
fn doctor_tells_zones_that_surprise_and_rules_that_leave_nothing() {
    let [litellm, ollama, plain] = [(); 3].map(|()| ModelServer::start_on_thread());
    litellm.kind(ServerKind::LiteLlm { window: None });
    litellm.models(&["gpt"]);
    ollama.kind(ServerKind::Ollama {
        allocated: None,
        trained: 4096,
    });
    ollama.models(&["big:120b-cloud", "small:8b"]);
    plain.models(&["x"]);
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{
    defaults: {{ model: "plain/x" }},
    entries: {{
      secret: {{ model: "proxy/gpt", privacy: {{ zones: ["lan"] }} }},
      unclear: {{ privacy: {{ zones: ["home"] }} }},
    }},
  }},
  models: {{ mode: "replace", providers: {{
    proxy: {{ baseUrl: "{}", models: [{{ id: "gpt" }}] }},
    ollama: {{ baseUrl: "{}", models: [{{ id: "small:8b" }}] }},
    plain: {{ baseUrl: "{}", models: [{{ id: "x" }}] }},
    said: {{ baseUrl: "{}", zone: "machine", models: [{{ id: "gpt" }}] }},
    wrong: {{ baseUrl: "{}", zone: "machine", models: [{{ id: "small:8b" }}] }},
  }} }},
}}"#,
        litellm.base_url(),
        ollama.base_url(),
        plain.base_url(),
        litellm.base_url(),
        ollama.base_url(),
    ));
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    let (before, rest) = ran.stdout.split_once("This machine\n").unwrap();
    let after = rest.split_once("Embedded model\n").unwrap().1;
    insta::assert_snapshot!(home.stable(&format!("{before}{after}")));
}

/// Whoever goes on with it later, without saying so again.
#[test]
fn what_was_begun_in_private_stays_private() {
    let scene = Scene::new();
    let home = scene.home("", NEAR);
    let ran = home.pipe(&["up", "--private", "--session", "diary"], "a secret\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "near\n"), "{}", ran.stderr);
    let ran = home.pipe(&["up", "--session", "diary"], "and more\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "near\n"), "{}", ran.stderr);
    // Its state may be asked for, as nothing else makes this run private; nothing that was said goes there.
    assert_eq!(scene.far.model_calls().len(), 0);
}
