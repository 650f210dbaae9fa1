//! What hosted models cost, over the whole way of a request.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use yabby_config::{Config, Environment, load_text};
use yabby_core::{ErrorKind, ModelEvent, ModelRequest, Tool};
use yabby_route::{RouteEvent, Router, Spending, Wanted, plan, spending::Spent};
use yabby_servers::{Endpoint, Fleet, Http};
use yabby_testkit::{Fault, ModelServer, Refusal, ServerKind, script};

use crate::{
    live::clock::fast,
    scene::{Seen, hello, saying},
};

/// One model, and what it spends.
struct Purse {
    config: Config,
    fleet: Fleet,
    router: Router,
    spending: Spending,
}

impl Purse {
    /// A provider of this name and with these fields, and limits.
    fn new(name: &str, provider: &str, budget: &str) -> Self {
        let text = format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: '{name}/m', fallbacks: [] }} }} }},
                models: {{ providers: {{ '{name}': {{ {provider} }} }} }}, route: {{ budget: {{ {budget} }} }} }}"
        );
        let config = load_text(&text, &Environment::default()).config;
        let spending = Spending::in_memory(config.route.budget);
        Self {
            fleet: Fleet::new(Endpoint::from_config(&config)),
            router: Router::new(&Http::default(), &config).with_spending(spending.clone()),
            config,
            spending,
        }
    }

    /// A hosted model with this cost.
    fn hosted(server: &ModelServer, cost: &str, budget: &str) -> Self {
        let provider = format!(
            "baseUrl: '{}', zone: 'hosted', models: [{{ id: 'm', {cost} }}]",
            server.base_url()
        );
        Self::new("far", &provider, budget)
    }

    fn answer(&self, words: &str) -> futures_util::stream::BoxStream<'static, RouteEvent> {
        let plan = plan(&self.config, &self.fleet, &Wanted::default()).unwrap();
        self.router.answer(plan, saying(words))
    }

    async fn turn(&self) -> Seen {
        let plan = plan(&self.config, &self.fleet, &Wanted::default()).unwrap();
        Seen::of(self.router.answer(plan, hello())).await
    }

    /// The kind of the error of a turn that must fail, and what the person reads.
    async fn refused(&self) -> (ErrorKind, String, String) {
        let failure = self.turn().await.end.unwrap_err();
        let (_, error) = failure.errors.last().unwrap();
        let hint = error.hint.as_ref().map(yabby_core::Text::english);
        (error.kind, error.message.english(), hint.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_server_that_reports_nothing_is_estimated() {
    let server = ModelServer::start().await;
    server.chat(script![text("four".repeat(1000)), no_usage()]);
    let purse = Purse::hosted(&server, "cost: { input: 0, output: 1000 }", "");
    let answer = purse.turn().await.end.unwrap();
    assert_eq!(answer.usage.output_tokens, None);
    assert!((answer.cost.unwrap() - 1.0).abs() < 1e-9, "{:?}", answer.cost);
    assert!((purse.spending.today().usd - 1.0).abs() < 1e-9);
}

/// Each question has all the tools that are left.
#[tokio::test]
async fn the_search_for_tools_that_a_server_refuses_is_paid() {
    let server = ModelServer::start().await;
    server.fault(Fault::Refuses(Refusal::Schema("nonsense".to_owned())));
    let purse = Purse::hosted(&server, "cost: { input: 1000, output: 0 }", "");
    let plan = plan(&purse.config, &purse.fleet, &Wanted::default()).unwrap();
    let tool = |place: usize| Tool {
        name: format!("tool{place}"),
        description: "A tool".to_owned(),
        parameters: json!({"type": "object", "properties": {"a": {
            "type": "string", "description": if place == 3 { "nonsense" } else { "sense" }, "minLength": 1,
        }}}),
    };
    let request = ModelRequest {
        tools: (0..8).map(tool).collect(),
        ..hello()
    };
    let answer = Seen::of(purse.router.answer(plan, request)).await.end.unwrap();
    let questions = server.model_calls();
    let questions = questions.iter().filter(|asked| asked.body["max_tokens"] == 1);
    // Half of the tools, a quarter, and one were taken; what is refused costs nothing.
    let taken = questions.filter(|asked| !asked.body["tools"].to_string().contains("nonsense"));
    let taken = u32::try_from(taken.count()).unwrap();
    let today = purse.spending.today();
    let beside = today.usd - answer.cost.unwrap();
    // A tool has more than ten tokens, at a tenth of a cent each.
    assert!(taken >= 3 && beside > 0.01 * f64::from(taken), "{taken} {beside}");
}

#[tokio::test]
async fn what_costs_nothing_counts_its_tokens() {
    let server = ModelServer::start().await;
    server.default_reply(script![text("Hello."), usage(900, 100)]);
    let purse = Purse::hosted(
        &server,
        "cost: { input: 0, output: 0 }",
        "perDay: { usd: 0, tokens: 1000 }",
    );
    assert_eq!(purse.turn().await.text(), "Hello.");
    let spent = Spent { usd: 0.0, tokens: 1000 };
    assert_eq!(purse.spending.today(), spent);
    assert_eq!(purse.refused().await.0, ErrorKind::OverBudget);
    assert_eq!(server.model_calls().len(), 1);
}

#[tokio::test]
async fn a_budget_in_doubt_stops_what_costs_something() {
    for (zone, cost, asked) in [
        ("hosted", "", false),
        ("hosted", "cost: { input: 1, output: 1 }", false),
        ("hosted", "cost: { input: 1 }", false),
        ("hosted", "cost: { input: 0, output: 0 }", true),
        ("machine", "", true),
        ("lan", "cost: { input: 0, output: 0 }", true),
        ("machine", "cost: { input: 1, output: 1 }", false),
    ] {
        let server = ModelServer::start().await;
        server.default_reply(script![text("Hello."), usage(10, 10)]);
        let provider = format!(
            "baseUrl: '{}', zone: '{zone}', models: [{{ id: 'm', {cost} }}]",
            server.base_url()
        );
        let purse = Purse::new("p", &provider, "perDay: { euro: 5 }");
        let seen = purse.turn().await;
        assert_eq!(seen.end.is_ok(), asked, "{zone} {cost}");
        assert_eq!(server.model_calls().len(), usize::from(asked), "{zone} {cost}");
    }
}

#[tokio::test]
async fn a_price_that_nobody_knows_is_not_paid_where_money_is_limited() {
    let server = ModelServer::start().await;
    server.default_reply(script![text("Hello."), usage(10, 10)]);
    for cost in ["", "cost: { inputs: 3, outputs: 15 }"] {
        let purse = Purse::hosted(&server, cost, "perSession: { usd: 5 }");
        let told = (
            ErrorKind::OverBudget,
            "it is not asked: route.budget.perSession.usd is a limit, and its price is not known".to_owned(),
            "write its cost into models.providers.far.models".to_owned(),
        );
        assert_eq!(purse.refused().await, told, "{cost}");
    }
    assert_eq!(server.model_calls().len(), 0);
    // Where only tokens are, it is.
    let purse = Purse::hosted(&server, "", "perSession: { tokens: 100000 }");
    let answer = purse.turn().await.end.unwrap();
    assert_eq!((answer.cost, purse.spending.today().tokens), (None, 20));
}

/// Nobody has asked it for its models before, as when `yabby ask` begins.
#[tokio::test]
async fn openrouter_says_its_prices() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::OpenRouter {
        context_length: 200_000,
    });
    server.models(&["m"]);
    server.default_reply(script![text("Hello."), usage(1000, 1000)]);
    let provider = |cost: &str| {
        format!(
            "baseUrl: '{}', apiKey: 'k', zone: 'hosted', models: [{{ id: 'm', {cost} }}]",
            server.base_url()
        )
    };
    let purse = Purse::new("openrouter", &provider(""), "perDay: { usd: 0.001 }");
    let answer = purse.turn().await.end.unwrap();
    assert!((answer.cost.unwrap() - 0.0014).abs() < 1e-9, "{:?}", answer.cost);
    assert_eq!(purse.refused().await.0, ErrorKind::OverBudget);
    assert_eq!(server.model_calls().len(), 1);
    // What it says of an answer counts more than what the config says of its price.
    let purse = Purse::new("openrouter", &provider("cost: { input: 0, output: 0 }"), "");
    let answer = purse.turn().await.end.unwrap();
    assert!((answer.cost.unwrap() - 0.0014).abs() < 1e-9, "{:?}", answer.cost);
    assert!((purse.spending.today().usd - 0.0014).abs() < 1e-9);
}

