//! Secrets that are kept in files and behind programs, from the command line.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use yabby_core::Secret;
use yabby_store::{Access, Place, SecretsKey, Store};
use yabby_testkit::{Canary, ModelServer, script};

use crate::home::Home;

/// A program that notes that it was run and prints a secret, as the config names it.
fn program(home: &Home, name: &str, secret: &str) -> String {
    let script = format!("echo run >> \"$HOME/{name}.runs\"\necho {secret}\n");
    let script = home.write(&format!("{name}.sh"), &script);
    // `/bin/sh` is a link.
    let shell = Path::new("/bin/sh").canonicalize().unwrap();
    format!(
        "{name}: {{ source: \"exec\", command: \"{}\", args: [\"{}\"], jsonOnly: false }},",
        shell.display(),
        script.display()
    )
}

fn runs(home: &Home, name: &str) -> usize {
    fs::read_to_string(home.path().join(format!("{name}.runs"))).map_or(0, |runs| runs.lines().count())
}

#[test]
fn a_program_is_asked_once_by_each_command_that_needs_it() {
    let canary = Canary::new();
    let server = ModelServer::start_on_thread();
    let home = Home::new();
    let vault = program(&home, "vault", canary.expose());
    let keyring = program(&home, "keyring", &"k".repeat(64));
    let reference = "{ source: \"exec\", provider: \"vault\", id: \"value\" }";
    home.write(
        "yabby.json5",
        &format!(
            "{{ secrets: {{ providers: {{ {vault} {keyring} }} }},
  store: {{ secretsKey: {{ source: \"exec\", provider: \"keyring\", id: \"value\" }} }},
  models: {{ providers: {{ box: {{
    baseUrl: \"{}\", apiKey: {reference}, headers: {{ \"X-Tenant\": {reference} }},
    models: [{{ id: \"m1\", contextWindow: 8192 }}],
}} }} }} }}",
            server.base_url()
        ),
    );
    for arguments in [
        &["config", "check"] as &[&str],
        &["config", "show"],
        &["config", "explain", "models.providers.box.apiKey"],
        &["models", "aliases"],
        &["route"],
        &["usage"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?} {}", ran.stderr);
    }
    assert_eq!((runs(&home, "vault"), runs(&home, "keyring")), (0, 0));

    server.chat(script![text("Hello.")]);
    for (arguments, of_vault, of_keyring) in [
        (&["ask", "Hello?"] as &[&str], 1, 0),
        (&["models"], 2, 0),
        (&["sessions", "list"], 2, 1),
        (&["store"], 2, 2),
        (&["doctor"], 3, 3),
    ] {
        let ran = home.run(arguments);
        canary.assert_absent(&ran.stdout);
        canary.assert_absent(&ran.stderr);
        assert_eq!(
            (runs(&home, "vault"), runs(&home, "keyring")),
            (of_vault, of_keyring),
            "{arguments:?} {}",
            ran.stderr
        );
    }
    let sent = &server.model_calls()[0];
    assert_eq!(
        (sent.header("authorization"), sent.header("x-tenant")),
        (
            Some(format!("Bearer {}", canary.expose()).as_str()),
            Some(canary.expose())
        )
    );
}

#[test]
fn what_cannot_be_had_is_told_and_the_rest_goes_on() {
    let server = ModelServer::start_on_thread();
    let home = Home::new();
    let file = home.write("key.txt", "canary-of-the-file\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    home.write(
        "yabby.json5",
        &format!(
            "{{ secrets: {{ providers: {{ file: {{ source: \"file\", path: \"~/key.txt\", mode: \"singleValue\" }} }} }},
  models: {{ providers: {{ box: {{
    baseUrl: \"{}\", apiKey: {{ source: \"file\", provider: \"file\", id: \"value\" }},
    models: [{{ id: \"m1\", contextWindow: 8192 }}],
}} }} }} }}",
            server.base_url()
        ),
    );
    server.chat(script![text("Hello.")]);
    let ran = home.run(&["ask", "Hello?"]);
    insta::assert_snapshot!("kept_file_refused", home.stable(&ran.stderr));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"));
    assert_eq!(server.model_calls()[0].header("authorization"), None);
    let doctor = home.run(&["doctor"]);
    assert!(doctor.stdout.contains("run: chmod 600"), "{}", doctor.stdout);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    server.chat(script![text("Hello.")]);
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        server.model_calls()[1].header("authorization"),
        Some("Bearer canary-of-the-file")
    );
}

#[test]
fn the_key_of_the_store_comes_from_a_program() {
    let home = Home::new();
    let key = "0123456789abcdef".repeat(4);
    let keyring = program(&home, "keyring", &key);
    let config = |keyring: &str| {
        format!(
            "{{ secrets: {{ providers: {{ {keyring} }} }},
  store: {{ secretsKey: {{ source: \"exec\", provider: \"keyring\", id: \"value\" }} }} }}"
        )
    };
    home.write("yabby.json5", &config(&keyring));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let place = Place::Folder(home.path().join("store"));
        let store = Store::open(&place, Access::Write).await.unwrap();
        let key = SecretsKey::new(&Secret::new(key)).unwrap();
        for (name, token) in [("discord", "token-1"), ("telegram", "token-2")] {
            store.put_secret(Some(&key), name, &Secret::new(token)).await.unwrap();
        }
    });
    let told = || {
        let ran = home.run(&["store", "check"]);
        format!("{}{}[{}]\n\n", ran.stdout, ran.stderr, ran.code.unwrap_or(-1))
    };
    let mut all = told();
    let json: Value = serde_json::from_str(&home.run(&["store", "check", "--json"]).stdout).unwrap();
    assert_eq!((&json["plainSecrets"], &json["lockedSecrets"]), (&0.into(), &0.into()));

    // Somebody has replaced the key in the keyring.
    program(&home, "keyring", &"f".repeat(64));
    all += &told();
    // The keyring is locked: nothing is read or stored, and nothing is taken for damaged.
    home.write("keyring.sh", "exit 1\n");
    all += &told();
    let shell = Path::new("/bin/sh").canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!("kept_store_key", home.stable(&all).replace(&shell, "SHELL"));
}
