//! A secret is in no output, whatever is wrong around it.

use yabby_core::Lang;

use super::support::{Home, with_env};

const CANARY: &str = "sk-canary-7f3a";

fn outputs(loaded: &yabby_config::Loaded) -> String {
    let mut out = format!("{loaded:?}\n{:#?}\n{}\n", loaded, loaded.show());
    for lang in [Lang::En, Lang::ZhTw] {
        out += &loaded.render_diagnostics(lang, true);
        out += &loaded.render_diagnostics(lang, false);
    }
    let keys = [
        "models",
        "models.providers.a",
        "models.providers.a.apiKey",
        "models.providers.a.apiKeey",
        "models.providers.a.headers",
        "models.providers.a.headers.X-A",
        "models.providers.a.baseUrl",
        "models.providers.a.params",
        "models.providers.a.params.foo",
        "models.providers.a.models[0].params",
        "env.vars.SECRET",
        "env",
        "gateway",
    ];
    for key in keys {
        let explained = format!("{:?}\n", loaded.explain(key));
        out.push_str(&explained);
    }
    out
}

#[test]
fn the_canary_is_nowhere() {
    let fields = [
        "apiKey: 'CANARY', bad: 1",
        "apiKey: 'CANARY', timeoutSeconds: 'x'",
        "apiKey: ['CANARY']",
        "apiKey: {value: 'CANARY'}",
        "apiKey: {source: 'env', id: 'CANARY'}",
        "apiKey: {source: 'file', provider: 'CANARY', id: 'CANARY'}",
        "apiKeey: 'CANARY'",
        "apiKey: 'CANARY' bad: 1",
        "apiKey: 'CANARY, bad: 1",
        "apiKey 'CANARY'",
        "apiKey: CANARY",
        "apiKey: \"CANARY\nx",
        "headers: {'X-A': 'CANARY'}, headerz: {'X-A': 1}",
        "headers: {'X-A': 'CANARY', 'X-B': 3}",
        "headers: {'X-A': ['CANARY']}",
        "headers: {'X-A': 'CANARY' 'X-B': 3}",
        "baseUrl: 'http://me:CANARY@h/v1/'",
        "baseUrl: 'http://h/v1?key=CANARY'",
        "baseUrl: 'me:CANARY@h:1/v1'",
        "baseUrl: 'ftp://me:CANARY@h/v1'",
        "models: [{id: 'm', params: {token: 'CANARY'}, bad: 1}]",
        "models: [{id: 'm', params: {extra_body: {api_key: 'CANARY'}}}], params: {auth: {password: 'CANARY'}}",
        "api: 'x', // old key: CANARY\n bad: 1",
        "apiKey: '${SECRET}', bad: 1",
        "params: {foo: '${SECRET}', bar: ['x ${SECRET}']}, models: [{id: 'm', compat: {x: '${SECRET}'}}]",
        "params: {foo: '${SECRET}'}, timeoutSeconds: 'off'",
    ];
    for fields in fields {
        let text = format!(
            "{{env: {{vars: {{SECRET: 'CANARY'}}, OTHER: 'CANARY'}}, gateway: {{auth: {{token: 'CANARY'}}}},
              models: {{providers: {{a: {{baseUrl: 'http://h/v1', {fields}}}}}}}}}"
        );
        let text = text.replace("CANARY", CANARY);
        for vars in [&[][..], &[("SECRET", CANARY)]] {
            let out = outputs(&with_env(&text, vars));
            assert!(!out.contains(CANARY), "{fields}\n{out}");
        }
    }
}

#[test]
fn a_dot_env_line_is_not_shown() {
    let home = Home::with("{models: {providers: {a: {baseUrl: 'http://h/v1', apiKey: '${KEY}'}}}}");
    home.write(
        ".yabby/.env",
        &format!("KEY='{CANARY}\n{CANARY} broken line\nKEY2={CANARY}\n"),
    );
    let out = outputs(&home.load());
    assert!(!out.contains(CANARY), "{out}");
}
