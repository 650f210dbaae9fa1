//! Puts tool calls together from pieces.
//!
//! What servers do (`model-servers.md` §1.3, §6.2, §7.1; `faults.md` M21): the name comes late, or again and empty;
//! ids are missing, empty or the same twice; indices have gaps, are missing, or are 0 for every call; arguments
//! begin with a stray `{}`, are sent twice, or are a JSON string that holds the object. vLLM without `strict`
//! gives a bare JSON string that holds no object: such a call cannot be run and is an error.

use std::collections::HashSet;

use serde_json::{Map, Value};
use yabby_core::{ModelEvent, ToolCall};

use crate::{error::WireError, json};

/// The most bytes of arguments that one call may have.
const MAX_ARGUMENTS: usize = 4 * 1024 * 1024;

/// The most calls that one answer may have; keys are looked for one by one.
const MAX_CALLS: usize = 128;

/// What the pieces of one call have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A position.
    Index(u64),
    /// The id of an output item.
    Item(String),
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    id: String,
    name: String,
    arguments: String,
}

/// Names and ids that the calls must fit to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The tools of the request.
    pub tools: Vec<String>,
    /// Call ids that the conversation has already.
    pub ids: Vec<String>,
}

/// The object that `raw` holds, leniently.
fn object(raw: &str) -> Option<Map<String, Value>> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Some(Map::new());
    }
    let mut found: Option<Map<String, Value>> = None;
    for value in serde_json::Deserializer::from_str(raw).into_iter::<Value>() {
        let map = match value.ok()? {
            Value::Object(map) => map,
            Value::String(inner) => serde_json::from_str(&inner).ok()?,
            Value::Null => Map::new(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        match &found {
            Some(first) if !first.is_empty() && !map.is_empty() && *first != map => return None,
            Some(first) if !first.is_empty() => {}
            _ => found = Some(map),
        }
    }
    found
}

// === impl Calls ===

impl Calls {
    /// Whether the server has sent no call.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Begins a call, or adds to the one with this key what it does not have yet.
    pub(crate) fn open(&mut self, key: Key, id: &str, name: &str) -> Result<(), WireError> {
        let slot = self.slot(key)?;
        if slot.id.is_empty() {
            id.clone_into(&mut slot.id);
        }
        if slot.name.is_empty() {
            name.clone_into(&mut slot.name);
        }
        Ok(())
    }

    /// Adds a piece of arguments.
    pub(crate) fn append(&mut self, key: Key, piece: &str) -> Result<(), WireError> {
        let slot = self.slot(key)?;
        if slot.arguments.len() + piece.len() > MAX_ARGUMENTS {
            return Err(slot.malformed("are too long"));
        }
        slot.arguments.push_str(piece);
        Ok(())
    }

    /// Sets the arguments; an empty value does not undo pieces that came.
    pub(crate) fn replace(&mut self, key: Key, arguments: &str) -> Result<(), WireError> {
        if arguments.is_empty() {
            return Ok(());
        }
        self.slot(key.clone())?.arguments.clear();
        self.append(key, arguments)
    }

    /// Reads one element of a Chat `tool_calls` array, of a delta or of a whole message.
    pub(crate) fn chat(&mut self, call: &Value) -> Result<(), WireError> {
        let id = json::text(call, "/id");
        let name = json::text(call, "/function/name");
        let index = call.get("index").and_then(Value::as_u64);
        let key = self.chat_key(index, id, name);
        self.open(key.clone(), id, name)?;
        match call.pointer("/function/arguments") {
            Some(Value::String(piece)) => self.append(key, piece),
            Some(Value::Object(map)) => self.append(key, &Value::Object(map.clone()).to_string()),
            _ => Ok(()),
        }
    }

    /// Gives the complete calls. With `cut`, when a limit ended the answer, a last call whose arguments are not
    /// complete is left out: the end reason tells that something is missing.
    pub(crate) fn finish(&mut self, cut: bool, known: &Known, out: &mut Vec<ModelEvent>) -> Result<usize, WireError> {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_by_key(|slot| match slot.key {
            Key::Index(index) => index,
            Key::Item(_) => 0,
        });
        if cut && slots.last().is_some_and(Slot::is_incomplete) {
            slots.pop();
        }
        let mut taken: HashSet<String> = known.ids.iter().cloned().collect();
        let count = slots.len();
        for slot in slots {
            let Some(arguments) = object(&slot.arguments) else {
                return Err(slot.malformed("are not a JSON object"));
            };
            let name = known.tool(&slot.name);
            if name.is_empty() {
                return Err(WireError::malformed("a tool call has no name"));
            }
            out.push(ModelEvent::ToolCall(ToolCall {
                id: unique(&slot.id, &mut taken),
                name,
                arguments,
            }));
        }
        Ok(count)
    }

    /// The key of a Chat piece. Without an index, or when an index is used again with another id and a name, a
    /// new call begins; pieces without either belong to the last call.
    fn chat_key(&self, index: Option<u64>, id: &str, name: &str) -> Key {
        let last = match index {
            Some(index) => self.slots.iter().rfind(|slot| slot.key == Key::Index(index)),
            None => self.slots.last(),
        };
        let begins = |slot: &Slot| {
            let other_id = !id.is_empty() && !slot.id.is_empty() && slot.id != id;
            !name.is_empty() && (other_id || (index.is_none() && id.is_empty() && !slot.name.is_empty()))
        };
        match last {
            Some(slot) if !begins(slot) => slot.key.clone(),
            Some(_) => Key::Index(self.next_index()),
            None => Key::Index(index.unwrap_or_else(|| self.next_index())),
        }
    }

    fn next_index(&self) -> u64 {
        let indices = self.slots.iter().map(|slot| match slot.key {
            Key::Index(index) => index.saturating_add(1),
            Key::Item(_) => 0,
        });
        indices.max().unwrap_or(0)
    }

    fn slot(&mut self, key: Key) -> Result<&mut Slot, WireError> {
        let at = match self.slots.iter().rposition(|slot| slot.key == key) {
            Some(at) => at,
            None if self.slots.len() >= MAX_CALLS => return Err(WireError::malformed("too many tool calls")),
            None => {
                self.slots.push(Slot {
                    key,
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                });
                self.slots.len() - 1
            }
        };
        Ok(&mut self.slots[at])
    }
}

// === impl Slot ===

impl Slot {
    fn is_incomplete(&self) -> bool {
        self.name.is_empty() || self.arguments.trim().is_empty() || object(&self.arguments).is_none()
    }

    fn malformed(&self, how: &str) -> WireError {
        WireError::malformed(&format!(
            "the arguments of the call of tool `{}` {how}: {}",
            self.name, self.arguments
        ))
    }
}

// === impl Known ===

impl Known {
    /// The registered name that `name` means: itself, or without a `functions.` prefix (Kimi, gpt-oss;
    /// `model-servers.md` §1.2, §3). A name that nobody registered stays as it is.
    fn tool(&self, name: &str) -> String {
        let name = name.trim();
        let is_known = |name: &str| self.tools.iter().any(|tool| tool == name);
        match name.strip_prefix("functions.") {
            Some(rest) if !is_known(name) && is_known(rest) => rest.to_owned(),
            _ => name.to_owned(),
        }
    }
}

/// `id`, or a made-up one, that no other call has.
fn unique(id: &str, taken: &mut HashSet<String>) -> String {
    let mut chosen = if id.is_empty() {
        "call_1".to_owned()
    } else {
        id.to_owned()
    };
    let mut number = 2;
    while taken.contains(&chosen) {
        chosen = if id.is_empty() {
            format!("call_{number}")
        } else {
            format!("{id}_{number}")
        };
        number += 1;
    }
    taken.insert(chosen.clone());
    chosen
}

#[cfg(test)]
mod tests;
