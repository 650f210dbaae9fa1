//! `yabby sessions show`.

use serde_json::{Value, json};
use yabby_core::{Integrity, Message, Outcome, Text, text};
use yabby_store::{Content, Item, NewItem, Session, Store, StoreError};
use yabby_tools::Zone;

use super::{as_json, named, print, print_json, reading, screen};
use crate::{
    app::App,
    clock,
    exit::Exit,
    terminal::{Terminal, visible},
};

/// So many of the last items are printed when nobody says how many.
const LAST: u32 = 20;
/// So many items are read at once.
const AT_ONCE: usize = 500;
/// So many characters are printed of one item.
const LONGEST: usize = 4000;

pub(super) async fn run(app: &App, name: &str, last: Option<u32>, as_object: bool) -> Result<Exit, StoreError> {
    let Some(store) = reading(app).await? else {
        super::nothing(app, None);
        return Ok(Exit::Usage);
    };
    let session = named::session(&store, name).await?;
    let count = |last: u32| usize::try_from(last).unwrap_or(usize::MAX);
    if as_object {
        let items = match last {
            Some(last) => store.last_items(&session.id, count(last)).await?,
            None => all(&store, &session.id).await?,
        };
        let mut object = as_json(&session);
        object["items"] = Value::Array(items.iter().map(item_as_json).collect());
        return Ok(print_json(app, &object));
    }
    let items = store.last_items(&session.id, count(last.unwrap_or(LAST))).await?;
    let zone = clock::person(app.config(), &app.env);
    let terminal = screen(app);
    let mut lines = head(terminal, &session, &zone);
    if let Some(before) = items.first().map(|first| first.seq).filter(|before| *before > 0) {
        let before = text!("{count} items before these; --last N prints more", count = before);
        lines.push(terminal.dim(&terminal.say(&before)));
    }
    for Item { item, .. } in &items {
        lines.push(String::new());
        let heading = format!("{}  {}", zone.date_and_minute(item.at), terminal.say(&who(item)));
        lines.push(terminal.bold(&heading));
        let said = said(terminal, item);
        lines.extend(
            visible(&said)
                .lines()
                .map(|line| format!("  {line}").trim_end().to_owned()),
        );
    }
    Ok(print(app, &lines))
}

async fn all(store: &Store, session: &str) -> Result<Vec<Item>, StoreError> {
    let mut items: Vec<Item> = Vec::new();
    loop {
        let from = items.last().map_or(0, |last| last.seq + 1);
        let page = store.items(session, from, AT_ONCE).await?;
        let is_last = page.len() < AT_ONCE;
        items.extend(page);
        if is_last {
            return Ok(items);
        }
    }
}

fn head(terminal: Terminal, session: &Session, zone: &Zone) -> Vec<String> {
    let say = |text| terminal.say(&text);
    let mut lines = Vec::new();
    if let Some(title) = &session.title {
        lines.push(terminal.bold(&visible(title)));
    }
    lines.push(visible(&format!("{}  {}", session.conversation, session.id)));
    let times = text!(
        "from {begin} to {end}, {count} items",
        begin = zone.date_and_minute(session.begun_at),
        end = zone.date_and_minute(session.active_at),
        count = session.items
    );
    lines.push(say(times));
    if let Some((at, why)) = &session.ended {
        lines.push(say(text!(
            "ended {when}: {why}",
            when = zone.date_and_minute(*at),
            why = why
        )));
    }
    if let Some(source) = &session.source {
        lines.push(say(text!("imported from {source}", source = source)));
    }
    lines
}

fn who(item: &NewItem) -> Text {
    match &item.content {
        Content::Message { message } => match message {
            Message::User { .. } => match &item.label.integrity {
                Integrity::Owner => text!("you"),
                Integrity::Contact(id) => text!("{who}", who = id),
                Integrity::Config => text!("the config"),
                Integrity::Untrusted => text!("somebody"),
            },
            Message::Assistant { .. } => {
                let answered = |attempt: &&yabby_core::Attempt| attempt.outcome == Outcome::Answered;
                match item.attempts.iter().rev().find(answered) {
                    Some(attempt) => text!("{who}", who = attempt.model),
                    None => text!("the assistant"),
                }
            }
            Message::ToolResult { name, .. } => text!("tool {name}", name = name),
        },
        Content::Summary { from, to, .. } => text!("summary of the items {from} to {to}", from = from, to = to),
        Content::Note { name, .. } => text!("note: {name}", name = name),
    }
}

/// What was said, without what is too long for a screen.
fn said(terminal: Terminal, item: &NewItem) -> String {
    let mut parts = Vec::new();
    match &item.content {
        Content::Message { message } => match message {
            Message::User { text, images } => {
                parts.push(cut(terminal, text));
                if !images.is_empty() {
                    parts.push(terminal.say(&text!("[pictures: {count}]", count = images.len())));
                }
            }
            Message::Assistant { text, tool_calls, .. } => {
                parts.push(cut(terminal, text));
                parts.extend(tool_calls.iter().map(|call| {
                    let arguments = Value::Object(call.arguments.clone()).to_string();
                    cut(terminal, &format!("→ {} {arguments}", call.name))
                }));
            }
            Message::ToolResult { content, .. } => parts.push(cut(terminal, content)),
        },
        Content::Summary { text, .. } => parts.push(cut(terminal, text)),
        Content::Note { value, .. } => parts.push(cut(terminal, &value.to_string())),
    }
    parts.extend(item.files.iter().map(|file| {
        let name = file.name.as_ref().unwrap_or(&file.hash);
        terminal.say(&text!("[file: {name}]", name = name))
    }));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn cut(terminal: Terminal, text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(LONGEST) else {
        return text.to_owned();
    };
    let (begin, rest) = text.split_at(end);
    let more = text!(
        "… {count} more characters; --json prints all",
        count = rest.chars().count()
    );
    format!("{begin}\n{}", terminal.say(&more))
}

fn item_as_json(Item { seq, item }: &Item) -> Value {
    json!({
        "seq": seq,
        "id": item.id,
        "turn": item.turn,
        "at": item.at,
        "content": item.content,
        "label": item.label,
        "attempts": item.attempts,
        "files": item.files,
    })
}
