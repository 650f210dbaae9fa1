//! A secret is in no output, whatever is wrong around it.

use yabby_core::Lang;
use yabby_testkit::Canary;

use super::support::{Home, with_env};

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
        "models.providers.a.apiKeys",
        "models.providers.a.apiKeys[0]",
        "models.providers.a.apiKeys[1]",
        "models.providers.a.headers",
        "models.providers.a.headers.X-A",
        "models.providers.a.foo",
        "models.providers.a.params.extra_headers",
        "models.providers.a.params.auth.pin",
        "models.providers.a.auth",
        "agents",
        "agents.defaults.model",
        "models.providers.a.baseUrl",
        "models.providers.a.params",
        "models.providers.a.params.foo",
        "models.providers.a.models[0].params",
        "env.vars.SECRET",
        "env",
        "gateway",
        "store",
        "store.url",
        "store.secretsKey",
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
        "apiKeys: ['CANARY', 'x'], bad: 1",
        "apiKeys: ['x', 'CANARY', 'CANARY'], timeoutSeconds: 'x'",
        "apiKeys: 'CANARY'",
        "apiKeys: [['CANARY'], {value: 'CANARY'}, {source: 'env', id: 'CANARY'}]",
        "apiKeys: ['${SECRET}', 'a${SECRET}'], bad: 1",
        "apiKeyz: ['CANARY']",
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
        "baseUrl: 'http://me@h/v1?key=CANARY'",
        "baseUrl: 'me:CANARY@h:1/v1'",
        "baseUrl: 'ftp://me:CANARY@h/v1'",
        "models: [{id: 'm', params: {token: 'CANARY'}, bad: 1}]",
        "models: [{id: 'm', params: {extra_body: {api_key: 'CANARY'}}}], params: {auth: {password: 'CANARY'}}",
        "api: 'x', // old key: CANARY\n bad: 1",
        "apiKey: '${SECRET}', bad: 1",
        "params: {foo: '${SECRET}', bar: ['x ${SECRET}']}, models: [{id: 'm', compat: {x: '${SECRET}'}}]",
        "params: {foo: '${SECRET}'}, timeoutSeconds: 'off'",
        "foo: {a: ['CANARY'], b: 'CANARY'}, bar: 'CANARY', baz: 1",
        "foo: 'CANARY', foo: 1",
        "foo: {\n bar: 'CANARY' }, baz: 1",
        "baseUrl: 'http://gw/${SECRET}/v1/'",
        "baseUrl: 'http://${SECRET}.example.com/v1/'",
        "baseUrl: 'ftp://gw/${SECRET}/v1/'",
        "models: [{id: 'm', input: ['${SECRET}']}]",
        "params: {extra_headers: {'X-A': 'CANARY'}, extraHeaders: {x: 'CANARY'}, auth: {x: 'CANARY'}, jwt: 'CANARY'}",
        "params: {signature: 'CANARY', defaultHeaders: ['CANARY']}, bad: 1, auth: {pin: 'CANARY'}",
    ];
    let plain = Canary::new();
    for fields in fields {
        let text = format!(
            "{{env: {{vars: {{SECRET: 'CANARY'}}, OTHER: 'CANARY'}}, gateway: {{auth: {{token: 'CANARY'}}}},
              models: {{providers: {{a: {{baseUrl: 'http://h/v1', {fields}}}}}}}}}"
        );
        // One that looks like a key of OpenAI, and one that looks like nothing.
        for canary in [plain.expose().to_owned(), format!("sk-{}", plain.expose())] {
            let text = text.replace("CANARY", &canary);
            for vars in [&[][..], &[("SECRET", canary.as_str())]] {
                let out = outputs(&with_env(&text, vars));
                assert!(!plain.is_in(&out), "{fields}\n{out}");
            }
        }
    }
}

#[test]
fn the_canary_of_the_store_is_nowhere() {
    let plain = Canary::new();
    for fields in [
        "url: 'postgres://me:CANARY@h/db', bad: 1",
        "url: 'postgres://me@h/db?password=CANARY', bad: 1",
        "url: 'postgres://h/db?sslpassword=CANARY', bad: 1",
        "url: 'host=h password=CANARY', bad: 1",
        "url: 'mysql://me:CANARY@h/db', bad: 1",
        "url: 'postgres://me:CANARY@h/db', path: 5",
        "url: 'postgres://me:${SECRET}@h/db', bad: 1",
        "url: '${SECRET}', bad: 1",
        "url: ['postgres://me:CANARY@h/db']",
        "url: {value: 'CANARY'}",
        "secretsKey: 'CANARY', bad: 1",
        "secretsKey: ['CANARY'], url: 'postgres://me:CANARY@h/db'",
    ] {
        let text = format!("{{store: {{{fields}}}}}").replace("CANARY", plain.expose());
        for vars in [&[][..], &[("SECRET", plain.expose())]] {
            let out = outputs(&with_env(&text, vars));
            assert!(!plain.is_in(&out), "{fields}\n{out}");
        }
    }
}

