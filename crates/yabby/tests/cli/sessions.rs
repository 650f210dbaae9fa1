//! `yabby sessions`, and that chats are kept.

use std::{
    future::Future,
    io::Write as _,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use yabby_core::{
    Attempt, Confidentiality, Integrity, Label, Message, Outcome, Phase, SessionKey, Time, ToolCall, Usage, Zone,
};
use yabby_store::{Access, Content, FileRef, Lease, NewItem, Place, Store};
use yabby_testkit::{Fault, ModelServer, Postgres};

use crate::home::{Home, spoken};

const LEASE: Duration = Duration::from_mins(1);
/// 2026-11-25 20:10:45 in UTC; the next day in Taipei.
const BEGIN: i64 = 1_795_637_445_000;
const MINUTE: i64 = 60_000;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

fn place(home: &Home) -> Place {
    Place::Folder(home.path().join("store"))
}

fn item(id: &str, minute: i64, content: Content) -> NewItem {
    NewItem {
        id: id.to_owned(),
        turn: None,
        at: Time(BEGIN + minute * MINUTE),
        content,
        label: Label::new(Integrity::Owner, Confidentiality::Private, "terminal"),
        attempts: Vec::new(),
        files: Vec::new(),
    }
}

fn message(id: &str, minute: i64, message: Message) -> NewItem {
    item(id, minute, Content::Message { message })
}

fn answered() -> Attempt {
    Attempt {
        model: "box/m1".parse().unwrap(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        zone: Zone::Machine,
        outcome: Outcome::Answered,
        decision: None,
        phase: Phase::Done,
        queued_ms: 0,
        sent_ms: Some(1),
        head_ms: Some(2),
        first_token_ms: Some(3),
        total_ms: 4,
        bytes: 5,
        usage: Usage::default(),
        cost: None,
    }
}

async fn begin(store: &Store, key: &str, id: &str, minute: i64) -> Lease {
    let key: SessionKey = key.parse().unwrap();
    let lease = store.lease_conversation(key.as_str(), LEASE).await.unwrap().unwrap();
    let now = Time(BEGIN + minute * MINUTE);
    store.begin_session(&lease, None, "new", (id, now)).await.unwrap();
    lease
}

/// A home with three conversations: one with everything that a session can hold, a long one, and one of a group.
fn home() -> Home {
    let home = Home::new().var("TZ", "CST-8");
    wait(async {
        let store = Store::open(&place(&home), Access::Write).await.unwrap();
        let lease = begin(&store, "agent:main:main", "0a1b2c3d4e5f60718293", 0).await;
        let call = ToolCall {
            id: "c".to_owned(),
            name: "weather".to_owned(),
            arguments: json!({"city": "台北"}).as_object().unwrap().clone(),
        };
        let hash = store.attach(b"%PDF-".to_vec(), "application/pdf").await.unwrap();
        let mut asked = message("i0", 0, Message::user("今天天氣怎麼樣？\n\n我要去爬山。"));
        asked.files.push(FileRef {
            hash,
            name: Some("路線.pdf".to_owned()),
        });
        let mut said = message("i3", 2, Message::assistant("晴天，適合爬山。\u{1b}[31m"));
        said.attempts.push(answered());
        let mut other = message("i4", 3, Message::user("Is it far?"));
        other.label.integrity = Integrity::Contact("alice".to_owned());
        let items = vec![
            asked,
            message("i1", 1, Message::calling("", vec![call.clone()])),
            message("i2", 1, Message::result(&call, "{\"sky\": \"clear\"}")),
            said,
            other,
            item(
                "i5",
                4,
                Content::Summary {
                    text: "天氣好，要去爬山。".to_owned(),
                    from: 0,
                    to: 3,
                },
            ),
            item(
                "i6",
                5,
                Content::Note {
                    name: "model".to_owned(),
                    value: json!("box/m2"),
                },
            ),
        ];
        store.append(&lease, "0a1b2c3d4e5f60718293", items).await.unwrap();

        let lease = begin(&store, "agent:work:main", "0a1b2c3d4e5f6fff0000", 10).await;
        let long = "明天的會議要討論下一季的產品計畫與預算，還有新的人事安排，請大家先準備好資料再來開會，謝謝大家";
        let mut items: Vec<NewItem> = (0..30_u8)
            .map(|at| {
                message(
                    &format!("w{at}"),
                    10 + i64::from(at),
                    Message::user(format!("{long} {at}")),
                )
            })
            .collect();
        items.push(message("w30", 40, Message::assistant("好".repeat(4100))));
        store.append(&lease, "0a1b2c3d4e5f6fff0000", items).await.unwrap();

        let key = "agent:main:telegram:group:-1001234567890:topic:123456789";
        let lease = begin(&store, key, "1f000000000000000000", 60).await;
        let deploy = message("g0", 60, Message::user("When will it be deployed?"));
        store
            .append(&lease, "1f000000000000000000", vec![deploy])
            .await
            .unwrap();
    });
    home
}

/// What the commands say, one after another.
fn told(home: &Home, commands: &[&[&str]]) -> String {
    let mut all = Vec::new();
    for arguments in commands {
        let ran = home.run(arguments);
        all.push(format!("$ yabby {}", arguments.join(" ")));
        all.push(home.stable(&format!("{}{}", ran.stdout, ran.stderr)));
        all.push(format!("[{}]\n", ran.code.unwrap_or(-1)));
    }
    all.join("\n")
}

#[test]
fn what_was_said_is_listed_shown_and_found() {
    for lang in ["en", "zh-TW"] {
        let home = home().var("YABBY_LANG", lang);
        let commands: [&[&str]; 16] = [
            &["sessions", "list"],
            &["sessions", "list", "--agent", "work"],
            &["sessions", "list", "--limit", "1"],
            &["sessions", "list", "--since", "2026-11-27"],
            &["sessions", "list", "--since", "yesterday"],
            &["sessions", "show", "agent:main:main"],
            &["sessions", "show", "0a1b2c3d4e5f60", "--last", "2"],
            &["sessions", "show", "0a1b2c3d4e5ff"],
            &["sessions", "show", "0a1b"],
            &["sessions", "show", "1f"],
            &["sessions", "show", "agent:main:nobody"],
            &["sessions", "show", "main:main"],
            &["sessions", "search", "爬山"],
            &["sessions", "search", "deploy"],
            &["sessions", "search", "kangaroo"],
            &["sessions", "rm", "1f"],
        ];
        insta::assert_snapshot!(format!("sessions_{lang}"), told(&home, &commands));
    }
}

#[test]
fn what_is_long_is_cut() {
    let shown = home()
        .run(&["sessions", "show", "0a1b2c3d4e5f6f", "--last", "1"])
        .stdout;
    let (_, last) = shown.split_once("\n\n").unwrap();
    let text = "好".repeat(4000);
    assert_eq!(
        last,
        format!("2026-11-26 04:50  the assistant\n  {text}\n  … 100 more characters; --json prints all\n")
    );
}

#[test]
fn programs_get_all_of_it() {
    let home = home();
    let listed = home.run(&["sessions", "list", "--json"]).stdout;
    insta::assert_snapshot!("sessions_list_json", listed);
    let found = home
        .run(&["sessions", "search", "--json", "會議", "\"新的人事\"", "--limit", "1"])
        .stdout;
    insta::assert_snapshot!("sessions_search_json", found);
    let shown = home.run(&["sessions", "show", "--json", "agent:main:main"]).stdout;
    insta::assert_snapshot!("sessions_show_json", shown);
    // Nothing is cut or left out.
    let long: Value =
        serde_json::from_str(&home.run(&["sessions", "show", "--json", "agent:work:main"]).stdout).unwrap();
    assert_eq!(long["items"].as_array().unwrap().len(), 31);
    assert_eq!(long["items"][30]["content"]["message"]["text"], "好".repeat(4100));
    let last: Value = serde_json::from_str(
        &home
            .run(&["sessions", "show", "--json", "--last", "1", "0a1b2c3d4e5f6f"])
            .stdout,
    )
    .unwrap();
    assert_eq!(last["items"], json!([long["items"][30]]));
}

#[test]
fn a_session_is_deleted_with_what_belongs_to_it() {
    let home = home();
    let commands: [&[&str]; 4] = [
        &["sessions", "rm", "0a1b2c3d4e5f60", "--yes"],
        &["sessions", "rm", "agent:work:main", "--all", "--yes"],
        &["sessions", "list"],
        &["sessions", "search", "爬山"],
    ];
    insta::assert_snapshot!(told(&home, &commands));
    wait(async {
        let store = Store::open(&place(&home), Access::Read).await.unwrap();
        let left = store.overview().await.unwrap();
        assert_eq!((left.sessions, left.items, left.attachments), (1, 1, 0));
    });
}

#[test]
fn where_nothing_was_kept_nothing_is_there() {
    let home = Home::new();
    let commands: [&[&str]; 4] = [
        &["sessions", "list"],
        &["sessions", "list", "--json"],
        &["sessions", "search", "x"],
        &["sessions", "show", "x"],
    ];
    insta::assert_snapshot!(told(&home, &commands));
    assert!(!home.path().join("store").exists());
}

#[test]
fn while_another_process_writes_only_reading_goes_on() {
    let home = home();
    wait(async {
        let _writes = Store::open(&place(&home), Access::Write).await.unwrap();
        let commands: [&[&str]; 2] = [
            &["sessions", "list", "--agent", "work"],
            &["sessions", "rm", "1f", "--yes"],
        ];
        let told = without_our_number(&told(&home, &commands));
        insta::assert_snapshot!(told);
    });
}

/// The text without the number of this process where it is told. Elsewhere the same digits are a year, or a part of a name.
fn without_our_number(told: &str) -> String {
    let ours = std::process::id();
    told.replace(&format!("process {ours}"), "process PID")
        .replace(&format!("kill {ours}"), "kill PID")
}

/// The sessions of a home, the latest first: how each ended, and what was said in it.
fn kept(home: &Home) -> Vec<(Value, Vec<String>)> {
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&home.run(arguments).stdout).unwrap() };
    let listed = json(&["sessions", "list", "--json"]);
    let one = |session: &Value| {
        let conversation = session["conversation"].as_str().unwrap();
        assert!(conversation.starts_with("agent:main:terminal:"), "{conversation}");
        let shown = json(&["sessions", "show", "--json", session["id"].as_str().unwrap()]);
        let items = shown["items"].as_array().unwrap();
        let messages = items.iter().filter(|item| !item["content"]["message"].is_null());
        let said = messages.map(|item| {
            assert_eq!(item["label"], json!({"i": "owner", "c": "private", "o": ["terminal"]}));
            let message = &item["content"]["message"];
            format!(
                "{}: {}",
                message["role"].as_str().unwrap(),
                message["text"].as_str().unwrap()
            )
        });
        (session["endedBy"].clone(), said.collect())
    };
    listed.as_array().unwrap().iter().map(one).collect()
}

