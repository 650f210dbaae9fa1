//! Keys never come out, whatever is asked and whatever the server says.

use yabby_testkit::{Canary, Fault, ModelServer, dead_url};

use crate::{
    home::Home,
    setup::{found_at, llama_cpp},
};

#[test]
fn no_command_prints_a_secret() {
    let (key, header, typo) = (Canary::new(), Canary::new(), Canary::new());
    let server = ModelServer::start_on_thread();
    let echo = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {}"}}}}"#,
        key.expose()
    );
    server.answer_with(401, "application/json", echo.clone());
    server.answer_with(401, "application/json", echo.clone());
    let home = Home::with_config(&format!(
        r#"{{ models: {{ providers: {{
  box: {{
    baseUrl: "{}", apiKey: "{}", headers: {{ "X-Tenant": "{}" }},
    apiKye: "{}",
    models: [{{ id: "m1" }}],
  }},
}} }} }}"#,
        server.base_url(),
        key.expose(),
        header.expose(),
        typo.expose(),
    ));
    for arguments in [
        &["ask", "Hello?"] as &[&str],
        &["ask", "Hello?", "--json"],
        &["models"],
        &["models", "--json"],
        &["doctor"],
        &["config", "check"],
        &["config", "show"],
        &["config", "explain", "models.providers.box.apiKey"],
        &["config", "explain", "models.providers.box.headers"],
        &["config", "explain", "models.providers.box"],
        &["config", "schema"],
    ] {
        let ran = home.run(arguments);
        for secret in [&key, &header, &typo] {
            secret.assert_absent(&ran.stdout);
            secret.assert_absent(&ran.stderr);
        }
    }
    let sent = server.requests();
    assert!(
        sent.iter()
            .any(|request| request.header("x-tenant") == Some(header.expose()))
    );
}

#[test]
fn a_credential_in_a_header_is_not_printed_when_the_server_echoes_it() {
    let secret = Canary::new();
    let server = ModelServer::start_on_thread();
    let provider = format!(
        r#"{{ baseUrl: "{}", headers: {{ Authorization: "Bearer {}" }}, models: [{{ id: "m1" }}] }}"#,
        server.base_url(),
        secret.expose()
    );
    echoes(&server, &provider, &secret);
}

/// Neither as it stands in the address, nor in Base64, as it is sent.
#[test]
fn a_password_in_the_address_is_not_printed_when_the_server_echoes_it() {
    let secret = Canary::new();
    let server = ModelServer::start_on_thread();
    let provider = format!(
        r#"{{ baseUrl: "http://user:{}@{}/v1", models: [{{ id: "m1" }}] }}"#,
        secret.expose(),
        server.addr()
    );
    echoes(&server, &provider, &secret);
}

/// Asks a server that repeats what it was sent, and then one that gives no answer.
fn echoes(server: &ModelServer, provider: &str, secret: &Canary) {
    let home = Home::with_config(&format!("{{ models: {{ providers: {{ box: {provider} }} }} }}"));
    // The first question shows what is sent, which may be the secret in another form.
    assert_eq!(home.run(&["ask", "Hello?"]).stdout, "ok\n");
    let sent = server.model_calls()[0].header("authorization").unwrap().to_owned();
    let form = sent.split(' ').next_back().unwrap().to_owned();
    let words = format!("wrong credentials: {} ({sent})", secret.expose());
    let body = serde_json::json!({"error": {"message": words}}).to_string();
    for arguments in [&["ask", "Hello?", "--json"] as &[&str], &["ask", "Hello?"]] {
        server.answer_with(401, "application/json", body.clone());
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        for text in [&ran.stdout, &ran.stderr] {
            secret.assert_absent(text);
            assert!(!text.contains(&form), "{text}");
        }
    }
    // Nor when there is no answer at all.
    server.fault(Fault::Reset);
    for arguments in [
        &["ask", "Hello?", "--json"] as &[&str],
        &["doctor"],
        &["models", "--json"],
        &["config", "check"],
    ] {
        let ran = home.run(arguments);
        for text in [&ran.stdout, &ran.stderr] {
            secret.assert_absent(text);
            assert!(!text.contains(&form), "{text}");
        }
    }
}

#[test]
fn a_proxy_variable_does_not_carry_local_prompts_away() {
    let server = ModelServer::start_on_thread();
    let proxy = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions")
        .var("HTTP_PROXY", &proxy.url())
        .var("http_proxy", &proxy.url())
        .var("ALL_PROXY", &proxy.url());
    assert_eq!(home.run(&["ask", "Hello?"]).stdout, "ok\n");
    assert_eq!((server.model_calls().len(), proxy.accepted_connections()), (1, 0));
}

#[test]
fn a_key_goes_to_no_other_port() {
    let server = llama_cpp(8192);
    let home = found_at(&[("llamacpp", &server)]).var("BOX_KEY", "canary");
    let ran = home.run(&["setup", "--base-url", &dead_url(), "--key-env", "BOX_KEY"]);
    assert!(
        ran.stdout.contains(&format!("answers at {}", server.base_url())),
        "{}",
        ran.stdout
    );
    let sent: Vec<Option<String>> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert!(sent.iter().all(Option::is_none), "{sent:?}");
}
