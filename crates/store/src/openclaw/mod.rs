//! OpenClaw's sessions, as they become Yabby's.
//!
//! What is known of their form, and where from:
//! - openclaw/openclaw `docs/reference/session-management-compaction.md`: `agents/<id>/sessions/sessions.json` (key →
//!   current session) and `<session>.jsonl` beside it, a tree of entries; which entries there are.
//! - openclaw/openclaw `src/config/sessions/transcript-tree.ts`: which branch of the tree is the active one ([`branch`]).
//! - openclaw/openclaw `src/config/sessions/artifacts.ts`: the names of archives (`<session>.jsonl.reset.<time>`, `.deleted.`)
//!   and of files that are no transcripts.
//! - openclaw/openclaw `src/state/openclaw-agent-schema.sql`: `agents/<id>/agent/openclaw-agent.sqlite`, since 2026.7, whose
//!   `transcript_events.event_json` are the same entries; older tables after the adapter of pond-db 0.14
//!   (docs.rs, `pond/adapter/openclaw.rs`).
//! - getagentseal/codeburn `docs/providers/openclaw.md`: rows with `event_zstd` instead, which hold the same as one zstd
//!   frame; when a session is in both forms, the database has the right one.
//! - `session_transcript_archives.encoding` is `identity` or `zstd`, and archives as files may end with `.zst`: the lines
//!   of a transcript, in frames of zstd.
//!
//! OpenClaw's folder is only read. What a model thought stays there: it must never be taken for something that was said.
//! Everything that comes from there is as trusted as what anyone says.

mod branch;
mod content;
mod database;
mod entry;
mod found;
mod packed;
mod plan;
mod put;

use std::{collections::BTreeMap, path::PathBuf};

use yabby_core::{Text, text};

use crate::{
    attachments::{Kept, Limits},
    error::{Result, StoreError, StoreErrorKind},
    store::Store,
};

pub use entry::Skipped;

/// What was brought along, or would be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FromOpenclaw {
    /// Sessions that are new.
    pub sessions: u64,
    /// Sessions that were there already, and may have got new items.
    pub known: u64,
    /// Items that are new.
    pub items: u64,
    /// What was left out, and how often.
    pub skipped: BTreeMap<Skipped, u64>,
    /// What could not be read at all.
    pub problems: Vec<Text>,
}

impl Store {
    /// Brings the sessions of an OpenClaw folder (`~/.openclaw`) along. What was brought along before is not added again;
    /// what OpenClaw has added to a session since then is, unless Yabby has gone on with it. With `dry_run`, nothing is
    /// written, and only counted.
    pub async fn import_openclaw(&self, folder: PathBuf, dry_run: bool) -> Result<FromOpenclaw> {
        let own = self.place().folder().to_owned();
        let found = apart(move || found::look(&folder, &own)).await??;
        let mut done = FromOpenclaw {
            problems: found.problems,
            ..FromOpenclaw::default()
        };
        for source in found.sources {
            let planned = apart(move || plan::plan(&source)).await?;
            let Some(planned) = done.noted(planned) else { continue };
            let put = if dry_run {
                self.read("openclaw_look", move |tx| put::look(tx, &planned)).await?
            } else {
                // What was kept before is kept, however large it is.
                let kept = Kept {
                    limits: Limits::NONE,
                    ..self.kept()
                };
                self.write("openclaw", move |tx| put::put(tx, &kept, &planned)).await?
            };
            match put {
                put::Put::New(items) => {
                    done.sessions += 1;
                    done.items += items;
                }
                put::Put::Known(items) => {
                    done.known += 1;
                    done.items += items;
                }
            }
        }
        Ok(done)
    }
}

impl Store {
    /// What [`Store::import_openclaw`] would bring into a store that holds nothing.
    pub async fn look_at_openclaw(folder: PathBuf) -> Result<FromOpenclaw> {
        let own = std::env::temp_dir();
        let found = apart(move || found::look(&folder, &own)).await??;
        let mut done = FromOpenclaw {
            problems: found.problems,
            ..FromOpenclaw::default()
        };
        for source in found.sources {
            let planned = apart(move || plan::plan(&source)).await?;
            if let Some(planned) = done.noted(planned) {
                done.sessions += 1;
                done.items += planned.items.len() as u64;
            }
        }
        Ok(done)
    }
}

impl FromOpenclaw {
    /// Counts what is left out of a session; `None` when nothing remains of it.
    fn noted(&mut self, planned: Result<plan::Planned, Text>) -> Option<plan::Planned> {
        let planned = planned.map_err(|problem| self.problems.push(problem)).ok()?;
        for (what, count) in &planned.skipped {
            *self.skipped.entry(*what).or_default() += count;
        }
        (!planned.items.is_empty()).then_some(planned)
    }
}

/// Reads files on a thread of its own.
async fn apart<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        let message = text!("the sessions of OpenClaw cannot be read: {error}", error = error);
        StoreError::new(StoreErrorKind::Other, message)
    })
}

/// Reads a transcript of OpenClaw, whatever it is, and says what would become of it: for tests with arbitrary bytes.
#[doc(hidden)]
pub fn read_openclaw_transcript(bytes: &[u8]) -> Vec<crate::transcript::Content> {
    let (entries, skipped) = entry::of_lines(bytes);
    let planned = plan::of_entries("main", "s", &entries, skipped, yabby_core::Time(0));
    planned.items.into_iter().map(|item| item.content).collect()
}