fn said(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn chats_are_kept() {
    let server = ModelServer::start_on_thread();
    for answer in ["One.", "Two.", "Three."] {
        server.chat(answer);
    }
    // It comes after the answers.
    server.answer_with(400, "application/json", r#"{"error":{"message":"out of memory"}}"#);
    server.default_reply("再見。");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.pipe(&["up"], "first\nsecond\n/new\nthird\nunanswered\n");
    assert_eq!(ran.stdout, "One.\nTwo.\nThree.\n", "{}", ran.stderr);
    assert!(!ran.stderr.contains("kept"), "{}", ran.stderr);
    // A run in which nothing is said is no session.
    home.pipe(&["up"], "\n");
    home.pipe(&["up"], "早安\n");
    let new = Value::from("new");
    assert_eq!(
        kept(&home),
        [
            (Value::Null, said(&["user: 早安", "assistant: 再見。"])),
            (
                Value::Null,
                said(&["user: third", "assistant: Three.", "user: unanswered"])
            ),
            (
                new,
                said(&["user: first", "assistant: One.", "user: second", "assistant: Two."])
            ),
        ]
    );
    // Nothing of it is in the next chat.
    let last = &server.model_calls()[4];
    assert_eq!(
        spoken(&last.body["messages"]),
        json!([{"role": "user", "content": "早安"}])
    );
}

/// The question is on the disk before the model has it.
#[test]
fn a_question_outlives_a_chat_that_is_killed() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::HangModelCalls);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut command = home.command(&["up"]);
    let mut chat = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = chat.stdin.take().unwrap();
    input.write_all("還在嗎？\n".as_bytes()).unwrap();
    let begin = Instant::now();
    while server.model_calls().is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the model is not asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    chat.kill().unwrap();
    chat.wait().unwrap();
    assert_eq!(kept(&home), [(Value::Null, said(&["user: 還在嗎？"]))]);
}

