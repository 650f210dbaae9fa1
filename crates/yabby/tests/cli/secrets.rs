//! Keys never come out, whatever is asked and whatever the server says.

use yabby_testkit::{Canary, ModelServer};

use crate::home::Home;

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
