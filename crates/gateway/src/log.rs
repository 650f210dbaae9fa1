//! The last things that were told, for whoever looks after the gateway: what stands on its terminal, and what became of
//! requests that failed. Nothing of what people or models say, and no secrets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_core::{Text, Time};

/// So many lines are kept.
const KEPT: usize = 1000;
/// A line that is longer is cut off, in bytes.
const LONGEST: usize = 1000;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Everything goes its way.
    Info,
    /// Something does not, and Yabby goes on.
    Warn,
    /// Somebody has to do something.
    Error,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LogLine {
    /// Goes up by one from line to line, from 1.
    pub(crate) n: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) level: Level,
    /// What it is about: `config`, `models`, `servers`, `gateway`, `otel`.
    pub(crate) target: &'static str,
    /// In English.
    pub(crate) text: String,
}

/// The last lines of this process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    last: u64,
    kept: VecDeque<LogLine>,
}

impl Log {
    /// Adds what a person was told.
    pub fn tell(&self, level: Level, target: &'static str, text: &Text) {
        self.add(level, target, &text.english());
    }

    /// Adds a line in English.
    pub fn add(&self, level: Level, target: &'static str, text: &str) {
        let mut lines = self.lock();
        lines.last += 1;
        if lines.kept.len() == KEPT {
            lines.kept.pop_front();
        }
        let line = LogLine {
            n: lines.last,
            at: Time::from(SystemTime::now()).0,
            level,
            target,
            text: one_line(text),
        };
        lines.kept.push_back(line);
    }

    /// The lines behind number `after` that matter as much as `level` or more, the oldest first.
    pub(crate) fn lines(&self, after: u64, level: Level) -> Vec<LogLine> {
        let lines = self.lock();
        let wanted = |line: &&LogLine| line.n > after && line.level >= level;
        lines.kept.iter().filter(wanted).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without what would make it more than one line, and not too long.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if line.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(end.unwrap_or_default());
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_can_be_followed() {
        let log = Log::default();
        for at in 1..=KEPT + 5 {
            let level = if at % 2 == 0 { Level::Warn } else { Level::Info };
            log.add(level, "models", &format!("line {at}"));
        }
        let all = log.lines(0, Level::Info);
        assert_eq!((all.len(), all[0].n, all[0].text.as_str()), (KEPT, 6, "line 6"));
        let new: Vec<u64> = log.lines(1000, Level::Warn).iter().map(|line| line.n).collect();
        assert_eq!(new, [1002, 1004]);
        assert_eq!(log.lines(1005, Level::Info), []);
        log.add(Level::Error, "config", &format!("a\nb\u{1b}{}", "字".repeat(400)));
        let last = log.lines(1005, Level::Error).remove(0);
        assert!(last.text.starts_with("a b 字") && last.text.ends_with('…') && last.text.len() < LONGEST + 4);
    }
}
