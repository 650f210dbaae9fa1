//! `yabby config`, and OpenClaw's files as they are.

use std::path::PathBuf;

use yabby_testkit::{ModelServer, dead_port};

use crate::{
    home::Home,
    serve::{interrupt, started},
};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../config/fixtures")
        .join(name)
}

#[test]
fn openclaws_files_work_unchanged() {
    for name in [
        "1-local-primary.json5",
        "2-hosted-primary.json5",
        "3-local-first.json5",
        "4-custom-endpoint.json5",
    ] {
        let home = Home::new().var("ANTHROPIC_API_KEY", "x");
        let path = example(name);
        let ran = home.run(&["--config", path.to_str().unwrap(), "config", "check"]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 2, "{name}: {}", ran.stderr);
        let ran = home.run(&["--config", path.to_str().unwrap(), "models", "aliases"]);
        assert_eq!(ran.code, Some(0));
        insta::allow_duplicates! {
            if name.starts_with(['2', '3']) {
                insta::assert_snapshot!(ran.stdout, @r"
                ALIAS          MODEL
                Sonnet         anthropic/claude-sonnet-4-5
                MiniMax Local  lmstudio/minimax-m2.1-gs32
                Opus           anthropic/claude-opus-4-6
                ");
            }
        }
    }
}

#[test]
fn mistakes_have_a_place_and_never_stop_the_start() {
    let home = Home::with_config(
        r#"{
  agents: { defaults: { model: "box/m1" } },
  models: {
    providers: {
      box: { baseUrl: "127.0.0.1:9", modles: [], models: [{ id: "m1", contextWindow: 4096 }] },
      bad: { baseUrl: 7, models: [] },
    },
  },
  channels: { whatsapp: { dmPolicy: "pairing" } },
}
"#,
    );
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(home.stable(&ran.stderr));
    // The good provider is still asked.
    let ran = home.run(&["ask", "x", "--json"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stdout.contains("\"refused\""), "{}", ran.stdout);
}

#[test]
fn a_file_that_cannot_be_read_ends_the_command() {
    let home = Home::with_config("{ models: { ");
    let ran = home.run(&["ask", "x"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(home.stable(&ran.stderr));
    let ran = home.run(&["--config", "nowhere.json5", "ask", "x"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(home.stable(&ran.stderr));
}

#[test]
fn explain_says_what_and_where() {
    let home = Home::new();
    let path = example("1-local-primary.json5");
    let path = path.to_str().unwrap();
    let mut said = String::new();
    for key in [
        "agents.defaults.model.primary",
        "models.providers.lmstudio.baseUrl",
        "models.providers.lmstudio.apiKey",
        "models.providers.lmstudio.models.minimax-m2.1-gs32.contextWindow",
        "models.mode",
    ] {
        let ran = home.run(&["--config", path, "config", "explain", key]);
        assert_eq!(ran.code, Some(0), "{key}: {}", ran.stderr);
        said.push_str(&ran.stdout.replace(path, "FILE"));
        said.push_str("----\n");
    }
    insta::assert_snapshot!(said);
    let ran = home.run(&["--config", path, "config", "explain", "models.provider"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn show_and_schema_are_json() {
    let home = Home::new();
    let path = example("2-hosted-primary.json5");
    for command in ["show", "schema"] {
        let ran = home.run(&["--config", path.to_str().unwrap(), "config", command]);
        let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(value.is_object());
    }
}

#[test]
fn opentelemetry_needs_a_build_that_has_it() {
    let told = "diagnostics.otel has no effect: this build of Yabby has no OpenTelemetry; one that has it is built with: \
                cargo build --release --features otel";
    let server = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        "{{models: {{providers: {{box: {{baseUrl: '{}', models: [{{id: 'm1'}}]}}}}}},
          diagnostics: {{otel: {{enabled: true, endpoint: 'http://{}'}}}}}}",
        server.base_url(),
        dead_port()
    ));
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.contains(told), !cfg!(feature = "otel"), "{}", ran.stderr);
    let (mut running, _) = started(&home);
    interrupt(&mut running);
    let ran = running.ran();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.contains(told), !cfg!(feature = "otel"), "{}", ran.stderr);
}
