//! What hosted models cost, over several runs.

use yabby_testkit::{ModelServer, dead_url, script};

use crate::home::Home;

fn home(hosted: &ModelServer, budget: &str) -> Home {
    Home::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: {{ primary: 'own/m', fallbacks: ['far/m'] }} }} }}, models: {{ providers: {{
            own: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }},
            far: {{ baseUrl: '{}', zone: 'hosted', models: [{{ id: 'm', cost: {{ input: 3, output: 15 }} }}] }}
         }} }}, route: {{ budget: {{ {budget} }} }} }}",
        dead_url(),
        hosted.base_url()
    ))
}

#[test]
fn what_was_spent_is_shown_and_a_limit_holds_over_runs() {
    let hosted = ModelServer::start_on_thread();
    hosted.default_reply(script![text("Hello."), usage(100_000, 2_000)]);
    let home = home(&hosted, "perDay: { usd: 0.5 }");
    assert_eq!(
        home.run(&["usage"]).stdout,
        "no hosted model has been used lately\ntoday $0.00 of $0.50 are spent (route.budget.perDay.usd)\n"
    );
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"));
    assert!(
        ran.stderr
            .contains("far/m is hosted: this answer cost about $0.33, today $0.33"),
        "{}",
        ran.stderr
    );
    home.run(&["ask", "Hello?"]);
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("route.budget.perDay.usd allows $0.50, and $0.66 are spent"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("raise route.budget.perDay.usd, or wait until midnight (UTC)"),
        "{}",
        ran.stderr
    );
    assert_eq!(hosted.model_calls().len(), 2);
    let shown = home.run(&["usage"]).stdout;
    let shown: Vec<&str> = shown.lines().map(|line| line.get(10..).unwrap_or(line)).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let object: serde_json::Value = serde_json::from_str(&home.run(&["usage", "--json"]).stdout).unwrap();
    assert_eq!(object["days"][0]["models"][0]["answers"], 2);
    assert_eq!(object["left"]["usd"], 0.0);
}

#[test]
fn a_mistake_in_the_budget_lets_nothing_be_spent() {
    let hosted = ModelServer::start_on_thread();
    let home = home(&hosted, "perDay: { euro: 5 }");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, hosted.model_calls().len()), (Some(3), 0), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("route.budget has a mistake, so that no limit is known"),
        "{}",
        ran.stderr
    );
    let shown = home.run(&["usage"]).stdout;
    assert!(
        shown.contains("models that cost something are not asked until it is corrected"),
        "{shown}"
    );
    let object: serde_json::Value = serde_json::from_str(&home.run(&["usage", "--json"]).stdout).unwrap();
    assert_eq!(object["inDoubt"], true);
}

/// Each run is a session of its own, and a chat is one.
#[test]
fn a_limit_for_a_session_begins_anew_with_each_run() {
    let hosted = ModelServer::start_on_thread();
    hosted.default_reply(script![text("Hello."), usage(100_000, 2_000)]);
    let home = home(&hosted, "perSession: { tokens: 100000 }");
    for _ in 0..2 {
        let ran = home.run(&["ask", "Hello?"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"), "{}", ran.stderr);
    }
    let home = home.var("YABBY_LANG", "zh-TW");
    let shown = home.run(&["usage"]).stdout;
    let day = |line: &str| {
        line.split_once("far/m")
            .map_or_else(|| line.to_owned(), |(_, rest)| format!("DAY far/m{rest}"))
    };
    let shown: Vec<String> = shown.lines().map(day).collect();
    insta::assert_snapshot!(shown.join("\n"));
}
