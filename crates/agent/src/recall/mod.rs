//! The tool by which a model finds what was said before in its own conversation, also what it is not shown any more.

#[cfg(test)]
mod tests;

use std::{cmp::Reverse, collections::BTreeMap};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::{Map, Value, json};
use yabby_core::{Label, Time, Tool as Told, calendar};
use yabby_store::{Hit, Store};
use yabby_tools::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind};

use crate::results::failed;

/// The most places that are shown.
const MOST: usize = 8;
/// So many are looked at for each word, when no place has all of them.
const DEEP: usize = 40;
/// So many words of a question are looked for one by one.
const WORDS: usize = 6;
/// Shorter words are in everything.
const SHORT: usize = 3;
/// Characters of one line of the answer.
const LINE: usize = 320;

/// `recall`: searches everything that was said in the session, also what a summary stands for.
pub struct Recall {
    store: Store,
    manifest: Manifest,
}

impl Recall {
    /// Over the items of a store. A call sees those of its own session.
    pub fn new(store: Store) -> Self {
        let tool = Told {
            name: "recall".to_owned(),
            description:
                "Searches everything said earlier in this conversation, also what was left out or summarised. \
                          Gives snippets; result(handle) shows the whole."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {"query": {"type": "string", "description": "a few telling words"}},
                "required": ["query"]
            }),
        };
        let manifest = Manifest {
            tool,
            effect: Effect::Read,
            sinks: Vec::new(),
            returns: Returns::Kept,
            repeatable: true,
            group: Group::Memory,
            core: true,
        };
        Self { store, manifest }
    }

    async fn answer(&self, arguments: &Map<String, Value>, at: &At) -> Result<Output, ToolError> {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let most = (at.room / LINE).clamp(1, MOST);
        let mut shown = String::new();
        let mut label = Label::of_nothing();
        let mut told = 0;
        for hit in self.hits(query, at).await? {
            if told == most {
                break;
            }
            let found = self
                .store
                .items(&hit.session, hit.seq, 1)
                .await
                .map_err(|error| failed(&error))?;
            let Some(item) = found.into_iter().next().filter(|item| item.seq == hit.seq) else {
                continue;
            };
            // The question itself, and what was called to answer it, is no news.
            if item.item.turn.as_deref() == Some(at.turn.as_str()) {
                continue;
            }
            label = label.join(&item.item.label);
            shown.push_str(&line(&hit, &item.item.id));
            told += 1;
        }
        if told == 0 {
            let message = "nothing that was said has these words; try fewer or others";
            return Err(ToolError::new(ToolErrorKind::NotFound, message));
        }
        Ok(Output {
            label: Some(label),
            ..Output::text(shown)
        })
    }

    /// The places with all the words, or else with most of them; the latest first.
    async fn hits(&self, query: &str, at: &At) -> Result<Vec<Hit>, ToolError> {
        let search = async |words: &str| {
            let found = self
                .store
                .search_in(&at.conversation, words, DEEP)
                .await
                .map_err(|error| failed(&error))?;
            Ok(found
                .into_iter()
                // Another session of the conversation may have been private.
                .filter(|hit| hit.kind != "summary" && hit.session == at.session)
                .collect::<Vec<_>>())
        };
        let all = search(query).await?;
        if all.len() > 1 {
            return Ok(all);
        }
        let mut words: Vec<&str> = query.split_whitespace().collect();
        words.retain(|word| word.chars().count() >= SHORT || !word.is_ascii());
        words.sort_by_key(|word| Reverse(word.chars().count()));
        words.dedup();
        let mut found: BTreeMap<i64, (usize, Hit)> = all.into_iter().map(|hit| (hit.number, (WORDS, hit))).collect();
        for word in words.into_iter().take(WORDS) {
            for hit in search(word).await? {
                found.entry(hit.number).or_insert((0, hit)).0 += 1;
            }
        }
        let mut found: Vec<(usize, Hit)> = found.into_values().collect();
        found.sort_by_key(|(words, hit)| Reverse((*words, hit.number)));
        Ok(found.into_iter().map(|(_, hit)| hit).collect())
    }
}

impl Tool for Recall {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        self.answer(arguments, at).boxed()
    }
}

fn line(hit: &Hit, handle: &str) -> String {
    let snippet: String = hit.snippet.chars().take(LINE - 80).collect();
    format!(
        "{} {} (handle {handle}): {}\n",
        minute(hit.at),
        hit.kind,
        snippet.trim()
    )
}

/// The minute of a time of UTC, `2026-11-25 20:10`.
fn minute(time: Time) -> String {
    let stamp = calendar::stamp(time);
    let piece = |range: std::ops::Range<usize>| stamp.get(range).unwrap_or_default();
    let (date, clock) = (0..8, 9..13);
    format!(
        "{}-{}-{} {}:{}",
        piece(date.start..4),
        piece(4..6),
        piece(6..date.end),
        piece(clock.start..11),
        piece(11..clock.end)
    )
}