#[tokio::test]
async fn who_leaves_pays_for_what_came() {
    let server = ModelServer::start().await;
    server.chat(script![text("four".repeat(500)), hang()]);
    let purse = Purse::hosted(&server, "cost: { input: 0, output: 1000 }", "");
    let mut events = purse.answer("Hello?");
    while let Some(event) = events.next().await {
        if matches!(event, RouteEvent::Model(ModelEvent::Text(_))) {
            break;
        }
    }
    assert_eq!(purse.spending.today(), Spent::default(), "it is only reserved");
    drop(events);
    assert!(
        (purse.spending.today().usd - 0.5).abs() < 1e-9,
        "{:?}",
        purse.spending.today()
    );
}

#[tokio::test]
async fn what_was_refused_is_free_and_what_was_silent_is_not() {
    let cost = "cost: { input: 1, output: 1 }";
    for fault in [
        Fault::Status(400, "{\"error\": {\"message\": \"no\"}}".to_owned()),
        Fault::Unauthorized,
        Fault::ModelNotFound,
    ] {
        let server = ModelServer::start().await;
        let name = format!("{fault:?}");
        server.fault(fault);
        let purse = Purse::hosted(&server, cost, "");
        assert!(purse.turn().await.end.is_err(), "{name}");
        assert_eq!(purse.spending.today(), Spent::default(), "{name}");
    }
    let purse = Purse::new(
        "far",
        &format!(
            "baseUrl: '{}', zone: 'hosted', models: [{{ id: 'm', {cost} }}]",
            yabby_testkit::dead_url()
        ),
        "",
    );
    assert!(purse.turn().await.end.is_err());
    assert_eq!(purse.spending.today(), Spent::default());
}

