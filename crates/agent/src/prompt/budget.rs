//! How many tokens a prompt may have.

use crate::Served;

/// From this window on, in tokens, a prompt may be large.
const LARGE_WINDOW: u32 = 16_000;

/// Yabby's own words with the tools, in a small prompt and in a large one. The tests hold the defaults to it.
const SMALL: u32 = 1_200;
const LARGE: u32 = 2_500;

/// The least for Yabby's own words and some tools; and for the owner's files.
const LEAST: u32 = 600;
const LEAST_FILES: u32 = 256;

/// The most for the owner's files: OpenClaw's 60,000 characters.
const MOST_FILES: u32 = 15_000;

/// For files where nobody knows the window.
const UNKNOWN_FILES: u32 = 512;

/// Nobody waits longer, in seconds, for the first word of the first answer because of a long prompt.
const PATIENCE: f64 = 20.0;

/// How much a prompt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// What a model cannot do without.
    Small,
    /// What helps beside it.
    Large,
}

/// How many tokens a prompt may have, with the tools and the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How much it says.
    pub size: Size,
    /// For Yabby's own words and the tools.
    pub own: u32,
    /// For the files of the workspace.
    pub files: u32,
    /// For the lines of skills.
    pub skills: u32,
}

impl Budget {
    /// The budget for a model as it is served. An unknown window is taken for a small one, and so is a large one that would
    /// take too long to be read.
    pub fn of(served: &Served) -> Self {
        Self::fitting(served.window, served.prefill)
    }

    /// The same for a window in tokens, and for tokens read in a second.
    pub fn fitting(window: Option<u32>, prefill: Option<f64>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "no speed is negative, and the cast saturates"
        )]
        let in_time = prefill.map_or(u32::MAX, |speed| (speed * PATIENCE) as u32);
        let size = if window.is_some_and(|window| window >= LARGE_WINDOW) && in_time >= LARGE {
            Size::Large
        } else {
            Size::Small
        };
        let own = match (size, window) {
            (Size::Large, _) => LARGE,
            (Size::Small, Some(window)) => (window / 10 * 3).clamp(LEAST, SMALL),
            (Size::Small, None) => SMALL,
        };
        let files = window
            .map_or(UNKNOWN_FILES, |window| window / 8)
            .min(in_time.saturating_sub(own))
            .clamp(LEAST_FILES, MOST_FILES);
        Self {
            size,
            own,
            files,
            skills: files / 4,
        }
    }

    /// For all of it.
    pub fn whole(&self) -> u32 {
        self.own + self.files + self.skills
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_and_the_speed_say_how_much() {
        let of = |window, prefill| {
            let Budget {
                size,
                own,
                files,
                skills,
            } = Budget::fitting(window, prefill);
            (size, own, files, skills)
        };
        assert_eq!(of(None, None), (Size::Small, 1_200, 512, 128));
        assert_eq!(of(Some(2_048), None), (Size::Small, 612, 256, 64));
        assert_eq!(of(Some(4_096), None), (Size::Small, 1_200, 512, 128));
        assert_eq!(of(Some(8_192), None), (Size::Small, 1_200, 1_024, 256));
        assert_eq!(of(Some(15_999), None), (Size::Small, 1_200, 1_999, 499));
        assert_eq!(of(Some(16_384), None), (Size::Large, 2_500, 2_048, 512));
        assert_eq!(of(Some(131_072), None), (Size::Large, 2_500, 15_000, 3_750));
        assert_eq!(of(Some(131_072), Some(250.0)), (Size::Large, 2_500, 2_500, 625));
        assert_eq!(of(Some(131_072), Some(124.0)), (Size::Small, 1_200, 1_280, 320));
        assert_eq!(of(Some(131_072), Some(20.0)), (Size::Small, 1_200, 256, 64));
    }
}
