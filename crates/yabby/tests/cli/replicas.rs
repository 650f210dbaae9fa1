//! Several Yabbys with one database: what one has spent stops the others.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

use yabby_testkit::{ModelServer, Postgres, script};

use crate::{home::Home, serve};

/// What one question costs: 0.33 dollars.
fn hosted() -> ModelServer {
    let hosted = ModelServer::start_on_thread();
    hosted.default_reply(script![text("Hello."), usage(100_000, 2_000)]);
    hosted
}

fn home(url: &str, hosted: &ModelServer, own: &ModelServer, budget: &str) -> Home {
    Home::with_config(&format!(
        "{{ store: {{ url: '{url}' }}, agents: {{ defaults: {{ model: {{ primary: 'far/m', fallbacks: [] }} }} }}, models: {{ providers: {{
            own: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }},
            far: {{ baseUrl: '{}', zone: 'hosted', models: [{{ id: 'm', cost: {{ input: 3, output: 15 }} }}] }}
         }} }}, route: {{ budget: {{ {budget} }} }} }}",
        own.base_url(),
        hosted.base_url()
    ))
}

#[test]
fn a_budget_is_shared_by_runs_on_two_machines() {
    let (hosted, own) = (hosted(), ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let [one, other] = [(); 2].map(|()| home(&url, &hosted, &own, "perDay: { usd: 0.5 }"));
    for home in [&one, &other] {
        let ran = home.run(&["ask", "Hello?"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"), "{}", ran.stderr);
    }
    for home in [&one, &other] {
        let ran = home.run(&["ask", "Hello?"]);
        assert_eq!(ran.code, Some(3));
        assert!(
            ran.stderr.contains("allows $0.50, and $0.66 are spent"),
            "{}",
            ran.stderr
        );
        let shown: serde_json::Value = serde_json::from_str(&home.run(&["usage", "--json"]).stdout).unwrap();
        assert_eq!(
            (&shown["days"][0]["models"][0]["answers"], &shown["today"]["tokens"]),
            (&serde_json::json!(2), &serde_json::json!(204_000))
        );
        assert_eq!(
            fs::read_dir(home.path().join("spending/unsent")).map_or(0, Iterator::count),
            0
        );
    }
    assert_eq!(hosted.model_calls().len(), 2);
}

/// The address stands in a file, as a password does that is in it.
#[test]
fn a_budget_is_shared_when_the_database_is_a_secret() {
    let (hosted, own) = (hosted(), ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| {
        let home = home("", &hosted, &own, "perDay: { usd: 0.3 }");
        let file = home.write("database", &url);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let config = fs::read_to_string(home.path().join("yabby.json5")).unwrap();
        let secret = format!(
            // What a question does not need is not fetched, and does not keep it from sharing.
            "secrets: {{ providers: {{ db: {{ source: 'file', path: '{}', mode: 'singleValue' }},
                key: {{ source: 'file', path: '/nowhere/key', mode: 'singleValue' }} }} }},
             store: {{ url: {{ source: 'file', provider: 'db', id: 'value' }},
                secretsKey: {{ source: 'file', provider: 'key', id: 'value' }} }}",
            file.display()
        );
        home.write("yabby.json5", &config.replace("store: { url: '' }", &secret));
        home
    });
    assert_eq!(homes[0].run(&["ask", "Hello?"]).code, Some(0));
    let ran = homes[1].run(&["ask", "Hello?"]);
    assert_eq!((ran.code, hosted.model_calls().len()), (Some(3), 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("$0.33 are spent"), "{}", ran.stderr);
    let shown: serde_json::Value = serde_json::from_str(&homes[1].run(&["usage", "--json"]).stdout).unwrap();
    assert_eq!(shown["today"]["tokens"], serde_json::json!(102_000));
}

#[test]
fn without_the_database_models_of_ones_own_answer_and_others_are_not_paid() {
    let (hosted, own) = (hosted(), ModelServer::start_on_thread());
    own.default_reply("Mine.");
    // Nobody listens there.
    let home = home(
        "postgres://yabby@127.0.0.1:1/none?sslmode=disable",
        &hosted,
        &own,
        "perDay: { usd: 1 }",
    );
    let ran = home.run(&["ask", "-m", "own/m", "Hello?"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "Mine.\n", "")
    );
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, hosted.model_calls().len()), (Some(3), 0));
    insta::assert_snapshot!(home.stable(&ran.stderr));
}

#[test]
fn two_gateways_stay_within_one_budget() {
    let (hosted, own) = (hosted(), ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &hosted, &own, "perDay: { usd: 0.5 }"));
    // The first one makes the tables.
    homes[0].run(&["usage"]);
    let gateways = [&homes[0], &homes[1]].map(serve::started);
    let ask = |at: usize| status(&homes[at], &gateways[at].1);
    assert_eq!([ask(0), ask(1)], [200; 2]);
    let spent = || -> serde_json::Value {
        let shown = homes[0].run(&["usage", "--json"]).stdout;
        serde_json::from_str::<serde_json::Value>(&shown).unwrap()["today"]["tokens"].clone()
    };
    let begin = Instant::now();
    while spent() != 204_000 {
        assert!(begin.elapsed() < Duration::from_secs(30), "it is not handed over");
    }
    // What the first one knows may be a second old.
    thread::sleep(Duration::from_secs(1));
    let refused = [ask(0), ask(1)];
    assert!(refused.iter().all(|status| *status != 200), "{refused:?}");
    assert_eq!(hosted.model_calls().len(), 2);
}

/// Killed while the database is away, too: what was spent is found by the next run, and counts once.
#[test]
fn what_was_spent_outlives_a_database_and_a_yabby_that_are_killed() {
    let (hosted, own) = (hosted(), ModelServer::start_on_thread());
    let postgres = Postgres::start();
    let home = home(&postgres.new_database(), &hosted, &own, "");
    let (running, address) = serve::started(&home);
    assert_eq!(status(&home, &address), 200);
    postgres.kill_hard();
    assert_eq!(status(&home, &address), 200, "there is no limit");
    drop(running);
    postgres.start_again();
    for _ in 0..2 {
        let shown: serde_json::Value = serde_json::from_str(&home.run(&["usage", "--json"]).stdout).unwrap();
        assert_eq!(
            (&shown["days"][0]["models"][0]["answers"], &shown["today"]["tokens"]),
            (&serde_json::json!(2), &serde_json::json!(204_000))
        );
    }
}

/// Asks a gateway, and gives the status of its answer.
fn status(home: &Home, address: &str) -> u16 {
    let body = r#"{"model":"far/m","messages":[{"role":"user","content":"Hi"}]}"#;
    serve::status(address, &serve::key(home), body)
}
