//! The tool by which a model reads on in a long result.

use std::{collections::BTreeSet, fmt::Write as _};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::{Map, Value, json};
use yabby_core::{Message, Tool as Told};
use yabby_store::{Content, Item, Store, StoreError};
use yabby_tools::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind};

use super::{
    fit::{at, head},
    keep::{NAME, whole},
};
use crate::render::stubs;

/// Its name.
pub(crate) const TOOL: &str = "result";
/// The most handles that are named.
const MOST_HANDLES: usize = 5;
/// The most places that a search shows.
const MOST_FOUND: usize = 20;
/// Characters around a place.
const AROUND: usize = 80;
/// Room for the line that tells where one is.
const LINE: usize = 120;

/// `result`: reads on in a result that was cut or left out, or finds words in it.
pub struct ResultTool {
    store: Store,
    manifest: Manifest,
}

impl ResultTool {
    /// Over the items of a store. A call sees those of its own session: another one may
    /// have been private.
    pub fn new(store: Store) -> Self {
        let tool = Told {
            name: TOOL.to_owned(),
            description: "Reads on in an earlier result that says it was cut or left out. Not for other results."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "handle": {"type": "string"},
                    "from": {"type": "integer", "description": "first character"},
                    "find": {"type": "string", "description": "show only places with these words"}
                },
                "required": ["handle"]
            }),
        };
        let manifest = Manifest {
            tool,
            effect: Effect::Read,
            sinks: Vec::new(),
            returns: Returns::Kept,
            repeatable: true,
            group: Group::Sessions,
            core: true,
        };
        Self { store, manifest }
    }

    async fn answer(&self, arguments: &Map<String, Value>, at: &At) -> Result<Output, ToolError> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        let handle = text("handle");
        let from = arguments.get("from").and_then(Value::as_u64).unwrap_or(0);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let found = self
            .store
            .item(&at.session, handle)
            .await
            .map_err(|error| failed(&error))?;
        let said = match &found {
            Some(item) => whole(&self.store, &item.item).await.map_err(|error| failed(&error))?,
            None => None,
        };
        let (Some(item), Some(said)) = (found, said) else {
            return Err(self.no_such_handle(at).await?);
        };
        let shown = match text("find") {
            "" => page(&said, from, at.room, handle),
            words => places(&said, words, at.room),
        }?;
        Ok(Output {
            label: Some(item.item.label),
            ..Output::text(shown)
        })
    }
}

impl ResultTool {
    /// What a model is told that has made a handle up: those that there are, or that it needs none.
    async fn no_such_handle(&self, at: &At) -> Result<ToolError, ToolError> {
        let items = self.store.context(&at.session).await.map_err(|error| failed(&error))?;
        let handles = handles(&items);
        let message = if handles.is_empty() {
            "there is no such handle, and none is needed: no result was cut or left out. Each stands whole in this \
             conversation; answer from there"
                .to_owned()
        } else {
            let last: Vec<String> = handles.into_iter().rev().take(MOST_HANDLES).collect();
            format!(
                "there is no such handle. Those of the results that were cut or left out: {}. Every other result stands \
                 whole in this conversation; answer from there",
                last.join(", ")
            )
        };
        Ok(ToolError::new(ToolErrorKind::NotFound, message))
    }
}

/// The handles of the results that a model does not see whole, each with its tool, the oldest first.
fn handles(items: &[Item]) -> Vec<String> {
    let stubs: BTreeSet<u64> = items.iter().flat_map(stubs).collect();
    let one = |item: &Item| match &item.item.content {
        Content::Message {
            message: Message::ToolResult { name, .. },
        } => {
            let cut = item.item.files.iter().any(|file| file.name.as_deref() == Some(NAME));
            (cut || stubs.contains(&item.seq)).then(|| format!("\"{}\" ({name})", item.item.id))
        }
        _ => None,
    };
    items.iter().filter_map(one).collect()
}

impl Tool for ResultTool {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        self.answer(arguments, at).boxed()
    }
}

/// What the model is told of a store that does not answer.
pub(crate) fn failed(error: &StoreError) -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, error.message.english())
}