/// They take turns in the conversation, and each has a session of its own.
#[test]
fn chats_at_the_same_time_are_kept_in_one_database() {
    let server = ModelServer::start_on_thread();
    let url = Postgres::shared().new_database();
    let home = Home::with_config(&format!(
        "{{ store: {{ url: '{url}' }}, models: {{ providers: {{ box: {{ baseUrl: '{}', models: [{{ id: 'm1' }}] }} }} }} }}",
        server.base_url()
    ));
    // The first one makes the tables.
    assert_eq!(home.run(&["sessions", "list", "--json"]).stdout, "[]\n");
    std::thread::scope(|scope| {
        let home = &home;
        let chats = ["a", "b", "c"].map(|name| scope.spawn(move || home.pipe(&["up"], format!("{name}\n").repeat(5))));
        for chat in chats {
            let ran = chat.join().unwrap();
            assert_eq!((ran.code, ran.stdout), (Some(0), "ok\n".repeat(5)), "{}", ran.stderr);
            assert!(!ran.stderr.contains("kept"), "{}", ran.stderr);
        }
    });
    let mut all: Vec<Vec<String>> = kept(&home).into_iter().map(|(_, said)| said).collect();
    all.sort();
    let of = |name: &str| vec![[format!("user: {name}"), "assistant: ok".to_owned()]; 5].concat();
    assert_eq!(all, ["a", "b", "c"].map(of));
}

