//! `Open WebUI` at the gateway: chats with the assistant, and what its page wants to know about them.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, script};

use crate::{
    client::Served,
    home::{Home, spoken},
};

const CHAT: &str = "x-openwebui-chat-id: 4A6f-chat\r\n";

fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    fs::write(home.path().join("workspace/notes.txt"), "The code word is marmalade.\n").unwrap();
    (server, home)
}

/// A chat in which these were said in turn, the person first.
fn said(turns: &[&str]) -> Value {
    let messages = turns.iter().enumerate().map(|(n, text)| {
        let role = if n % 2 == 0 { "user" } else { "assistant" };
        json!({"role": role, "content": text})
    });
    json!({"model": "yabby/main", "messages": messages.collect::<Vec<_>>()})
}

fn ask(served: &Served, headers: &str, body: &Value) -> String {
    let (status, answer) = served.call_with("POST", "/v1/chat/completions", headers, Some(body));
    assert_eq!(status, 200, "{answer}");
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// What the model was asked with last.
fn asked(server: &ModelServer) -> Value {
    spoken(&server.model_calls().last().unwrap().body["messages"])
}

/// The keys of all conversations.
fn conversations(served: &Served) -> Vec<String> {
    let list = served.get("/api/conversations");
    let list = list["conversations"].as_array().unwrap().iter();
    list.map(|one| one["key"].as_str().unwrap().to_owned()).collect()
}

/// The answer to what the page of `Open WebUI` 0.12.4 has sent on 2026-11-26, with the headers that docs/gateway.md asks for: byte
/// for byte, but for the host and the key.
fn replay(served: &Served, name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cli/open_webui/{name}.http"));
    let sent = String::from_utf8(fs::read(file).unwrap()).unwrap();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let head = head.replace("Host: HOST", &format!("Host: {}", served.address));
    let head = head.replace("Bearer KEY", &format!("Bearer {}", served.key));
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_mins(1)))
        .unwrap();
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// Its connections stay open.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    match head.split_once("content-length: ") {
        Some((_, length)) => body.len() >= length.lines().next().unwrap().parse().unwrap(),
        None => body.ends_with("\r\n0\r\n\r\n"),
    }
}

#[test]
fn what_its_page_sends_is_answered() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let models = replay(&served, "models");
    assert!(
        models.contains("\"box/m1\"") && models.contains("\"yabby/main\""),
        "{models}"
    );
    let asked_and_answered = |name: &str, answer: &str| {
        server.chat(answer);
        let all = replay(&served, name);
        assert!(all.contains(answer), "{name}: {all}");
        all
    };
    // The title is asked for before the answer is there.
    asked_and_answered("title", "A talk");
    let first = asked_and_answered("first", "Answer to: hello there");
    assert!(
        first.contains("x-yabby-left-out: tools") && first.contains("data: [DONE]"),
        "{first}"
    );
    asked_and_answered("follow-ups", "And why?");
    asked_and_answered("tags", "General");
    assert!(server.model_calls()[3].body.get("tools").is_none());
    asked_and_answered("second", "Answer to: second question");
    asked_and_answered("second", "Another one");
    asked_and_answered("edited", "Answer to: edited question");
    let chat = "agent:main:openwebui:a5f0f93e-5e21-4632-8c7a-1f6dec741714";
    assert_eq!(conversations(&served), [chat]);
    let edited = json!([
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": "Answer to: hello there"},
        {"role": "user", "content": "edited question"},
    ]);
    assert_eq!(asked(&server), edited);
    // More was said meanwhile than has come here; all of it is there, the picture too.
    asked_and_answered("picture", "A dot");
    let seen = asked(&server).as_array().unwrap().clone();
    let last = &seen[8]["content"];
    assert_eq!((seen.len(), &last[0]["type"]), (9, &json!("image_url")), "{seen:#?}");
    assert!(last[1]["text"].as_str().unwrap().contains("what is in the picture"));
    assert_eq!(conversations(&served), [chat]);
    let whole = asked_and_answered("responses", "In events");
    assert!(whole.contains("event: response.completed"), "{whole}");
    assert_eq!(conversations(&served).len(), 2);
}

