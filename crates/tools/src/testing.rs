//! For the tests of tools.

use yabby_core::{Label, SessionKey, Time};

use crate::{At, Watcher};

/// A call of the owner's.
pub(crate) fn at() -> At {
    At {
        agent: "main".to_owned(),
        conversation: SessionKey::main("main"),
        session: "s1".to_owned(),
        turn: "t1".to_owned(),
        call: "c1".to_owned(),
        now: Time(1_700_000_000_000),
        label: Label::of_nothing(),
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
