//! The API of the page, on a gateway as a person starts it.

use std::fs;

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, script};

use crate::{client::Served, home::Home};

fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    (server, home)
}

#[test]
fn a_message_is_answered_live_and_kept() {
    let (server, home) = desk();
    server.chat(script![text("Hel"), sleep_ms(600), text("lo.")]);
    let served = Served::start(&home);
    let mut events = served.events();
    assert_eq!(events.next(&["hello"])["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(events.next(&["snapshot"])["turn"], json!(null));
    served.say("m1", "hello");
    // Sent again, as after a connection that broke off, it is taken once.
    served.say("m1", "hello");
    assert_eq!(events.next(&["text"])["delta"], "Hel");
    // Whoever comes in the middle sees what was before, and then the rest.
    let mut late = served.events();
    let snapshot = late.next(&["snapshot"]);
    assert_eq!(snapshot["turn"]["text"], "Hel");
    assert_eq!(late.next(&["text", "ended"])["delta"], "lo.");
    events.next(&["ended"]);
    late.next(&["ended"]);
    // At the end of a turn, all of it is written.
    assert_eq!(served.entries(), ["user: hello", "assistant: Hello."]);
    let list = served.get("/api/conversations");
    let first = &list["conversations"][0];
    assert_eq!(
        (&first["key"], &first["title"], &first["running"], &list["more"]),
        (&json!("agent:main:main"), &json!("hello"), &json!(false), &json!(false))
    );
    let found = served.get("/api/conversations?search=hello");
    assert_eq!(found["conversations"][0]["key"], "agent:main:main");
    assert_eq!(server.model_calls().len(), 1);
}

#[test]
fn a_command_is_answered_and_a_message_can_be_said_in_other_words() {
    let (server, home) = desk();
    server.chat("One.");
    server.chat("Two.");
    let served = Served::start(&home);
    let mut events = served.events();
    served.say("m1", "zebra");
    events.next(&["ended"]);
    served.say("m2", "/think high");
    events.next(&["ended"]);
    let entries = served.entries();
    assert_eq!(entries[..2], ["user: zebra", "assistant: One."]);
    assert!(entries[2].starts_with("notice: "), "{entries:?}");
    let whole = served.get("/api/conversations/agent%3Amain%3Amain/entries");
    let seq = whole["entries"][0]["seq"].as_u64().unwrap();
    assert!(whole["entries"][2]["words"]["zh-TW"].is_string());
    let edit = json!({"id": "m3", "seq": seq, "text": "second"});
    let (status, answer) = served.call("POST", "/api/conversations/agent%3Amain%3Amain/edit", Some(&edit));
    assert_eq!(status, 202, "{answer}");
    events.next(&["ended"]);
    assert_eq!(served.entries(), ["user: second", "assistant: Two."]);
    let calls = server.model_calls();
    assert!(!calls[1].body["messages"].to_string().contains("zebra"));
    // A place that is none changes nothing.
    let wrong = json!({"id": "m4", "seq": 9_999, "text": "third"});
    let (status, answer) = served.call("POST", "/api/conversations/agent%3Amain%3Amain/edit", Some(&wrong));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_request")));
    assert_eq!(served.entries(), ["user: second", "assistant: Two."]);
}

#[test]
fn who_comes_back_reads_only_what_is_new() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let mut events = served.events();
    let mut ask = |n: usize| {
        server.chat(format!("{n}.").as_str());
        served.say(&format!("m{n}"), &format!("number {n}"));
        events.next(&["ended"]);
    };
    ask(1);
    let path = "/api/conversations/agent%3Amain%3Amain/entries";
    let known = served.get(path);
    let (session, seq) = (
        known["session"].as_str().unwrap(),
        known["entries"][1]["seq"].as_u64().unwrap(),
    );
    let texts = |answer: &Value| -> Vec<String> {
        let entries = answer["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let after =
        |session: &str, limit: usize| served.get(&format!("{path}?after={seq}&session={session}&limit={limit}"));
    assert_eq!(
        (texts(&after(session, 9)), &after(session, 9)["more"]),
        (vec![], &json!(false))
    );
    ask(2);
    ask(3);
    assert_eq!(texts(&after(session, 9)), ["number 2", "2.", "number 3", "3."]);
    // Entry by entry, and what nobody is shown between them.
    let (mut walked, mut last) = (Vec::new(), known["last"].as_u64().unwrap());
    loop {
        let answer = served.get(&format!("{path}?after={last}&session={session}&limit=1"));
        walked.extend(texts(&answer));
        if answer["more"] == false {
            break;
        }
        assert_eq!(
            (&answer["first"], &answer["last"]),
            (&json!(last + 1), &json!(last + 1))
        );
        last += 1;
    }
    assert_eq!(walked, ["number 2", "2.", "number 3", "3."]);
    let first = after(session, 3);
    assert_eq!(
        (&texts(&first)[0], &first["more"]),
        (&"number 2".to_owned(), &json!(true))
    );
    // Of another session, all of the present one is new.
    let all = after("another", 9);
    assert_eq!((texts(&all).len(), &all["session"]), (6, &json!(session)));
    let (status, answer) = served.call("GET", &format!("{path}?after={seq}"), None);
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_request")));
}

#[test]
fn a_question_is_a_card_and_its_answer_goes_on() {
    let (server, home) = desk();
    server.chat(script![tool_call("c1", "exec", r#"{"command":"echo marmalade"}"#)]);
    server.chat("It said marmalade.");
    let served = Served::start(&home);
    let mut events = served.events();
    served.say("m1", "run it");
    let asked = events.next(&["asked"]);
    let id = asked["approval"]["id"].as_str().unwrap().to_owned();
    assert!(
        asked["approval"]["question"]["en"]
            .as_str()
            .unwrap()
            .contains("echo marmalade")
    );
    events.next(&["ended"]);
    let open = served.get("/api/approvals");
    assert_eq!((open.as_array().unwrap().len(), &open[0]["id"]), (1, &json!(id)));
    let (status, answer) = served.call("POST", &format!("/api/approvals/{id}"), Some(&json!({"approve": true})));
    assert_eq!(status, 202, "{answer}");
    events.next(&["ended"]);
    let (status, answer) = served.call(
        "POST",
        &format!("/api/approvals/{id}"),
        Some(&json!({"approve": false})),
    );
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("answered")));
    assert_eq!(served.get("/api/approvals"), json!([]));
    let result = server.model_calls()[1].body["messages"].to_string();
    assert!(result.contains("marmalade"), "{result}");
}

/// What the page reads when it is opened later.
#[test]
fn what_was_denied_is_kept_as_that() {
    let (server, home) = desk();
    server.chat(script![tool_call("c1", "exec", r#"{"command":"echo marmalade"}"#)]);
    server.chat("I would have said marmalade.");
    let served = Served::start(&home);
    let mut events = served.events();
    served.say("m1", "run it");
    let asked = events.next(&["asked"]);
    events.next(&["ended"]);
    let path = format!("/api/approvals/{}", asked["approval"]["id"].as_str().unwrap());
    assert_eq!(served.call("POST", &path, Some(&json!({"approve": false}))).0, 202);
    let entries = || {
        let read = served.get("/api/conversations/agent%3Amain%3Amain/entries");
        read["entries"].as_array().unwrap().clone()
    };
    served.until(
        || entries().last().unwrap()["kind"] == "assistant",
        "the answer to that",
    );
    let result = entries().into_iter().find(|entry| entry["kind"] == "tool").unwrap();
    assert_eq!(result["state"], "denied");
    // Also at the end of a page, behind which that stands.
    let path = "/api/conversations/agent%3Amain%3Amain/entries";
    let (seq, session) = (result["seq"].as_u64().unwrap(), served.get(path)["session"].clone());
    for part in [
        format!("after={}&session={}", seq - 1, session.as_str().unwrap()),
        format!("before={}", seq + 1),
    ] {
        let read = served.get(&format!("{path}?{part}&limit=1"));
        assert_eq!(read["entries"], json!([result]), "{part}");
    }
}

#[test]
fn what_was_stopped_is_kept_as_that() {
    let (server, home) = desk();
    server.chat(script![text("On and "), hang()]);
    let served = Served::start(&home);
    let mut events = served.events();
    served.say("m2", "endless?");
    events.next(&["text"]);
    let entries = || {
        let read = served.get("/api/conversations/agent%3Amain%3Amain/entries");
        read["entries"].as_array().unwrap().clone()
    };
    served.say("m3", "/stop");
    served.until(|| server.busy() == 0, "the end of the answer");
    let last = || entries().into_iter().rev().take(2).collect::<Vec<_>>();
    served.until(
        || last()[0]["kind"] == "notice" && last()[1]["text"] == "On and",
        "what was stopped",
    );
    // What the model reads of it is in its own words.
    assert_eq!(last()[0]["words"], json!({"en": "stopped", "zh-TW": "已停止"}));
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let (_server, home) = desk();
    let served = Served::start(&home);
    let told = [
        ("GET", "/api/conversations/nothing", None),
        ("GET", "/api/nothing", None),
        ("GET", "/api/conversations?before=x", None),
        ("POST", "/api/conversations", Some(json!({"agent": "nobody"}))),
        (
            "POST",
            "/api/conversations/agent%3Amain%3Amain/messages",
            Some(json!({"id": "1", "text": " "})),
        ),
        (
            "POST",
            "/api/conversations/agent%3Amain%3Amain/messages",
            Some(json!({"text": "x"})),
        ),
        ("POST", "/api/approvals/none", Some(json!({"approve": true}))),
    ];
    let told: Vec<String> = told
        .iter()
        .map(|(method, path, body)| {
            let (status, answer) = served.call(method, path, body.as_ref());
            let error = &answer["error"];
            format!("{status} {} {} | {}", error["code"], error["message"], error["hint"])
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn keys_are_made_and_taken_back_and_give_no_more_than_their_maker_has() {
    let (_server, home) = desk();
    let mut served = Served::start(&home);
    let wanted = json!({"name": "laptop", "models": ["box/*"], "days": 30, "operate": true});
    let (status, made) = served.call("POST", "/api/keys", Some(&wanted));
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let list = served.get("/api/keys");
    assert_eq!(
        (&list[0]["id"], &list[0]["scopes"]["models"], &list[0]["key"]),
        (&json!(id), &json!(["box/*"]), &json!(null))
    );
    let owner = std::mem::replace(&mut served.key, made["key"].as_str().unwrap().to_owned());
    let until = |served: &Served, wanted: u16| {
        let there = |_: &i32| served.call("GET", "/api/me", None).0 == wanted;
        assert!(
            (0..100)
                .inspect(|_| std::thread::sleep(std::time::Duration::from_millis(20)))
                .any(|n| there(&n))
        );
    };
    until(&served, 200);
    let (status, refused) = served.call("POST", "/api/keys", Some(&json!({"name": "more"})));
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("scope_not_allowed")));
    let taken = std::mem::replace(&mut served.key, owner);
    assert_eq!(served.call("DELETE", &format!("/api/keys/{id}"), None).0, 200);
    assert_eq!(served.call("DELETE", "/api/keys/none", None).0, 404);
    assert_eq!(served.get("/api/keys"), json!([]));
    served.key = taken;
    until(&served, 401);
}