#[test]
fn keys_of_the_environment_are_in_no_output() {
    let canary = Canary::new();
    let vars: Vec<(&str, String)> = ["OPENAI_API_KEYS", "OPENAI_API_KEY_1", "OPENAI_API_KEY_2"]
        .iter()
        .map(|name| (*name, format!("{}-{name},{}", canary.expose(), canary.expose())))
        .collect();
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let loaded = with_env("{models: {providers: {a: {baseUrl: 'http://h/v1'}}}}", &vars);
    assert_eq!(loaded.config.provider("openai").unwrap().keys.len(), 4);
    let mut out = outputs(&loaded);
    for key in ["apiKey", "apiKeys", "apiKeys[0]", "apiKeys[2]"] {
        let explained = format!("{:?}", loaded.explain(&format!("models.providers.openai.{key}")));
        out.push_str(&explained);
    }
    canary.assert_absent(&out);
}

#[test]
fn numbers_that_are_secrets_are_hidden() {
    let text = "{models: {providers: {a: {baseUrl: 'http://h/v1', params: {token: 918273645, auth: {pin: 918273645}},
        models: [{id: 'm', params: {password: 918273645}}], foo: 918273645, bar: 1}}}}";
    let out = outputs(&with_env(text, &[]));
    assert!(!out.contains("918273645"), "{out}");
}

#[test]
fn secrets_in_included_files_are_hidden() {
    let canary = Canary::new();
    let home = Home::with(
        "{env: {$include: 'env.json5'}, models: {providers: {a: {baseUrl: 'http://h/v1', foo: {$include: 'foo.json5'},
          apiKey: {$include: 'key.json5'}, headers: {$include: 'headers.json5'}, bar: {$include: 'env.json5', b: 1}}}}}",
    );
    let text = format!(
        "{{ A: '{0}', A: '{0}', B: 5, vars: {{ C: '{0}', D: [1] }} }}",
        canary.expose()
    );
    home.write(".yabby/env.json5", &text);
    home.write(".yabby/headers.json5", &text);
    home.write(".yabby/foo.json5", &text);
    home.write(".yabby/key.json5", &format!("['{}']", canary.expose()));
    let loaded = home.load();
    assert!(loaded.diagnostics.len() > 4, "{:?}", loaded.diagnostics);
    canary.assert_absent(&outputs(&loaded));
}

#[test]
fn innocent_text_beside_an_unknown_key_stays() {
    let loaded = with_env(
        "{models: {providers: {a: {foo: 'x', baseUrl: 'http://h/v1', timeoutSeconds: 5}}}}",
        &[],
    );
    let rendered = loaded.render_diagnostics(Lang::En, false);
    assert!(
        rendered.contains("foo: '*', baseUrl: 'http://h/v1', timeoutSeconds: 5"),
        "{rendered}"
    );
}

#[test]
fn a_secret_in_an_address_is_shown_without_it() {
    let text = "{models: {providers: {a: {baseUrl: 'http://gw/${GW_TOKEN}/v1/'}}}}";
    let loaded = with_env(text, &[("GW_TOKEN", "hunter 22")]);
    let url = &loaded.config.provider("a").unwrap().base_url;
    assert_eq!(url.as_str(), "http://gw/hunter%2022/v1", "requests need it");
    assert_eq!(format!("{url} {url:?}"), "http://gw/***/v1 http://gw/***/v1");
    let out = outputs(&loaded);
    assert!(
        out.contains("http://gw/***/v1 is used") && !out.contains("hunter"),
        "{out}"
    );
    let named = with_env(
        "{models: {providers: {a: {baseUrl: 'http://gw/${GW_KEY}/v1/'}}}}",
        &[("GW_KEY", "a")],
    );
    assert_eq!(
        named.config.provider("a").unwrap().base_url.to_string(),
        "http://gw/a/v1"
    );
}

#[test]
fn sentences_hold_no_secret_name() {
    let canary = Canary::new();
    let text = "{agents: {defaults: {model: {primary: 'x/${SECRET}', fallbacks: ['a/m-${SECRET}x']}}},
        models: {providers: {a: {baseUrl: 'http://h/v1', api: 'x-${SECRET}', models: [
            {id: 'm-${SECRET}'}, {id: 'm-${SECRET}', api: '${SECRET}'}]}}}}";
    let loaded = with_env(text, &[("SECRET", canary.expose())]);
    assert_eq!(loaded.diagnostics.len(), 4, "{:?}", loaded.diagnostics);
    let rendered = loaded.render_diagnostics(Lang::En, false);
    canary.assert_absent(&format!("{:?}\n{}\n{rendered}", loaded.diagnostics, loaded.show()));
}

#[test]
fn a_dot_env_line_is_not_shown() {
    let canary = Canary::new();
    let home = Home::with("{models: {providers: {a: {baseUrl: 'http://h/v1', apiKey: '${KEY}'}}}}");
    home.write(
        ".yabby/.env",
        &format!("KEY='{0}\n{0} broken line\nKEY2={0}\n", canary.expose()),
    );
    canary.assert_absent(&outputs(&home.load()));
}
