//! Tools for programs: running one, and looking after those that run in the background.
//!
//! A command is given to `/bin/sh` word by word as it was shown to whoever allowed it. Everything that it starts is one process
//! group, which is ended as a whole. There is no sandbox here yet: a command may do what Yabby may do, and one that leaves its
//! process group (`setsid`) is not found again. So the effect of `exec` is [`Effect::Exec`](crate::Effect::Exec), and the owner is asked.

mod allowed;
mod drive;
mod group;
mod plain;
mod process;
mod processes;
mod run;
mod settings;
mod spool;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use allowed::AllowedPrograms;
pub use settings::ExecSettings;

pub(crate) use self::group::{Group, Next, Reaper};
use self::processes::Processes;
use crate::{Files, Tool};

/// The tools for programs of one agent. Cheap to clone; when the last clone and the last tool are dropped, everything that still
/// runs is killed.
#[derive(Clone)]
pub struct Exec(Arc<Shared>);

/// What both tools use.
struct Shared {
    files: Files,
    settings: ExecSettings,
    processes: Processes,
}

impl Exec {
    /// The tools for programs, which run in the folders of `files`.
    pub fn new(files: Files, settings: ExecSettings) -> Self {
        Self(Arc::new(Shared {
            processes: Processes::new(&settings),
            files,
            settings,
        }))
    }

    /// The tools. They run on a tokio runtime.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        vec![
            Arc::new(run::Run::new(Arc::clone(&self.0))),
            Arc::new(process::Process::new(Arc::clone(&self.0))),
        ]
    }
}