#[test]
fn a_chat_is_one_conversation_however_it_goes_on() {
    let (server, home) = desk();
    let served = Served::start(&home);
    server.chat(script![tool_call("c1", "read", r#"{"path":"notes.txt"}"#)]);
    for answer in ["Marmalade.", "Two.", "Two again.", "Other.", "From elsewhere."] {
        server.chat(answer);
    }
    let word = "what is the code word?";
    assert_eq!(ask(&served, CHAT, &said(&[word])), "Marmalade.");
    // A client that sends everything does not know of the tool; what it did stays all the same.
    assert_eq!(ask(&served, CHAT, &said(&[word, "Marmalade.", "second"])), "Two.");
    let known = asked(&server).as_array().unwrap().clone();
    assert_eq!(known.len(), 5, "{known:#?}");
    assert_eq!(known[1]["tool_calls"][0]["function"]["name"], "read");
    // The same once more.
    assert_eq!(ask(&served, CHAT, &said(&[word, "Marmalade.", "second"])), "Two again.");
    assert_eq!(asked(&server), Value::Array(known.clone()));
    // Something else instead.
    assert_eq!(ask(&served, CHAT, &said(&[word, "Marmalade.", "other"])), "Other.");
    let mut other = known;
    other[4]["content"] = "other".into();
    assert_eq!(asked(&server), Value::Array(other));
    // Something that was said to another model meanwhile.
    let elsewhere = ["hello", "Hi.", word, "No idea.", "and you?"];
    assert_eq!(ask(&served, CHAT, &said(&elsewhere)), "From elsewhere.");
    assert_eq!(asked(&server), said(&elsewhere)["messages"]);
    assert_eq!(conversations(&served), ["agent:main:openwebui:4a6f-chat"]);
}

#[test]
fn commands_are_no_part_of_what_is_compared() {
    let (server, home) = desk();
    let served = Served::start(&home);
    for answer in ["One.", "Two.", "Three."] {
        server.chat(answer);
    }
    ask(&served, CHAT, &said(&["first"]));
    let told = ask(&served, CHAT, &said(&["first", "One.", "/status"]));
    ask(&served, CHAT, &said(&["first", "One.", "/status", &told, "second"]));
    assert_eq!(asked(&server), said(&["first", "One.", "second"])["messages"]);
    let new = ask(
        &served,
        CHAT,
        &said(&["first", "One.", "/status", &told, "second", "Two.", "/new"]),
    );
    let all = [
        "first", "One.", "/status", &told, "second", "Two.", "/new", &new, "third",
    ];
    ask(&served, CHAT, &said(&all));
    assert_eq!(asked(&server), said(&["third"])["messages"]);
}

/// Its page asks for a title, tags and further questions with the model of the chat.
#[test]
fn a_task_is_answered_by_the_model_and_is_no_conversation() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let task = "### Task:\nGenerate a title.\n### Chat History:\n<chat_history>\nUSER: hi\n</chat_history>";
    let plain = "Name this chat.";
    for (headers, text) in [
        ("", task),
        (CHAT, task),
        ("x-openwebui-task: title_generation\r\n", plain),
    ] {
        server.chat("A title");
        let mut body = said(&[text]);
        body["max_completion_tokens"] = 50.into();
        assert_eq!(ask(&served, headers, &body), "A title");
        // As it came, without a prompt and tools.
        body["model"] = "m1".into();
        assert_eq!(server.model_calls().last().unwrap().body, body);
    }
    assert_eq!(conversations(&served), [""; 0]);
    // A header whose template has nothing to say means no task, and words alone are none.
    server.chat("Fine.");
    ask(&served, "x-openwebui-task: \r\n", &said(&["### Task:\nsay fine"]));
    assert_eq!(conversations(&served).len(), 1);
}

#[test]
fn a_task_goes_no_further_than_its_chat() {
    let server = ModelServer::start_on_thread();
    let far = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        "{{ models: {{ providers: {{
           far: {{ baseUrl: '{}', api: 'openai-completions', zone: 'hosted', models: [{{ id: 'm' }}] }},
           box: {{ baseUrl: '{}', api: 'openai-completions', models: [{{ id: 'm1' }}] }} }} }},
           agents: {{ defaults: {{ model: {{ primary: 'far/m', fallbacks: ['box/m1'] }} }} }} }}",
        far.base_url(),
        server.base_url(),
    ));
    let served = Served::start(&home);
    ask(&served, CHAT, &said(&["/private on"]));
    let task = "### Task:\nTag it.\n### Chat History:\n<chat_history>\nUSER: a secret\n</chat_history>";
    server.chat("{}");
    assert_eq!(ask(&served, CHAT, &said(&[task])), "{}");
    assert_eq!(far.model_calls().len(), 0);
    // Another chat may go there.
    far.chat("[]");
    assert_eq!(ask(&served, "", &said(&[task])), "[]");
}

/// It offers tools of its own to every model.
#[test]
fn tools_are_left_to_models() {
    let (server, home) = desk();
    let served = Served::start(&home);
    server.chat("By myself.");
    let mut body = said(&["hi"]);
    body["tools"] = json!([{"type": "function", "function": {"name": "get_current_timestamp", "parameters": {}}}]);
    let mut answer = String::new();
    served
        .ask("POST", "/v1/chat/completions", CHAT, Some(&body))
        .read_to_string(&mut answer)
        .unwrap();
    let head = answer.split_once("\r\n\r\n").unwrap().0;
    assert!(
        head.contains("x-yabby-left-out: tools") && answer.contains("By myself."),
        "{answer}"
    );
    let sent = server.model_calls()[0].body["tools"].to_string();
    assert!(
        !sent.contains("get_current_timestamp") && sent.contains("\"read\""),
        "{sent}"
    );
}