/// The text from a character on, as far as the room goes.
fn page(text: &str, from: usize, room: usize, handle: &str) -> Result<String, ToolError> {
    let all = text.chars().count();
    if from >= all && all > 0 {
        let message = format!("it has only {all} characters; ask with a smaller from");
        return Err(ToolError::new(ToolErrorKind::Invalid, message));
    }
    let rest = text.get(at(text, from)..).unwrap_or_default();
    let most = room.saturating_sub(LINE).max(LINE);
    if rest.chars().count() <= room {
        return Ok(format!("[characters {from} to {all} of {all}]\n{rest}"));
    }
    let piece = head(rest, most);
    let to = from + piece.chars().count();
    let piece = piece.trim_end_matches('\n');
    Ok(format!(
        "[characters {from} to {to} of {all}]\n{piece}\n[result(handle=\"{handle}\", from={to}) shows more]"
    ))
}

/// The places where words stand, each with what is around it.
fn places(text: &str, words: &str, room: usize) -> Result<String, ToolError> {
    let folded = |c: char| c.to_lowercase().next().unwrap_or(c);
    let text: Vec<char> = text.chars().collect();
    let lower: Vec<char> = text.iter().copied().map(folded).collect();
    let words: Vec<char> = words.chars().map(folded).collect();
    let mut shown = String::new();
    let (mut found, mut next, mut told) = (0, 0, 0);
    for place in 0..lower.len() {
        if place < next || !lower.get(place..).is_some_and(|rest| rest.starts_with(&words)) {
            continue;
        }
        found += 1;
        let (begin, end) = (
            place.saturating_sub(AROUND),
            (place + words.len() + AROUND).min(text.len()),
        );
        // A second word in what was just shown is not shown again.
        next = end;
        if told < MOST_FOUND && shown.chars().count() + end - begin + LINE <= room.max(4 * LINE) {
            let piece: String = text.get(begin..end).unwrap_or_default().iter().collect();
            let piece = piece.replace(['\n', '\r', '\t'], " ");
            let _ = writeln!(shown, "from={begin}: …{}…", piece.trim());
            told += 1;
        }
    }
    if found == 0 {
        let message = "these words are not in it; try fewer or others";
        return Err(ToolError::new(ToolErrorKind::NotFound, message));
    }
    if told < found {
        let _ = writeln!(shown, "[{} more places; use rarer words]", found - told);
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_reads_on_where_it_stopped() {
        let text = (0..80)
            .map(|line| format!("line {line}\n"))
            .collect::<Vec<_>>()
            .concat();
        let first = page(&text, 0, 300, "h").unwrap();
        insta::assert_snapshot!(first.lines().last().unwrap(), @r#"[result(handle="h", from=174) shows more]"#);
        let mut read = String::new();
        let mut from = 0;
        loop {
            let shown = page(&text, from, 300, "h").unwrap();
            let (_, rest) = shown.split_once("]\n").unwrap();
            let Some((piece, next)) = rest.split_once("\n[result(handle=\"h\", from=") else {
                read.push_str(rest);
                break;
            };
            read.push_str(piece);
            read.push('\n');
            from = next.split_once(')').unwrap().0.parse().unwrap();
        }
        assert_eq!(read, text);
        assert_eq!(page(&text, 9999, 300, "h").unwrap_err().kind, ToolErrorKind::Invalid);
        assert_eq!(page("", 0, 300, "h").unwrap(), "[characters 0 to 0 of 0]\n");
    }

    #[test]
    fn it_finds_words() {
        let text = format!("{}The Error was here.\n{}", "x ".repeat(200), "y ".repeat(200));
        let shown = places(&text, "error WAS", 2000).unwrap();
        assert!(
            shown.starts_with("from=324: …") && shown.contains("The Error was here. y y"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1);
        assert_eq!(places(&text, "absent", 2000).unwrap_err().kind, ToolErrorKind::NotFound);
        let many = "needle . ".repeat(1000);
        let shown = places(&many, "needle", 900).unwrap();
        assert!(
            shown.ends_with("more places; use rarer words]\n") && shown.chars().count() < 1000,
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn any_place_can_be_asked_for(text in "(?s).{0,400}", from in 0_usize..500, room in 0_usize..500, words in ".{1,5}") {
            if let Ok(shown) = page(&text, from, room, "h") {
                let begin = format!("[characters {from} to ");
                prop_assert!(shown.starts_with(&begin));
            }
            let _ = places(&text, &words, room);
        }
    }
}
