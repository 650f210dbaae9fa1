//! How much of a window is for what.

use std::time::Duration;

/// What the owner can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tokens that are kept free for the answer; a quarter of the window at most.
    pub reserve: u32,
    /// About so many tokens of the newest turns stay as they are, as far as there is room.
    pub keep: u32,
    /// How much of the room for the conversation may be taken after a compaction, in percent, from 10 to 90.
    pub share: u32,
    /// How many tokens a summary has at the most; a sixteenth of the window at the most.
    pub summary: u32,
    /// How long a summary may take, beside the time in which the model reads the conversation.
    pub time: Duration,
    /// Whether a model is asked for summaries at all.
    pub summaries: bool,
    /// More that the model is told when it is asked for a summary.
    pub instructions: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reserve: 16_384,
            keep: 20_000,
            share: 50,
            summary: 1024,
            time: Duration::from_secs(90),
            summaries: true,
            instructions: None,
        }
    }
}

/// A window divided, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// All of it.
    pub window: u32,
    /// What a request may have.
    pub room: u32,
    /// What stands before the conversation in each request.
    pub prefix: u32,
    /// What a request may have after a compaction.
    pub goal: u32,
    /// From here on a compaction is due soon.
    pub ease: u32,
    /// For a summary.
    pub summary: u32,
    /// For exact names and numbers behind a summary, and the line that tells of what was left out.
    pub exact: u32,
    /// For the newest turns.
    pub keep: u32,
}

// === impl Budget ===

impl Budget {
    /// The parts of a window in which `prefix` tokens are taken by what stands before the conversation.
    pub fn of(settings: &Settings, window: u32, prefix: u32) -> Self {
        let room = window - settings.reserve.min(window / 4);
        let free = room.saturating_sub(prefix);
        let share = settings.share.clamp(10, 90);
        let after = percent(free, share);
        let summary = settings.summary.min(window / 16).min(after / 3);
        let exact = summary / 4;
        Self {
            window,
            room,
            prefix,
            goal: prefix.saturating_add(after),
            // Half of the way from there to the end.
            ease: prefix.saturating_add(percent(free, share.midpoint(100))),
            summary,
            exact,
            keep: settings.keep.min(after - summary - exact),
        }
    }

    /// How many tokens may be written for so many that are cut off: the summary, and what stands behind it.
    pub(super) fn written(&self, covered: u32) -> u32 {
        (self.summary + self.exact).min(covered / 2)
    }
}

fn percent(of: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(of) * u64::from(percent) / 100).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_divided() {
        let of = |window, prefix| Budget::of(&Settings::default(), window, prefix);
        assert_eq!(
            [of(8192, 1200), of(131_072, 2500), of(1024, 2000)],
            [
                Budget {
                    window: 8192,
                    room: 6144,
                    prefix: 1200,
                    goal: 3672,
                    ease: 4908,
                    summary: 512,
                    exact: 128,
                    keep: 1832,
                },
                Budget {
                    window: 131_072,
                    room: 114_688,
                    prefix: 2500,
                    goal: 58_594,
                    ease: 86_641,
                    summary: 1024,
                    exact: 256,
                    keep: 20_000,
                },
                Budget {
                    window: 1024,
                    room: 768,
                    prefix: 2000,
                    goal: 2000,
                    ease: 2000,
                    summary: 0,
                    exact: 0,
                    keep: 0,
                },
            ]
        );
    }
}
