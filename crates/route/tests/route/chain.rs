//! A chain on the way to an answer: two at once, two windows, where data may go, what is told and when.

use std::{sync::Arc, time::Duration};

use yabby_config::{Environment, load_text};
use yabby_core::{Attempt, ErrorKind, Message, ModelRef, ModelRequest, Outcome, Zone, ZoneRule};
use yabby_route::{PlanError, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http};
use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url, script};

use crate::{
    live::clock::fast,
    scene::{Process, Seen, hello, upkeep},
};

fn rule(zones: &[Zone], ask: bool) -> ZoneRule {
    ZoneRule {
        zones: zones.iter().cloned().collect(),
        from: "the test".to_owned(),
        ask,
    }
}

#[tokio::test]
async fn the_next_one_is_asked_beside_one_that_is_silent() {
    fast(async {
        let (slow, quick) = (ModelServer::start().await, ModelServer::start().await);
        let process = Process::of(&[&slow, &quick], "route: { hedgeAfter: 3 }");
        slow.chat(script![sleep_ms(9_000), text("Slow.")]);
        quick.chat(script![reasoning("Hm."), sleep_ms(1_000), text("Quick.")]);
        let seen = process.turn(hello()).await;
        assert_eq!((seen.text(), seen.shown().as_str()), ("Quick.", "Quick."));
        assert_eq!(seen.tried, ["p0/m", "p1/m"]);
        assert_eq!(seen.outcomes(), ["outrun", "answered"]);
        assert!(slow.wait_closed(Duration::from_secs(5)).await);
        assert!(slow.model_calls()[0].closed_early);

        // The first one answers after all, before the other one.
        slow.chat(script![sleep_ms(4_000), text("Slow.")]);
        quick.chat(script![sleep_ms(9_000), text("Quick.")]);
        let seen = process.turn(hello()).await;
        assert_eq!(
            (seen.text(), seen.outcomes()),
            ("Slow.", vec!["outrun".to_owned(), "answered".to_owned()])
        );

        // Nobody waits for this.
        slow.chat(script![sleep_ms(4_000), text("Slow.")]);
        let seen = process.turn_of(upkeep(), hello()).await;
        assert_eq!((seen.text(), seen.tried.len()), ("Slow.", 1));
    })
    .await;
}

