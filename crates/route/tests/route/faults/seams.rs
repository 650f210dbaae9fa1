//! Answers that break off more than once, in every dialect, with calls, thoughts and letters cut in two: M13.

use serde_json::{Value, json};
use yabby_core::{EndReason, ErrorKind, Message, ModelEvent, ModelRequest, Tool};
use yabby_testkit::{Fault, ModelServer, Reply, ServerKind, script, step::tool_call};

use super::world::{Turn, World, playing, seconds};
use crate::scene::hello;

async fn three() -> [ModelServer; 3] {
    [
        playing(ServerKind::Plain).await,
        playing(ServerKind::Plain).await,
        playing(ServerKind::Plain).await,
    ]
}

/// What an assistant has said by the end of a request.
fn said(server: &ModelServer) -> Vec<Value> {
    let calls = server.model_calls();
    let of_assistant = |call: &yabby_testkit::Recorded| {
        let messages = call.body["messages"].as_array().unwrap().clone();
        messages.into_iter().find(|message| message["role"] == "assistant")
    };
    let said = calls.iter().filter_map(of_assistant);
    said.map(|message| message["content"].clone()).collect()
}

fn with_tool() -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user("2 + 3?")],
        tools: vec![Tool {
            name: "add".to_owned(),
            description: "Adds".to_owned(),
            parameters: json!({"type": "object", "properties": {"a": {"type": "integer"}}}),
        }],
        ..ModelRequest::default()
    }
}

fn calls_given(turn: &Turn) -> usize {
    let is_call = |event: &&ModelEvent| matches!(event, ModelEvent::ToolCall(_));
    turn.events.iter().filter(is_call).count()
}

/// Each goes on behind all that was seen before it, in each of the three APIs.
#[tokio::test]
async fn m13_two_break_off_and_the_third_ends() {
    for api in ["openai-completions", "openai-responses", "anthropic-messages"] {
        let servers = three().await;
        let providers: Vec<String> = (0..3)
            .map(|at| {
                format!(
                    "p{at}: {{ baseUrl: '{}', api: '{api}', models: [{{ id: 'm' }}] }}",
                    servers[at].base_url()
                )
            })
            .collect();
        let world = World::with_config(&format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: ['p1/m', 'p2/m'] }} }} }}, models: {{ providers: {{ {} }} }} }}",
            providers.join(",")
        ));
        servers[0].reply(script![
            text("The first of the sentences. "),
            text("The second of these"),
            rst()
        ]);
        servers[1].reply(script![
            text("The second of"),
            text(" these sentences. "),
            text("And"),
            end()
        ]);
        servers[2].reply(script![text(" the third of the sentences.")]);
        let turn = world.turn(hello()).await;
        assert_eq!(
            turn.whole(),
            "The first of the sentences. The second of these sentences. And the third of the sentences.",
            "{api}"
        );
        assert_eq!(turn.kinds(), [ErrorKind::Interrupted; 2], "{api}");
        assert_eq!(turn.notices.len(), 2, "{api}: {:?}", turn.notices);
        for (notice, next) in turn.notices.iter().zip(["p1/m", "p2/m"]) {
            assert!(
                notice.ends_with(&format!("; {next} goes on from here")),
                "{api}: {notice}"
            );
        }
        for (server, calls) in servers.iter().zip([1, 1, 1]) {
            assert_eq!(server.model_calls().len(), calls, "{api}");
            assert!(server.wait_closed(seconds(5)).await, "{api}");
        }
        let sent = String::from_utf8_lossy(&servers[2].model_calls()[0].raw).into_owned();
        assert!(
            sent.contains("The first of the sentences. The second of these sentences. And"),
            "{api}: {sent}"
        );
        let seen = turn.end.as_ref().unwrap();
        assert_eq!(
            (seen.model.to_string().as_str(), seen.end),
            ("p2/m", EndReason::Stop),
            "{api}"
        );
        assert!(
            ["p0", "p1", "p2"].iter().all(|provider| world.is_closed(provider)),
            "{api}"
        );
    }
}

/// It goes on once, and then it is told with what there is.
#[tokio::test]
async fn m13_the_only_one_breaks_off_twice() {
    let server = playing(ServerKind::Plain).await;
    let world = World::of(&[&server], "");
    server.chat(script![text("One. "), rst()]);
    server.chat(script![text("Two. "), rst()]);
    server.chat("Never asked for.");
    let turn = world.turn(hello()).await;
    let failure = turn.end.as_ref().unwrap_err();
    assert_eq!(
        (failure.partial.as_str(), turn.shown().as_str()),
        ("One. Two. ", "One. Two. ")
    );
    assert_eq!(turn.kinds(), [ErrorKind::Interrupted]);
    assert_eq!(said(&server), ["One. "]);
    assert_eq!(
        (server.model_calls().len(), turn.outcomes()),
        (2, vec!["interrupted".to_owned(); 2])
    );
    assert_eq!(turn.notices.len(), 1, "{:?}", turn.notices);
    assert!(
        turn.notices[0].ends_with("; it is asked to go on from here"),
        "{:?}",
        turn.notices
    );
    assert!(server.wait_closed(seconds(5)).await);
}

