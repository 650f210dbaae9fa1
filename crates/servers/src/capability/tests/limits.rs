//! Servers that hang, load or refuse, and the time that all may take.

use super::*;

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    for fault in [Fault::HangAllPaths, Fault::AcceptAndHang, Fault::HangModelCalls] {
        let server = played(Played::Plain).await;
        server.fault(fault.clone());
        let limit = Duration::from_secs(3);
        let start = std::time::Instant::now();
        let result = tried(&near(&server), &Capability::ALL, limit).await;
        // The limit itself, and whatever a busy machine adds.
        assert!(
            start.elapsed() < limit + Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
        let outcomes: Vec<Outcome> = result
            .findings
            .iter()
            .map(|finding| finding.verdict.outcome())
            .collect();
        let mut expected = [Outcome::Skipped; 8];
        expected[0] = Outcome::Fails;
        assert_eq!(outcomes, expected, "{fault:?}");
        assert!(
            lines(&result)[0].starts_with("Fails Answer: no answer within"),
            "{result:?}"
        );
        assert!(lines(&result)[7].ends_with(": the model does not answer"), "{result:?}");
        assert!(
            server.wait_closed(Duration::from_secs(20)).await,
            "a connection was left open"
        );
    }
}

#[tokio::test]
async fn what_hangs_later_is_skipped_and_the_rest_is_tried() {
    let server = played(Played::Plain).await;
    server.chat("Paris.");
    server.chat(script![text("1"), hang()]);
    server.chat(r#"{"colour": "blue", "stars": true}"#);
    let tests = [Capability::Answer, Capability::Stream, Capability::JsonSchema];
    let result = tried(&near(&server), &tests, Duration::from_secs(4)).await;
    let outcomes: Vec<Outcome> = result
        .findings
        .iter()
        .map(|finding| finding.verdict.outcome())
        .collect();
    assert_eq!(outcomes, [Outcome::Works, Outcome::Skipped, Outcome::Works]);
    assert!(
        lines(&result)[1].starts_with("Skipped Stream: not done within"),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_asked_once() {
    let server = played(Played::Plain).await;
    server.fault(Fault::Unauthorized);
    let result = tried(&near(&server), &Capability::ALL, LONG).await;
    let outcomes: Vec<Outcome> = result
        .findings
        .iter()
        .map(|finding| finding.verdict.outcome())
        .collect();
    let mut expected = [Outcome::Skipped; 8];
    expected[0] = Outcome::Fails;
    assert_eq!((outcomes, server.model_calls().len()), (expected.to_vec(), 1));
    assert!(result.findings[0].fix.is_some());
}

#[tokio::test]
async fn a_refusal_of_one_thing_is_that_things_failure() {
    let server = played(Played::LlamaCpp { window: 4096, slots: 2 }).await;
    server.fault(Fault::Refuses(Refusal::Field("response_format".to_owned())));
    let tests = [Capability::Answer, Capability::JsonSchema, Capability::Stream];
    server.chat("Paris.");
    server.chat(script![text("1"), text(",")]);
    let result = tried(&near(&server), &tests, LONG).await;
    let outcomes: Vec<Outcome> = result
        .findings
        .iter()
        .map(|finding| finding.verdict.outcome())
        .collect();
    assert_eq!(outcomes, [Outcome::Works, Outcome::Fails, Outcome::Works]);
    // The schema was not left out, which would have looked like an answer.
    assert_eq!(server.model_calls().len(), 3);
}

#[tokio::test]
async fn what_any_question_would_be_spared_is_left_out_of_all() {
    let server = played(Played::Plain).await;
    server.fault(Fault::Refuses(Refusal::Field("temperature".to_owned())));
    let endpoint = near(&server);
    let tests = [Capability::Answer, Capability::Stream];
    let result = tried(&endpoint, &tests, LONG).await;
    assert_eq!(result.findings[0].verdict, Verdict::Works);
    let sent: Vec<bool> = server
        .model_calls()
        .iter()
        .map(|call| call.body.get("temperature").is_some())
        .collect();
    assert_eq!(sent, [true, false, false]);
    // The endpoint itself has learned nothing: it will find out when it is used.
    assert_eq!(
        endpoint.quirks_of(MODEL, &yabby_core::ModelRequest::default()),
        near(&server).quirks_of(MODEL, &yabby_core::ModelRequest::default())
    );
}

#[tokio::test]
async fn a_model_that_is_being_loaded_is_waited_for() {
    let server = played(Played::LlamaCpp { window: 4096, slots: 1 }).await;
    server.fault(Fault::LoadingFor(3));
    let result = tried(&near(&server), &[Capability::Answer], LONG).await;
    assert_eq!(result.findings[0].verdict, Verdict::Works);
}

#[tokio::test]
async fn leaving_closes_the_connections() {
    let server = played(Played::Plain).await;
    server.default_reply(script![text("1"), hang()]);
    let (http, endpoint, none) = (Http::default(), near(&server), Map::new());
    {
        let mut tell = |_: &Finding| {};
        let run = try_out(&http, &endpoint, MODEL, &none, &[Capability::Parallel], LONG, &mut tell);
        let mut run = Box::pin(run);
        tokio::select! {
            _ = &mut run => panic!("it hangs"),
            _ = server.wait_for(|log| log.iter().filter(|request| request.path.ends_with("completions")).count() == 2) => {}
        }
        assert!(server.open_connections() >= 2);
    }
    assert!(server.wait_closed(Duration::from_secs(20)).await);
}

#[test]
fn the_time_is_divided_and_what_is_left_goes_on() {
    let all = Capability::ALL;
    let minute = Duration::from_mins(1);
    // Nobody gets more than what is left, and together it is no more than that, however much each one takes.
    let mut left = minute;
    for place in 0..all.len() {
        let share = share(left, &all[place..]);
        assert!(
            share > Duration::from_secs(2) && share <= left,
            "{:?} {share:?}",
            all[place]
        );
        left -= share;
    }
    assert!(left < Duration::from_millis(1), "{left:?}");
    assert!(share(minute, &all) > Duration::from_secs(25));
    assert_eq!(share(minute, &[Capability::Tools]), minute);
    assert_eq!(share(Duration::ZERO, &all), Duration::ZERO);
    assert_eq!(share(minute, &[]), Duration::ZERO);
}
