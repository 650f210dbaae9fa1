//! What `yabby setup` shows.

use std::path::Path;

use yabby_core::{Lang, Text, text};

use super::{
    change,
    proof::Remark,
    recommend::{Advice, Pick, rounded},
    row::{Role, Row},
    server::{Found, trouble},
};
use crate::{
    app::App,
    config_file::ConfigFile,
    table::table,
    terminal::{Mark, Terminal, visible},
};

pub(super) fn title(terminal: Terminal, words: &Text) {
    terminal.out(&terminal.bold(&terminal.say(words)));
}

/// A line with a mark, and what to do about it.
pub(super) fn item(terminal: Terminal, mark: Mark, words: &Text, fix: Option<&Text>) {
    terminal.out(&format!("  {} {}", terminal.mark(mark), terminal.say(words)));
    if let Some(fix) = fix {
        terminal.out(&format!("    → {}", terminal.say(fix)));
    }
}

/// The servers, with what is wrong with them.
pub(super) fn servers(app: &App, found: &Found) {
    let terminal = app.terminal;
    title(terminal, &text!("Model servers"));
    for server in &found.servers {
        let provider = &server.endpoint.provider;
        match trouble(app, server) {
            None if server.starts_when_needed() => {
                let words = text!(
                    "{provider}: not running; the first question starts its server",
                    provider = provider
                );
                item(terminal, Mark::Good, &words, None);
            }
            None => {
                let words = text!(
                    "{provider}: {url} ({kind}; models: {count})",
                    provider = provider,
                    url = server.endpoint.base_url,
                    kind = server.kind(),
                    count = server.facts.models.len()
                );
                item(terminal, Mark::Good, &words, None);
            }
            Some((words, fix)) => {
                let words = if server.error().is_some() {
                    text!("{provider}: {error}", provider = provider, error = words)
                } else {
                    text!(
                        "{provider}: {url} ({kind}): {error}",
                        provider = provider,
                        url = server.endpoint.base_url,
                        kind = server.kind(),
                        error = words
                    )
                };
                item(terminal, Mark::Bad, &words, fix.as_ref());
            }
        }
    }
    for hosted in &found.hosted {
        let words = match &hosted.key {
            Some(key) => text!(
                "{provider}: hosted, with a key from {key}; it is not asked",
                provider = hosted.provider,
                key = key
            ),
            None => text!(
                "{provider}: hosted, with a key; it is not asked",
                provider = hosted.provider
            ),
        };
        item(terminal, Mark::Note, &words, None);
    }
    if found.servers.is_empty() {
        item(
            terminal,
            Mark::Note,
            &text!("none is configured, and none runs on a well-known port"),
            None,
        );
    }
    for note in &found.notes {
        item(terminal, Mark::Note, note, None);
    }
}

/// The models, numbered from `first` on, and what their trials had to say.
pub(super) fn models(app: &App, rows: &[Row], first: usize, left_out: usize) {
    if rows.is_empty() {
        return;
    }
    let terminal = app.terminal;
    terminal.out("");
    title(terminal, &text!("Models"));
    let head = [
        text!("MODEL"),
        text!("STATE"),
        text!("NOW"),
        text!("WINDOW"),
        text!("TOOLS"),
        text!("SPEED"),
    ];
    let number = std::iter::once("#".to_owned());
    let head: Vec<String> = number.chain(head.iter().map(|text| terminal.say(text))).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| cells(terminal, first + place, row))
        .collect();
    for line in table(&head, &cells) {
        // Ids come from servers.
        terminal.out(&format!("  {}", visible(&line)));
    }
    if left_out > 0 {
        item(
            terminal,
            Mark::Note,
            &text!("and {count} more; --model names one of them", count = left_out),
            None,
        );
    }
    for row in rows {
        let Some(proof) = &row.proof else { continue };
        let told = match (&proof.trouble, &proof.remark) {
            (Some(Remark { words, fix }), _) => Some((Mark::Bad, words, fix)),
            (None, Some(Remark { words, fix })) => Some((Mark::Note, words, fix)),
            (None, None) => None,
        };
        if let Some((mark, words, fix)) = told {
            let words = if mark == Mark::Bad {
                text!("{model}: {error}", model = row.model, error = words)
            } else {
                text!("{model}: tool calls: {error}", model = row.model, error = words)
            };
            item(terminal, mark, &words, fix.as_ref());
        }
    }
}

