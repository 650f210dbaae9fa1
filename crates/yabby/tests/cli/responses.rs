//! Responses of the assistant that are asked for again, and what is counted for it.

use std::{fs, io::Read as _, net::TcpStream, thread, time::Duration};

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind, script};

use crate::{client::Served, home::Home};

const PATH: &str = "/v1/responses";

fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    (server, home)
}

fn respond(served: &Served, more: &Value) -> Value {
    let mut body = json!({"model": "yabby", "input": "hi"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, response) = served.call("POST", PATH, Some(&body));
    assert_eq!(status, 200, "{response}");
    response
}

fn at(response: &Value) -> String {
    format!("{PATH}/{}", response["id"].as_str().unwrap())
}

/// The response once it is like this.
fn until(served: &Served, path: &str, status: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..500 {
        last = served.get(path);
        if last["status"] == status {
            return last;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never {status}: {last}");
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

/// Reads a stream until something is in it; what was read.
fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "no {wanted} in {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// The id in the first event of a stream.
fn id_in(seen: &str) -> String {
    let id = seen.split_once("\"id\":\"").unwrap().1;
    id.split_once('"').unwrap().0.to_owned()
}

/// A key with the scope `operate`.
fn another(home: &Home, served: &mut Served) {
    let made = home.run(&["keys", "add", "--json", "--name", "a", "--operate"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    made["key"].as_str().unwrap().clone_into(&mut served.key);
    // The gateway hears of a new key within half a second.
    for _ in 0..100 {
        if served.call("GET", "/api/me", None).0 == 200 {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the key never counted");
}

#[test]
fn a_response_is_kept_until_it_is_deleted() {
    let (server, home) = desk();
    server.chat("Hello.");
    let served = Served::start(&home);
    let input = json!([
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes?"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "the weather"}]},
    ]);
    let response = respond(
        &served,
        &json!({"input": input, "metadata": {"a": "b"}, "instructions": "Be short."}),
    );
    assert_eq!(
        (&response["status"], &response["output"][0]["content"][0]["text"]),
        (&json!("completed"), &json!("Hello."))
    );
    let path = at(&response);
    assert_eq!(served.get(&path), response);
    let items = served.get(&format!("{path}/input_items?order=asc"));
    let text = |item: &Value| item["content"][0]["text"].as_str().unwrap().to_owned();
    let texts: Vec<String> = items["data"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(
        (texts.join(", "), &items["has_more"], &items["object"]),
        ("hi, yes?, the weather".to_owned(), &json!(false), &json!("list"))
    );
    let first = served.get(&format!("{path}/input_items?limit=1"));
    assert_eq!(
        (&first["data"][0]["content"][0]["text"], &first["has_more"]),
        (&json!("the weather"), &json!(true))
    );
    let after = first["last_id"].as_str().unwrap();
    let rest = served.get(&format!("{path}/input_items?after={after}"));
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (2, &json!(false))
    );
    let streamed = served.call("GET", &format!("{path}?stream=true"), None);
    assert_eq!(code(&streamed), (400, "unsupported_value"));
    // What is over is not cancelled any more.
    let (status, cancelled) = served.call("POST", &format!("{path}/cancel"), None);
    assert_eq!((status, &cancelled), (200, &response));
    let (status, deleted) = served.call("DELETE", &path, None);
    assert_eq!(
        (status, deleted),
        (
            200,
            json!({"id": response["id"], "object": "response", "deleted": true})
        )
    );
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
    ] {
        assert_eq!(code(&served.call(method, &path, None)), (404, "response_not_found"));
    }
    // What was said stays in its conversation.
    assert_eq!(
        served.get("/api/conversations")["conversations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let unkept = respond(&served, &json!({"store": false}));
    assert_eq!(
        code(&served.call("GET", &at(&unkept), None)),
        (404, "response_not_found")
    );
}

#[test]
fn a_response_is_its_keys_and_the_owners() {
    let (_server, home) = desk();
    let mut served = Served::start(&home);
    let owner = served.key.clone();
    let of_owner = respond(&served, &json!({}));
    another(&home, &mut served);
    let of_first = respond(&served, &json!({}));
    let first = served.key.clone();
    assert_eq!(served.get(&at(&of_first)), of_first);
    another(&home, &mut served);
    for response in [&of_owner, &of_first] {
        let path = at(response);
        for (method, path) in [
            ("GET", path.clone()),
            ("DELETE", path.clone()),
            ("POST", format!("{path}/cancel")),
            ("GET", format!("{path}/input_items")),
        ] {
            assert_eq!(
                code(&served.call(method, &path, None)),
                (404, "response_not_found"),
                "{method} {path}"
            );
        }
        let body = json!({"model": "yabby", "input": "go on", "previous_response_id": response["id"]});
        assert_eq!(
            code(&served.call("POST", PATH, Some(&body))),
            (404, "previous_response_not_found")
        );
    }
    served.key = first;
    assert_eq!(
        code(&served.call("GET", &at(&of_owner), None)),
        (404, "response_not_found")
    );
    served.key = owner;
    assert_eq!(
        [served.get(&at(&of_owner)), served.get(&at(&of_first))],
        [of_owner, of_first]
    );
}

#[test]
fn a_response_is_cancelled_while_it_streams() {
    let (server, home) = desk();
    server.chat(script![text("Hel"), sleep_ms(30_000), text("lo.")]);
    server.chat("After.");
    let served = Served::start(&home);
    let body = json!({"model": "yabby", "input": "hi", "stream": true});
    let mut stream = served.ask("POST", PATH, "", Some(&body));
    let id = id_in(&read_until(&mut stream, "Hel"));
    let path = format!("{PATH}/{id}");
    let running = served.get(&path);
    assert_eq!(
        (&running["status"], &running["output"]),
        (&json!("in_progress"), &json!([]))
    );
    let (status, cancelled) = served.call("POST", &format!("{path}/cancel"), None);
    assert_eq!(
        (status, &cancelled["status"], &cancelled["id"]),
        (200, &json!("cancelled"), &json!(id))
    );
    // The stream ends long before the answer would have.
    let rest = read_until(&mut stream, "response.failed");
    assert!(rest.contains("the response was cancelled"), "{rest}");
    assert_eq!(served.get(&path), cancelled);
    let (status, again) = served.call("POST", &format!("{path}/cancel"), None);
    assert_eq!((status, again), (200, cancelled));
    // Its conversation can be gone on with.
    let next = respond(&served, &json!({"input": "next", "previous_response_id": id}));
    assert_eq!(next["output"][0]["content"][0]["text"], "After.");
}

#[test]
fn who_leaves_has_cancelled_and_in_the_background_nobody_has_to_wait() {
    let (server, home) = desk();
    server.chat(script![text("Hel"), sleep_ms(30_000), text("lo.")]);
    let served = Served::start(&home);
    let body = json!({"model": "yabby", "input": "hi", "stream": true});
    let mut stream = served.ask("POST", PATH, "", Some(&body));
    let id = id_in(&read_until(&mut stream, "Hel"));
    drop(stream);
    until(&served, &format!("{PATH}/{id}"), "cancelled");

    server.chat(script![text("Hel"), sleep_ms(700), text("lo.")]);
    let begun = respond(&served, &json!({"background": true}));
    assert_eq!(
        (&begun["status"], &begun["background"], &begun["output"]),
        (&json!("in_progress"), &json!(true), &json!([]))
    );
    let done = until(&served, &at(&begun), "completed");
    assert_eq!(
        (
            &done["output"][0]["content"][0]["text"],
            done["usage"]["total_tokens"].as_u64() > Some(0)
        ),
        (&json!("Hello."), true)
    );
    // The same when it is watched for a while.
    server.chat(script![text("Hel"), sleep_ms(700), text("lo.")]);
    let body = json!({"model": "yabby", "input": "hi", "stream": true, "background": true});
    let mut stream = served.ask("POST", PATH, "", Some(&body));
    let id = id_in(&read_until(&mut stream, "Hel"));
    drop(stream);
    let done = until(&served, &format!("{PATH}/{id}"), "completed");
    assert_eq!(done["output"][0]["content"][0]["text"], "Hello.");

    server.chat(script![text("Hel"), sleep_ms(30_000), text("lo.")]);
    let begun = respond(&served, &json!({"background": true}));
    let (_, cancelled) = served.call("POST", &format!("{}/cancel", at(&begun)), None);
    assert_eq!(cancelled["status"], "cancelled");
    let body = json!({"model": "yabby", "input": "hi", "background": true, "store": false});
    assert_eq!(code(&served.call("POST", PATH, Some(&body))), (400, "invalid_value"));
    // Nobody is there any more.
    drop(server);
    let begun = respond(&served, &json!({"background": true}));
    let failed = until(&served, &at(&begun), "failed");
    assert_eq!(failed["error"]["code"], "server_error");
}

#[test]
fn a_response_that_was_in_progress_when_its_gateway_was_killed_gets_its_answer() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let kept = respond(&served, &json!({}));
    server.chat(script![text("Hel"), sleep_ms(60_000), text("lo.")]);
    let begun = respond(&served, &json!({"background": true}));
    while server.model_calls().len() < 2 {
        thread::sleep(Duration::from_millis(10));
    }
    // Killed.
    drop(served);
    server.chat("Hello again.");
    let served = Served::start(&home);
    assert_eq!(served.get(&at(&kept)), kept);
    // Its turn has gone on, and what came of it is the response.
    let done = until(&served, &at(&begun), "completed");
    assert_eq!(
        (
            &done["output"][0]["content"][0]["text"],
            &done["id"],
            &done["usage"]["total_tokens"]
        ),
        (&json!("Hello again."), &begun["id"], &json!(0))
    );
    assert_eq!(served.get(&at(&begun)), done);
}

#[test]
fn a_cut_answer_is_incomplete_after_a_restart_too() {
    let (server, home) = desk();
    let served = Served::start(&home);
    server.chat(script![text("Hel"), sleep_ms(60_000), text("lo.")]);
    let begun = respond(&served, &json!({"background": true}));
    while server.model_calls().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    // Killed.
    drop(served);
    server.chat(script![text("Once upon a"), finish("length")]);
    let served = Served::start(&home);
    let done = until(&served, &at(&begun), "incomplete");
    assert_eq!(
        (
            &done["incomplete_details"],
            &done["output"][0]["status"],
            &done["output"][0]["content"][0]["text"],
        ),
        (
            &json!({"reason": "max_output_tokens"}),
            &json!("incomplete"),
            &json!("Once upon a")
        )
    );
}

/// The answer to the client is an error, so that it asks again.
#[test]
fn a_response_that_cannot_be_kept_begins_nothing() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let first = respond(&served, &json!({}));
    let mut deep = json!("deep");
    for _ in 0..110 {
        deep = json!([deep]);
    }
    let mut body = json!({"model": "yabby", "input": "twice?", "previous_response_id": first["id"]});
    body["metadata"] = json!({"a": deep});
    assert_eq!(code(&served.call("POST", PATH, Some(&body))), (400, "invalid_value"));
    body["metadata"] = json!({});
    let (status, second) = served.call("POST", PATH, Some(&body));
    assert_eq!((status, &second["status"]), (200, &json!("completed")), "{second}");
    let calls = server.model_calls();
    let told = calls.last().unwrap().body["messages"].to_string();
    assert_eq!((calls.len(), told.matches("twice?").count()), (2, 1), "{told}");
}

#[test]
fn to_cancel_what_is_over_stops_nothing_else() {
    let (server, home) = desk();
    let served = Served::start(&home);
    server.chat(script![text("Hel"), sleep_ms(60_000), text("lo.")]);
    let first = respond(&served, &json!({"background": true}));
    while server.model_calls().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    // Killed. Its turn goes on, and nobody writes its end.
    drop(served);
    server.chat("Hello again.");
    let served = Served::start(&home);
    served.until(
        || server.model_calls().len() == 2 && server.busy() == 0,
        "the end of the first answer",
    );
    server.chat(script![text("Sec"), sleep_ms(2_000), text("ond.")]);
    let more = json!({"background": true, "previous_response_id": first["id"]});
    let second = respond(&served, &more);
    while server.model_calls().len() < 3 {
        thread::sleep(Duration::from_millis(10));
    }
    let (status, cancelled) = served.call("POST", &format!("{}/cancel", at(&first)), None);
    assert_eq!(
        (status, &cancelled["status"]),
        (200, &json!("completed")),
        "{cancelled}"
    );
    assert_eq!(served.call("DELETE", &at(&first), None).0, 200);
    let done = until(&served, &at(&second), "completed");
    assert_eq!(done["output"][0]["content"][0]["text"], "Second.");
}

#[test]
fn an_agent_is_counted_with_its_prompt_and_what_was_said() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::LlamaCpp {
        window: 32_768,
        slots: 1,
    });
    server.models(&["m1"]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    let served = Served::start(&home);
    let said = respond(&served, &json!({"input": "remember ".repeat(400)}));
    let count = |path: &str, body: &Value| {
        let (status, counted) = served.call("POST", path, Some(body));
        assert_eq!(status, 200, "{counted}");
        counted["input_tokens"].as_u64().unwrap()
    };
    let input = json!({"model": "box/m1", "input": "hi"});
    let alone = count("/v1/responses/input_tokens", &input);
    let of_agent = json!({"model": "yabby", "input": "hi"});
    let with_prompt = count("/v1/responses/input_tokens", &of_agent);
    let goes_on = json!({"model": "yabby", "input": "hi", "previous_response_id": said["id"]});
    let with_history = count("/v1/responses/input_tokens", &goes_on);
    let of_messages = json!({"model": "yabby", "messages": [{"role": "user", "content": "hi"}]});
    let in_messages = count("/v1/messages/count_tokens", &of_messages);
    assert!(
        alone + 200 < with_prompt && with_prompt + 300 < with_history && in_messages == with_prompt,
        "{alone} {with_prompt} {with_history} {in_messages}"
    );
    // Nothing was said by that, and no model was asked.
    assert_eq!(
        (
            served.get("/api/conversations")["conversations"]
                .as_array()
                .unwrap()
                .len(),
            server.model_calls().len()
        ),
        (1, 1)
    );
    let unknown = json!({"model": "yabby/nobody", "input": "hi"});
    assert_eq!(
        code(&served.call("POST", "/v1/responses/input_tokens", Some(&unknown))),
        (404, "model_not_found")
    );
}