#[tokio::test]
async fn a_prompt_that_was_taken_and_not_answered_counts() {
    fast(async {
        let server = ModelServer::start().await;
        server.fault(Fault::HangModelCalls);
        let purse = Purse::hosted(&server, "cost: { input: 1, output: 1 }", "");
        let failure = purse.turn().await.end.unwrap_err();
        let calls = server.model_calls().len() as u64;
        let spent = purse.spending.today().tokens;
        assert!(
            calls > 0 && spent >= calls && spent.is_multiple_of(calls),
            "{calls} {spent} {:?}",
            failure.errors
        );
    })
    .await;
}

/// Each of them alone would fit.
#[tokio::test]
async fn turns_at_once_keep_a_limit_together() {
    let server = ModelServer::start().await;
    server.default_reply(script![sleep_ms(100), text("Hello."), usage(10, 1000)]);
    let purse = Purse::hosted(&server, "cost: { input: 0, output: 100 }", "perDay: { usd: 0.5 }");
    let turns = (0..20).map(|_| purse.turn());
    let ends = tokio::time::timeout(Duration::from_mins(1), futures_util::future::join_all(turns));
    let answered = ends.await.unwrap().iter().filter(|seen| seen.end.is_ok()).count();
    assert_eq!((answered, server.model_calls().len()), (5, 5));
    assert!(
        (purse.spending.today().usd - 0.5).abs() < 1e-9,
        "{:?}",
        purse.spending.today()
    );
    assert_eq!(purse.refused().await.0, ErrorKind::OverBudget);
}