/// A person is asked, and Enter means no.
#[cfg(target_os = "linux")]
#[test]
fn a_person_is_asked_before_something_is_deleted() {
    let home = home();
    let count = || {
        let listed: Value = serde_json::from_str(&home.run(&["sessions", "list", "--json"]).stdout).unwrap();
        listed.as_array().unwrap().len()
    };
    for (keys, code, left) in [("\r", 2, 3), ("n\r", 2, 3), ("y\r", 0, 2)] {
        let mut tty = crate::tty::Tty::run(&home, &["sessions", "rm", "1f"]);
        tty.sees("Delete this for good? [y/N]");
        tty.press(keys);
        let (exit, _) = tty.ends();
        assert_eq!((exit, count()), (Some(code), left), "{keys:?}");
    }
}

#[test]
fn a_chat_goes_on_when_it_cannot_be_kept() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    wait(async {
        let _writes = Store::open(&place(&home), Access::Write).await.unwrap();
        let ran = home.pipe(&["up"], "first\nsecond\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\nok\n"));
        let told = without_our_number(&home.stable(&ran.stderr));
        insta::assert_snapshot!(told, @"· this chat is not kept: the store in HOME/store is used by another Yabby, process PID; end it first: kill PID");
    });
    assert_eq!(kept(&home), []);
}

#[test]
fn a_mistake_about_the_store_keeps_nothing_anywhere() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        "{{ store: {{ pth: '/elsewhere' }}, models: {{ providers: {{ box: {{ baseUrl: '{}', models: [{{ id: 'm1' }}] }} }} }} }}",
        server.base_url()
    ));
    let ran = home.pipe(&["up"], "first\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    let last = home.stable(ran.stderr.lines().last().unwrap_or_default());
    insta::assert_snapshot!(last, @"· this chat is not kept: the config says of the store what cannot be understood, so that nothing is stored or read; run: yabby doctor");
    assert!(!home.path().join("store").exists());
}
