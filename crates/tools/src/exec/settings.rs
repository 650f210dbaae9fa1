//! What programs get, and how much they may take.

use std::{path::PathBuf, time::Duration};

use super::AllowedPrograms;

/// The settings of one agent.
#[derive(Clone, Debug)]
pub struct ExecSettings {
    /// Programs that need no question.
    pub allowed: AllowedPrograms,
    /// `PATH`. Nothing of Yabby's own environment is handed on, because there are secrets in it.
    pub path: String,
    /// `HOME`; without it, the folder that the command runs in.
    pub home: Option<PathBuf>,
    /// `LANG`.
    pub lang: String,
    /// More of the environment.
    pub environment: Vec<(String, String)>,
    /// How long a command may run when the call does not say.
    pub timeout: Duration,
    /// How long it may run at most, in the background too.
    pub longest: Duration,
    /// How long it gets to end by itself before it is killed.
    pub grace: Duration,
    /// So many bytes of its output are kept, half of them from the end.
    pub output_bytes: usize,
    /// So many may run in the background at once.
    pub processes: usize,
    /// How long `process poll` waits for something new.
    pub poll: Duration,
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            allowed: AllowedPrograms::default(),
            path: "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin".to_owned(),
            home: None,
            lang: "C.UTF-8".to_owned(),
            environment: Vec::new(),
            timeout: Duration::from_mins(2),
            longest: Duration::from_hours(12),
            grace: Duration::from_secs(2),
            output_bytes: 256 << 10,
            processes: 8,
            poll: Duration::from_secs(3),
        }
    }
}
