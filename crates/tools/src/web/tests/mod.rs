//! The tools against a server on loopback.

mod fetch;
mod search;
mod site;

use serde_json::{Map, Value};
use yabby_core::{Confidentiality, Integrity, Label, SessionKey, Time};

use super::{FetchSettings, Lookup};
use crate::{At, Watcher};

fn at(now: i64) -> At {
    At {
        agent: "main".into(),
        conversation: SessionKey::main("main"),
        session: "s".into(),
        turn: "t".into(),
        call: "c".into(),
        now: Time(now),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
        room: 8_000,
        watcher: Watcher::nobody(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}
