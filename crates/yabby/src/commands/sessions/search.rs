//! `yabby sessions search`.

use std::ops::Range;

use serde_json::{Value, json};
use yabby_core::text;
use yabby_store::{Hit, StoreError};

use super::{named::SHORT, nothing, print, print_json, reading, screen};
use crate::{
    app::App,
    clock,
    exit::Exit,
    table::table,
    terminal::{Terminal, visible},
};

pub(super) async fn run(app: &App, words: &str, limit: u32, as_list: bool) -> Result<Exit, StoreError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let store = reading(app).await?;
    let hits = match &store {
        Some(store) => store.search(words, None, most).await?,
        None => Vec::new(),
    };
    if as_list {
        return Ok(print_json(app, &Value::Array(hits.iter().map(as_json).collect())));
    }
    if hits.is_empty() {
        if store.is_some() {
            app.terminal.notice(&text!("nothing was found"));
        } else {
            nothing(app, None);
        }
        return Ok(Exit::Answered);
    }
    let zone = clock::person(app.config(), &app.env);
    let terminal = screen(app);
    let head = [text!("WHEN"), text!("SESSION"), text!("WHO"), text!("TEXT")].map(|text| terminal.say(&text));
    let rows: Vec<Vec<String>> = hits
        .iter()
        .map(|hit| {
            let session: String = hit.session.chars().take(SHORT).collect();
            let who = who(terminal, &hit.kind);
            vec![
                zone.date_and_minute(hit.at),
                visible(&session),
                who,
                marked(terminal, hit),
            ]
        })
        .collect();
    Ok(print(app, &table(&head, &rows)))
}

/// Who said it, as far as a search knows.
fn who(terminal: Terminal, kind: &str) -> String {
    match kind {
        "user" => terminal.say(&text!("person")),
        "assistant" => terminal.say(&text!("assistant")),
        "tool" => terminal.say(&text!("tool")),
        "summary" => terminal.say(&text!("summary")),
        other => visible(other),
    }
}

/// What stands around the first place in one line, with what was looked for in bold.
fn marked(terminal: Terminal, hit: &Hit) -> String {
    let piece = |range: Range<usize>| {
        let text = hit.snippet.get(range).unwrap_or_default();
        visible(text).replace(['\n', '\t'], " ")
    };
    let mut line = String::new();
    let mut at = 0;
    for mark in &hit.marks {
        line.push_str(&piece(at..mark.start));
        line.push_str(&terminal.bold(&piece(mark.clone())));
        at = mark.end;
    }
    line + &piece(at..hit.snippet.len())
}

fn as_json(hit: &Hit) -> Value {
    json!({
        "session": hit.session,
        "conversation": hit.conversation,
        "title": hit.title,
        "seq": hit.seq,
        "at": hit.at,
        "kind": hit.kind,
        "snippet": hit.snippet,
        "found": hit.marks.iter().filter_map(|mark| hit.snippet.get(mark.clone())).collect::<Vec<_>>(),
    })
}