/// A call that was whole is not run before the answer is: it would be run again by whoever comes next.
#[tokio::test]
async fn m13_calls_of_an_answer_that_breaks_off_are_not_run() {
    for before in [vec![], script![text("I add. ")].steps().to_vec()] {
        let [server, other, _] = three().await;
        let world = World::of(&[&server, &other], "");
        let call = || tool_call("c", "add", r#"{"a": 2}"#);
        server.chat(Reply::from(
            [before.clone(), script![call(), call(), rst()].steps().to_vec()].concat(),
        ));
        if before.is_empty() {
            // It is asked once more before the next one is, or not; it breaks off each time.
            server.chat(script![call(), rst()]);
        }
        other.chat(script![call()]);
        let turn = world.turn(with_tool()).await;
        let answer = turn.end.as_ref().unwrap();
        assert_eq!((answer.tool_calls.len(), answer.end), (1, EndReason::ToolCalls));
        assert_eq!(calls_given(&turn), 1);
        assert_eq!(answer.model.to_string(), "p1/m");
        assert_eq!(turn.whole(), if before.is_empty() { "" } else { "I add." });
    }
}

/// The model has said that it is done; what comes of the connection afterwards is nobody's concern.
#[tokio::test]
async fn m13_an_answer_that_ends_without_its_last_line_is_complete() {
    for end in [
        script![text("All."), finish("stop"), end()],
        script![text("All."), finish("stop"), close()],
        script![text("All."), finish("stop"), rst()],
    ] {
        let [server, other, _] = three().await;
        let world = World::of(&[&server, &other], "");
        server.chat(end);
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.kinds(), turn.notices.len()), ("All.", vec![], 0));
        assert_eq!((server.model_calls().len(), other.accepted_connections()), (1, 0));
    }
}

/// Nothing but thoughts was there: nobody sees that somebody else begins.
#[tokio::test]
async fn m13_thoughts_that_break_off_are_no_answer() {
    let [server, other, _] = three().await;
    let world = World::of(&[&server, &other], "");
    for _ in 0..2 {
        server.chat(script![reasoning("Let me see. "), text(" \n"), rst()]);
    }
    other.chat("Whole.");
    let turn = world.turn(hello()).await;
    assert_eq!((turn.whole(), turn.kinds()), ("Whole.", vec![ErrorKind::Interrupted]));
    assert_eq!(
        other.model_calls()[0].body["messages"],
        json!([{"role": "user", "content": "Hello?"}])
    );
    let [notice] = turn.notices.clone().try_into().unwrap();
    assert!(notice.ends_with("; trying p1/m"), "{notice}");
}

/// A letter of three bytes whose last one never came.
#[tokio::test]
async fn m13_half_a_letter_is_not_shown() {
    let [server, other, _] = three().await;
    let world = World::of(&[&server, &other], "");
    let frame = |text: &str| {
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": {"content": text}}]})
        )
    };
    let bytes = frame("巴黎是法國的首都，也是").into_bytes();
    let mut half = frame("全").into_bytes();
    let at = half.windows(3).position(|piece| piece == "全".as_bytes()).unwrap();
    half.truncate(at + 2);
    server.chat(script![raw([bytes, half].concat()), rst()]);
    other.chat(script![text("也是全國"), text("最大的城市。")]);
    let turn = world.turn(hello()).await;
    // A repetition of two letters may be chance, and is shown.
    assert_eq!(turn.whole(), "巴黎是法國的首都，也是也是全國最大的城市。");
    other.fault_once(Fault::Fragment(1));
    server.chat(script![text("巴黎是法國的首都，也是"), rst()]);
    other.chat("巴黎是法國的首都，也是全國最大的城市。");
    assert_eq!(
        world.turn(hello()).await.whole(),
        "巴黎是法國的首都，也是全國最大的城市。"
    );
}

/// What the first one would have said next comes from the second, though it was asked beside the first.
#[tokio::test]
async fn m13_the_winner_of_two_breaks_off() {
    crate::live::clock::fast(async {
        let [slow, quick, third] = three().await;
        let world = World::of(&[&slow, &quick, &third], "route: { hedgeAfter: 2 }");
        slow.chat(script![sleep_ms(60_000), text("Slow.")]);
        quick.chat(script![sleep_ms(500), text("Quick and"), sleep_ms(500), rst()]);
        third.chat(" whole.");
        let turn = world.turn(hello()).await;
        assert_eq!(turn.whole(), "Quick and whole.");
        assert!(slow.wait_closed(seconds(1)).await && slow.model_calls()[0].closed_early);
        let calls = [&slow, &quick, &third].map(|server| server.model_calls().len());
        assert_eq!(calls, [1, 1, 1]);
        assert!(turn.took < seconds(5), "{:?}", turn.took);
    })
    .await;
}
