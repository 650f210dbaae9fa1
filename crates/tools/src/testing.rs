//! For the tests of tools.

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
        room: 20_000,
        watcher: Watcher::nobody(),
    }
}

/// What models are told of tools, with how many tokens it is, roughly.
pub(crate) fn told(tools: &[std::sync::Arc<dyn crate::Tool>]) -> String {
    use std::fmt::Write as _;

    let mut sum = 0;
    let mut told = String::new();
    for tool in tools {
        let manifest = tool.manifest();
        let yabby_core::Tool {
            name,
            description,
            parameters,
        } = &manifest.tool;
        let tokens = (name.len() + description.len() + parameters.to_string().len()).div_ceil(4);
        sum += if manifest.core { tokens } else { 0 };
        let (effect, core) = (manifest.effect, if manifest.core { ", core" } else { "" });
        let _ = write!(
            told,
            "{name}: {tokens} tokens, {effect:?}{core}\n{description}\n{parameters}\n\n"
        );
    }
    told + &format!("{sum} tokens that are always there")
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
