//! Puts tool calls together from pieces.
//!
//! What servers do (`wire-facts.md` §5.3, §6.2, §7.1, §7.3): the name comes late, or again and empty;
//! ids are missing, empty or the same twice; indices have gaps, are missing, or are 0 for every call; arguments
//! begin with a stray `{}`, are sent twice, or are a JSON string that holds the object. vLLM without `strict`
//! gives a bare JSON string that holds no object: such a call cannot be run, and the model is told so.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value};
use yabby_core::{MalformedCall, ModelEvent, ToolCall};

use crate::{
    arguments::{self, Tools},
    error::WireError,
    json,
};

/// The most bytes of arguments that one call may have.
const MAX_ARGUMENTS: usize = 4 * 1024 * 1024;

/// The most calls that one answer may have; keys are looked for one by one. The model is told of the rest as of one
/// call that cannot be run.
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
    /// It stands for all calls that are too many.
    is_rest: bool,
}

/// Names and ids that the calls must fit to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The tools of the request.
    pub tools: Arc<Tools>,
    /// Call ids that the conversation has already.
    pub ids: Vec<String>,
}

// === impl Calls ===

impl Calls {
    /// Whether the server has sent no call.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The names of the calls so far, as the server gave them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.name.as_str())
    }

    /// Begins a call, or adds to the one with this key what it does not have yet.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "decoders use it as they use `append`, which may fail"
    )]
    pub(crate) fn open(&mut self, key: Key, id: &str, name: &str) -> Result<(), WireError> {
        let slot = self.slot(key);
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
        let slot = self.slot(key);
        if slot.is_rest {
            return Ok(());
        }
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
        self.slot(key.clone()).arguments.clear();
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

    /// Gives the complete calls, and those that cannot be run for what they are. With `cut`, when a limit ended the answer, a last call whose arguments are not
    /// complete is left out: the end reason tells that something is missing.
    pub(crate) fn finish(&mut self, cut: bool, known: &Known, out: &mut Vec<ModelEvent>) -> usize {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_by_key(|slot| match slot.key {
            _ if slot.is_rest => u64::MAX,
            Key::Index(index) => index,
            Key::Item(_) => 0,
        });
        if cut && slots.last().is_some_and(Slot::is_incomplete) {
            slots.pop();
        }
        let mut taken: HashSet<String> = known.ids.iter().cloned().collect();
        let count = slots.len();
        for slot in slots {
            out.push(slot.event(&known.tools, &mut taken));
        }
        count
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

    fn slot(&mut self, key: Key) -> &mut Slot {
        let at = match self.slots.iter().rposition(|slot| slot.key == key) {
            Some(at) => at,
            None if self.slots.len() > MAX_CALLS => MAX_CALLS,
            None => {
                self.slots.push(Slot {
                    key,
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                    is_rest: self.slots.len() == MAX_CALLS,
                });
                self.slots.len() - 1
            }
        };
        &mut self.slots[at]
    }
}

// === impl Slot ===

impl Slot {
    fn is_incomplete(&self) -> bool {
        self.name.is_empty() || self.arguments.trim().is_empty() || arguments::object(&self.arguments).is_err()
    }

    fn event(self, tools: &Tools, taken: &mut HashSet<String>) -> ModelEvent {
        let id = unique(&self.id, taken);
        match self.checked(tools) {
            Ok((name, arguments)) => ModelEvent::ToolCall(ToolCall { id, name, arguments }),
            Err(problem) => ModelEvent::MalformedCall(MalformedCall {
                id,
                name: tools.known(&self.name).unwrap_or(&self.name).to_owned(),
                arguments: self.arguments,
                problem,
            }),
        }
    }

    /// The registered name and the arguments, or what is wrong.
    fn checked(&self, tools: &Tools) -> Result<(String, Map<String, Value>), String> {
        if self.is_rest {
            return Err(format!(
                "an answer may have at most {MAX_CALLS} calls; this one and all after it were left out"
            ));
        }
        let name = self.name.trim();
        let name = tools.known(name).ok_or_else(|| tools.no_such_tool(name))?;
        let read = arguments::object(&self.arguments);
        let arguments = read.map_err(|how| arguments::problem(&format!("the arguments of the tool `{name}` {how}")))?;
        Ok((name.to_owned(), tools.fit(name, arguments)?))
    }

    fn malformed(&self, how: &str) -> WireError {
        WireError::malformed(&format!(
            "the arguments of the call of tool `{}` {how}: {}",
            self.name, self.arguments
        ))
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