#[tokio::test]
async fn without_being_told_to_nobody_is_asked_beside_another() {
    fast(async {
        let (slow, quick) = (ModelServer::start().await, ModelServer::start().await);
        let process = Process::of(&[&slow, &quick], "");
        slow.chat(script![sleep_ms(9_000), text("Slow.")]);
        assert_eq!(process.turn(hello()).await.text(), "Slow.");
        assert_eq!(quick.accepted_connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_fallback_with_a_smaller_window_gets_what_fits() {
    let small = ModelServer::start().await;
    small.kind(ServerKind::LlamaCpp { window: 512, slots: 1 });
    let process = Process::new(&[dead_url(), small.base_url()], "");
    let endpoint = process.fleet.endpoint("p1").unwrap();
    endpoint
        .refresh(&Http::default(), Duration::ZERO, Duration::from_secs(4))
        .await;
    let long = "The quick brown fox jumps over the lazy dog, again and again and again. ".repeat(12);
    let request = ModelRequest {
        messages: vec![
            Message::user(long.clone()),
            Message::assistant("One."),
            Message::user(long),
            Message::assistant("Two."),
            Message::user("And now?"),
        ],
        ..ModelRequest::default()
    };
    let seen = process.turn(request.clone()).await;
    assert_eq!(seen.text(), "ok");
    let sent = &small.model_calls()[0].body["messages"];
    assert_eq!(sent.as_array().unwrap().last().unwrap()["content"], "And now?");
    assert!(sent.as_array().unwrap().len() < 5, "{sent}");
    assert_eq!(
        seen.notices[1],
        "the conversation does not fit the window of p1/m (384 tokens of input); its beginning is left out for this answer"
    );
    // What cannot be made to fit is not sent.
    let huge = ModelRequest {
        messages: vec![Message::user("word ".repeat(4000))],
        ..ModelRequest::default()
    };
    let before = small.model_calls().len();
    let failure = process.turn(huge).await.end.unwrap_err();
    let kinds: Vec<ErrorKind> = failure.errors.iter().map(|(_, error)| error.kind).collect();
    assert_eq!(kinds.last(), Some(&ErrorKind::ContextOverflow));
    assert_eq!(small.model_calls().len(), before);
}

#[tokio::test]
async fn the_number_in_a_refusal_is_learned_and_the_rest_sent_once_more() {
    let server = ModelServer::start().await;
    server.fault_once(Fault::Overflow {
        dialect: yabby_testkit::Dialect::LlamaCpp,
        prompt: 9000,
        window: 512,
    });
    let process = Process::of(&[&server], "");
    let long = "The quick brown fox jumps over the lazy dog, again and again and again. ".repeat(20);
    let request = ModelRequest {
        messages: vec![
            Message::user(long),
            Message::assistant("One."),
            Message::user("And now?"),
        ],
        ..ModelRequest::default()
    };
    let seen = process.turn(request).await;
    assert_eq!(
        (seen.text(), seen.outcomes()),
        ("ok", vec!["context_overflow".to_owned(), "answered".to_owned()])
    );
    assert_eq!(server.model_calls()[1].body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn data_does_not_leave_its_zone() {
    let (inside, outside) = (ModelServer::start().await, ModelServer::start().await);
    let process = Process::of(&[&outside, &inside], "");
    let mut far = process.plan(&Wanted::default()).unwrap();
    // As it would be for a server elsewhere.
    far.candidates[0].endpoint.zone = Some(Zone::Region("us".to_owned()));
    far.zones = far.zones.with(rule(&[Zone::Lan, Zone::Region("eu".to_owned())], false));
    let seen = Seen::of(process.router.answer(far.clone(), hello())).await;
    assert_eq!(
        (seen.text(), seen.tried.as_slice()),
        ("ok", ["p1/m".to_owned()].as_slice())
    );
    inside.stop().await;
    far.candidates.truncate(1);
    let failure = Seen::of(process.router.answer(far, hello())).await.end.unwrap_err();
    let (_, error) = &failure.errors[0];
    assert_eq!(
        (error.kind, error.message.english().as_str()),
        (
            ErrorKind::OutOfZone,
            "it is not asked: its zone is region:us, and the test allows lan, region:eu"
        )
    );
    assert_eq!(outside.accepted_connections(), 0, "it was contacted");
}

#[tokio::test]
async fn a_plan_leaves_out_what_is_outside_unless_the_person_makes_an_exception() {
    let server = ModelServer::start().await;
    let process = Process::of(&[&server], "");
    let model: ModelRef = "p0/m".parse().unwrap();
    let excepted = [model.clone()];
    for (ask, exceptions, open) in [
        (false, &[] as &[ModelRef], false),
        (true, &[], false),
        (false, &excepted, false),
        (true, &excepted, true),
    ] {
        let wanted = Wanted {
            rules: vec![rule(&[], ask)],
            exceptions,
            ..Wanted::default()
        };
        match process.plan(&wanted) {
            Ok(plan) => {
                assert!(open, "{ask} {exceptions:?}");
                assert_eq!(Seen::of(process.router.answer(plan, hello())).await.text(), "ok");
            }
            Err(PlanError::OutOfZone { zone, rule, .. }) => {
                assert!(!open, "{ask} {exceptions:?}");
                assert_eq!((zone, rule.from.as_str()), (Zone::Machine, "the test"));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_fallback_is_told_once_and_the_return_too() {
    let primary = ModelServer::start().await;
    let fallback = ModelServer::start().await;
    let process = Process::of(&[&primary, &fallback], "");
    assert_eq!(process.turn(hello()).await.notices, [] as [&str; 0]);
    let addr = primary.stop().await;
    let told = process.turn(hello()).await;
    assert_eq!(told.notices.len(), 1, "{:?}", told.notices);
    assert!(told.notices[0].ends_with("trying p1/m"), "{:?}", told.notices);
    assert_eq!(process.turn(hello()).await.notices, [] as [&str; 0]);
    let primary = ModelServer::start_at(addr).await;
    // It is due after the first interval of its breaker.
    let again = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let seen = process.turn(hello()).await;
            if seen.end.as_ref().unwrap().model.provider() == "p0" {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    assert_eq!(again.await.unwrap().notices, ["p0/m answers again"]);
    drop(primary);
}

/// The time of a whole turn, and what is kept of it for the last.
#[tokio::test]
async fn a_turn_has_its_time_and_the_last_one_its_part() {
    fast(async {
        let (hanging, last) = (ModelServer::start().await, ModelServer::start().await);
        hanging.fault(Fault::HangModelCalls);
        last.chat(script![sleep_ms(20_000), text("At last.")]);
        let mut process = Process::of(&[&hanging, &last], "");
        process.config.agents.defaults.timeout = Some(Duration::from_mins(1));
        process.router = Router::new(&Http::default(), &process.config);
        let seen = process.turn(hello()).await;
        assert_eq!(
            (seen.text(), seen.outcomes()),
            ("At last.", vec!["timeout".to_owned(), "answered".to_owned()])
        );
        let attempts: Vec<Attempt> = seen.end.unwrap().attempts;
        assert!(
            (29_000..31_000).contains(&attempts[0].total_ms),
            "{}",
            attempts[0].total_ms
        );
        assert!(matches!(attempts[0].outcome, Outcome::Failed { .. }));
        assert_eq!(attempts[0].decision.as_deref(), Some("next"));
    })
    .await;
}

/// Whoever owns the conversation says what may go.
#[tokio::test]
async fn the_owner_of_a_conversation_makes_it_fit() {
    struct Never;
    impl yabby_route::Refit for Never {
        fn refit(&self, _: &ModelRequest, _: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest> {
            None
        }
    }
    let small = ModelServer::start().await;
    small.kind(ServerKind::LlamaCpp { window: 256, slots: 1 });
    let process = Process::of(&[&small], "");
    let endpoint = process.fleet.endpoint("p0").unwrap();
    endpoint
        .refresh(&Http::default(), Duration::ZERO, Duration::from_secs(4))
        .await;
    let router = process.router.clone().with_refit(Arc::new(Never));
    let request = ModelRequest {
        messages: vec![
            Message::user("word ".repeat(900)),
            Message::assistant("One."),
            Message::user("Two?"),
        ],
        ..ModelRequest::default()
    };
    let plan = process.plan(&Wanted::default()).unwrap();
    let failure = Seen::of(router.answer(plan, request)).await.end.unwrap_err();
    assert_eq!(failure.errors[0].1.kind, ErrorKind::ContextOverflow);
    assert_eq!(small.model_calls().len(), 0);
}

/// A model of one's own that is off, and a hosted one with its price.
async fn with_hosted(more: &str) -> (ModelServer, Process) {
    let hosted = ModelServer::start().await;
    let text = format!(
        "{{ agents: {{ defaults: {{ model: {{ primary: 'own/m', fallbacks: ['far/m'] }} }} }}, models: {{ providers: {{
            own: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }},
            far: {{ baseUrl: '{}', zone: 'hosted', models: [{{ id: 'm', cost: {{ input: 3, output: 15, cacheRead: 0.3 }} }}] }}
         }} }}, {more} }}",
        dead_url(),
        hosted.base_url()
    );
    let loaded = load_text(&text, &Environment::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let process = Process {
        fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
        router: Router::new(&Http::default(), &loaded.config),
        config: loaded.config,
    };
    (hosted, process)
}

#[tokio::test]
async fn what_a_hosted_model_costs_is_told_and_counted() {
    let (hosted, process) = with_hosted("").await;
    hosted.chat(script![text("Hello."), usage_cached(1000, 200, 400)]);
    let seen = process.turn(hello()).await;
    let told = "far/m is hosted: this answer cost about $0.0049, today $0.0049";
    assert_eq!(seen.notices.last().map(String::as_str), Some(told));
    let answer = seen.end.unwrap();
    assert!((answer.cost.unwrap() - 0.00492).abs() < 1e-9, "{:?}", answer.cost);
    assert_eq!(answer.attempts.last().unwrap().cost, answer.cost);
    // A stream that breaks off has a price too: the prompt was read.
    hosted.chat(script![text("Half"), rst()]);
    hosted.chat(script![rst()]);
    hosted.chat(script![rst()]);
    let seen = process.turn(hello()).await;
    let attempts = seen.end.unwrap_err().attempts;
    let broken = attempts.iter().find(|attempt| attempt.bytes > 0).unwrap();
    assert!(broken.cost.is_some_and(|cost| cost > 0.0), "{broken:?}");
}

#[tokio::test]
async fn a_limit_is_kept_and_told() {
    let (hosted, process) =
        with_hosted("route: { budget: { perDay: { usd: 0.004 }, perSession: { tokens: 5000 } } }").await;
    hosted.chat(script![text("Hello."), usage_cached(1000, 200, 400)]);
    assert_eq!(process.turn(hello()).await.text(), "Hello.");
    let calls = hosted.model_calls().len();
    let failure = process.turn(hello()).await.end.unwrap_err();
    let (_, error) = failure.errors.last().unwrap();
    assert_eq!(
        (error.kind, error.message.english().as_str()),
        (
            ErrorKind::OverBudget,
            "it is not asked: route.budget.perDay.usd allows $0.0040, and $0.0049 are spent"
        )
    );
    assert_eq!(hosted.model_calls().len(), calls, "it was asked");
    // A prompt that alone is more than a session may have.
    let (hosted, process) = with_hosted("route: { budget: { perSession: { tokens: 100 } } }").await;
    let long = ModelRequest {
        messages: vec![Message::user("word ".repeat(500))],
        ..ModelRequest::default()
    };
    let failure = process.turn(long).await.end.unwrap_err();
    assert_eq!(failure.errors.last().unwrap().1.kind, ErrorKind::OverBudget);
    assert_eq!(hosted.model_calls().len(), 0);
}

/// One that does not take words that are put into its mouth is asked to go on.
#[tokio::test]
async fn who_refuses_to_go_on_from_words_is_asked_to() {
    let first = ModelServer::start().await;
    let second = ModelServer::start().await;
    second.kind(ServerKind::Anthropic);
    second.models(&["m"]);
    let text = format!(
        "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: ['p1/m'] }} }} }}, models: {{ providers: {{
            p0: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }},
            p1: {{ baseUrl: '{}', api: 'anthropic-messages', apiKey: 'k', models: [{{ id: 'm' }}] }} }} }} }}",
        first.base_url(),
        second.base_url()
    );
    let loaded = load_text(&text, &Environment::default());
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    let router = Router::new(&Http::default(), &loaded.config);
    first.chat(script![text("The capital of France"), rst()]);
    let refusal = r#"{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill. The conversation must end with a user message."}}"#;
    second.fault_once(Fault::Status(400, refusal.to_owned()));
    second.messages(script![text("is Paris."), finish("stop")]);
    let planned = plan(&loaded.config, &fleet, &Wanted::default()).unwrap();
    let seen = Seen::of(router.answer(planned, hello())).await;
    assert_eq!(seen.text(), "The capital of France is Paris.");
    let calls = second.model_calls();
    let roles = |call: usize| -> Vec<String> {
        let messages = calls[call].body["messages"].as_array().unwrap();
        messages
            .iter()
            .map(|message| message["role"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(roles(0).last().unwrap(), "assistant");
    assert_eq!(roles(1).last().unwrap(), "user");
}