fn cells(terminal: Terminal, number: usize, row: &Row) -> Vec<String> {
    let unknown = || "?".to_owned();
    let proof = row.proof.as_ref();
    let tools = match proof {
        None => terminal.say(&text!("not tried")),
        Some(proof) if !proof.answers() => terminal.say(&text!("no answer")),
        Some(proof) => proof.tools.name().to_owned(),
    };
    let speed = proof.and_then(|proof| proof.speed);
    vec![
        number.to_string(),
        row.model.to_string(),
        row.state.name().to_owned(),
        match row.role {
            Some(Role::Primary) => "primary".to_owned(),
            Some(Role::Fallback) => "fallback".to_owned(),
            None => String::new(),
        },
        row.window.map_or_else(unknown, |window| window.to_string()),
        tools,
        speed.map_or_else(unknown, |speed| {
            terminal.say(&text!("{speed} tokens/s", speed = rounded(speed)))
        }),
    ]
}

/// What is recommended, and why.
pub(super) fn advice(app: &App, rows: &[Row], advice: &Advice) {
    let terminal = app.terminal;
    terminal.out("");
    title(terminal, &text!("Recommended"));
    let picks = [
        (text!("primary"), &advice.primary),
        (text!("fallback"), &advice.fallback),
    ];
    for (what, pick) in picks {
        if let Some(pick) = pick {
            recommended(terminal, &what, rows, pick);
        }
    }
    if advice.primary.is_none() && rows.iter().any(Row::can_be_used) {
        let words = text!("these models were not tried, because it may cost something: choose one yourself");
        item(terminal, Mark::Note, &words, Some(&text!("name it with --model")));
    } else if advice.primary.is_none() {
        let fix = text!(
            "load a model in LM Studio, Ollama, llama.cpp or vLLM and run `yabby setup` again, or name a server: yabby setup --base-url http://HOST:PORT/v1"
        );
        item(
            terminal,
            Mark::Note,
            &text!("there is no model that can be used"),
            Some(&fix),
        );
        terminal.out(&format!(
            "    → {}",
            terminal.say(&text!("`yabby up` installs a small one for a first look"))
        ));
    }
}

fn recommended(terminal: Terminal, what: &Text, rows: &[Row], pick: &Pick) {
    let reasons: Vec<String> = pick.reasons.iter().map(|reason| terminal.say(reason)).collect();
    let between = match terminal.lang {
        Lang::En => ", ",
        Lang::ZhTw => "、",
    };
    let line = text!(
        "{what}: {model} ({reasons})",
        what = what,
        model = rows[pick.row].model,
        reasons = reasons.join(between)
    );
    item(terminal, Mark::Good, &line, None);
}

/// The lines that go and come. In a file that a person wrote, secrets and comments are not shown.
pub(super) fn changes(app: &App, file: &ConfigFile, after: &str) {
    let terminal = app.terminal;
    terminal.out("");
    let path = shown(&file.path);
    let (heading, lines) = if file.is_new() {
        (text!("New config: {path}", path = path), change::lines("", after))
    } else {
        let masked = |text: &str| file.draft(app, text).masked_text();
        let lines = change::lines(&masked(file.text()), &masked(after));
        (text!("Changes in {path}", path = path), lines)
    };
    title(terminal, &heading);
    let width = lines
        .iter()
        .map(|line| line.number)
        .max()
        .unwrap_or(1)
        .to_string()
        .len();
    for line in lines {
        let mark = if line.comes { '+' } else { '-' };
        let text = without_comment(&line.text);
        terminal.out(&visible(&format!("  {:>width$} {mark} {text}", line.number)));
    }
}

/// Asterisks in the place of a comment say nothing.
fn without_comment(line: &str) -> &str {
    match line.split_once("// ") {
        Some((before, comment)) if comment.chars().all(|c| matches!(c, '*' | ' ')) => before.trim_end(),
        _ => line,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
