//! The one object of `yabby setup --json`. Sentences are in English, as in logs.

use std::path::Path;

use serde_json::{Value, json};
use yabby_core::Text;

use super::{
    change::Chosen,
    recommend::{Advice, Pick},
    row::{Role, Row},
    server::{Found, Server, trouble},
};
use crate::{app::App, config_file::Saved};

/// What became of the config.
pub(super) struct Written<'a> {
    pub(super) path: &'a Path,
    /// `None` where nothing was written.
    pub(super) saved: Option<&'a Saved>,
}

pub(super) fn report(
    app: &App,
    found: &Found,
    rows: &[Row],
    advice: &Advice,
    chosen: Chosen,
    notes: &[Text],
    written: &Written<'_>,
) -> Value {
    let name = |place: Option<usize>| place.map(|place| rows[place].model.to_string());
    json!({
        "servers": found.servers.iter().map(|found| server(app, found)).collect::<Vec<_>>(),
        "hosted": found.hosted.iter().map(|hosted| json!({"provider": hosted.provider, "key": hosted.key})).collect::<Vec<_>>(),
        "models": rows.iter().map(model).collect::<Vec<_>>(),
        "recommended": {"primary": pick(rows, advice.primary.as_ref()), "fallback": pick(rows, advice.fallback.as_ref())},
        "chosen": {"primary": name(chosen.primary), "fallback": name(chosen.fallback)},
        "notes": found.notes.iter().chain(notes).map(Text::english).collect::<Vec<_>>(),
        "config": written.path,
        "written": written.saved.is_some(),
        "backup": written.saved.and_then(|saved| saved.backup.as_deref()),
    })
}

fn server(app: &App, server: &Server) -> Value {
    let error = trouble(app, server).map(|(message, fix)| {
        json!({
            "kind": server.error().map(|error| error.kind),
            "message": message.english(),
            "hint": fix.as_ref().map(Text::english),
        })
    });
    json!({
        "provider": server.endpoint.provider,
        "base_url": server.endpoint.base_url,
        "kind": server.facts.kind,
        "version": server.facts.version,
        "configured": server.new.is_none(),
        "error": error,
    })
}

fn model(row: &Row) -> Value {
    let proof = row.proof.as_ref();
    let remark = proof.and_then(|proof| proof.trouble.as_ref().or(proof.remark.as_ref()));
    json!({
        "model": row.model,
        "state": row.state,
        "role": match row.role {
            Some(Role::Primary) => Some("primary"),
            Some(Role::Fallback) => Some("fallback"),
            None => None,
        },
        "window": row.window,
        "answers": proof.map(super::proof::Proof::answers),
        "tools": proof.map(|proof| proof.tools.name()),
        "tokens_per_second": proof.and_then(|proof| proof.speed),
        "remark": remark.map(|remark| remark.words.english()),
        "fix": remark.and_then(|remark| remark.fix.as_ref()).map(Text::english),
    })
}

fn pick(rows: &[Row], pick: Option<&Pick>) -> Value {
    pick.map_or(Value::Null, |pick| {
        json!({
            "model": rows[pick.row].model,
            "reasons": pick.reasons.iter().map(Text::english).collect::<Vec<_>>(),
        })
    })
}
