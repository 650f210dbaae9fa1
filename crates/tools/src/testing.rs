//! What the tests of several tools use.

use yabby_core::{Confidentiality, Integrity, Label, SessionKey, Time};

use crate::{At, Manifest, Watcher};

/// `Wed 2026-11-25 20:10` in UTC.
pub(crate) const fn now() -> Time {
    Time(1_795_637_445_000)
}

/// A call of the owner, before whom nothing was read.
pub(crate) fn at() -> At {
    At {
        agent: "main".to_owned(),
        conversation: SessionKey::main("main"),
        session: "session".to_owned(),
        turn: "turn".to_owned(),
        call: "call".to_owned(),
        now: now(),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
        room: 8000,
        watcher: Watcher::nobody(),
    }
}

/// What the model is told of a tool, with about how many tokens that takes: a token has some four characters.
pub(crate) fn tokens(manifest: &Manifest) -> String {
    let tool = &manifest.tool;
    let schema = tool.parameters.to_string();
    let chars = tool.name.len() + tool.description.len() + schema.len();
    format!(
        "{}: about {} tokens\n{}\n{schema}\n{:?}, sinks {:?}, returns {:?}, repeatable {}, core {}\n",
        tool.name,
        chars.div_ceil(4),
        tool.description,
        manifest.effect,
        manifest.sinks,
        manifest.returns,
        manifest.repeatable,
        manifest.core,
    )
}
