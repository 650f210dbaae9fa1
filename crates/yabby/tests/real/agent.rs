//! The assistant with a real model that calls tools, as a person at a terminal uses it.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    llama::{Llama, QWEN, Served},
    place::{err, home, json, out, run, yabby},
    running::Running,
};

/// A small window and a slow machine: reading the prompt takes a minute, each answer some seconds.
const LIMIT: Duration = Duration::from_mins(6);

fn config(llama: &Llama) -> String {
    format!(
        "{{ models: {{ providers: {{ box: {{ baseUrl: 'http://127.0.0.1:{}/v1', models: [{{ id: 'qwen', params: {{ temperature: 0 }} }}] }} }} }},
           agents: {{ defaults: {{ model: 'box/qwen' }} }} }}",
        llama.port()
    )
}

/// Says one line in a conversation; what the model answered, and what else was told.
fn say(home: &Path, session: &str, line: &str) -> (String, String) {
    let mut up = yabby(home, &["up", "--session", session]);
    let ran = Running::with_input(&mut up, format!("{line}\n").as_bytes(), LIMIT).ended();
    (out(&ran), err(&ran))
}

/// A file is read, another time it is changed, and the server reads little anew.
#[test]
fn files_are_read_and_changed_and_the_cache_is_used() {
    let llama = Llama::serve(&Served { window: 8_192, ..QWEN });
    let home = home(&config(&llama));
    let workspace = home.path().join("workspace");
    fs::create_dir(&workspace).unwrap();
    let notes = workspace.join("notes.txt");
    fs::write(&notes, "The code word is marmalade.\n").unwrap();

    let (answer, told) = say(home.path(), "one", "Read the file notes.txt and tell me the code word.");
    assert!(told.contains("read"), "no tool was called: {told}");
    assert!(answer.contains("marmalade"), "{answer}");

    say(home.path(), "two", "In notes.txt replace marmalade with honey.");
    let changed = fs::read_to_string(&notes).unwrap();
    assert_eq!(changed, "The code word is honey.\n");

    // Every request but the first begins with the one before it.
    let conversations = reuse(home.path());
    assert_eq!(conversations.len(), 2);
    for requests in conversations {
        assert!(requests.len() >= 2, "{requests:?}");
        for pair in requests.windows(2) {
            let ((before, _), (_, cached)) = (pair[0], pair[1]);
            assert!(
                f64::from(cached) >= 0.95 * f64::from(before),
                "of {before} tokens {cached} came from the cache: {requests:?}"
            );
        }
    }
}

/// Tokens of each request of each conversation, and those that came from the cache.
fn reuse(home: &Path) -> Vec<Vec<(u32, u32)>> {
    let listed = json(&run(&mut yabby(home, &["sessions", "list", "--json"])));
    let sessions = listed.as_array().unwrap().iter();
    let one = |session: &Value| {
        let id = session["id"].as_str().unwrap();
        let shown = json(&run(&mut yabby(home, &["sessions", "show", "--json", id])));
        let items = shown["items"].as_array().unwrap();
        let attempts = items
            .iter()
            .flat_map(|item| item["attempts"].as_array().into_iter().flatten());
        let count = |usage: &Value, name: &str| u32::try_from(usage[name].as_u64().unwrap_or(0)).unwrap();
        attempts
            .map(|attempt| {
                let usage = &attempt["usage"];
                (count(usage, "input_tokens"), count(usage, "cached_tokens"))
            })
            .collect()
    };
    sessions.map(one).collect()
}
