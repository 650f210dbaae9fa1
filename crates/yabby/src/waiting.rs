//! The line that says what a slow answer waits for.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use yabby_core::{ModelRef, Progress, Text, text};

use crate::terminal::Terminal;

/// A spinner on standard error that goes away with the first word of the answer.
pub(crate) struct Waiting {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    since: Instant,
    told: bool,
}

/// Where nobody watches, a wait of this length is worth one line.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

impl Waiting {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            bar: None,
            since: Instant::now(),
            told: false,
        }
    }

    /// A candidate is asked.
    pub(crate) fn on(&mut self, model: &ModelRef) {
        self.show(&text!("waiting for {model}", model = model));
    }

    /// It gave a sign of life.
    pub(crate) fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Loading { usual: None } => self.show(&text!("the model is being loaded")),
            Progress::Loading { usual: Some(time) } => self.show(&text!(
                "the model is being loaded ({seconds} s usually)",
                seconds = time.as_secs().max(1)
            )),
            Progress::Queued { ahead, expected } => self.show(&queued(ahead, expected)),
            Progress::Working { expected: None } => self.show(&text!("the server is reading the prompt")),
            Progress::Working { expected: Some(time) } => self.show(&text!(
                "the server is reading the prompt (about {seconds} s)",
                seconds = time.as_secs().max(1)
            )),
            Progress::Prefill { done, total } => self.show(&text!(
                "reading the prompt: {done} of {total} tokens",
                done = done,
                total = total
            )),
            Progress::Alive => {}
        }
    }

    fn show(&mut self, what: &Text) {
        if !self.terminal.watched {
            if self.since.elapsed() > WORTH_A_LINE && !std::mem::replace(&mut self.told, true) {
                self.terminal.notice(what);
            }
            return;
        }
        let words = self.terminal.say(what);
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(words);
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A place in the line, without those that are answered now.
fn queued(ahead: usize, expected: Option<Duration>) -> Text {
    match (ahead, expected.map(|time| time.as_secs().max(1))) {
        (0, None) => text!("all slots of the server are taken; you are next"),
        (0, Some(seconds)) => text!(
            "all slots of the server are taken; you are next, in about {seconds} s",
            seconds = seconds
        ),
        (ahead, None) => text!("{count} ahead of you", count = ahead),
        (ahead, Some(seconds)) => text!(
            "{count} ahead of you, about {seconds} s",
            count = ahead,
            seconds = seconds
        ),
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_the_place() {
        let time = Some(Duration::from_millis(2400));
        for (ahead, expected, words) in [
            (0, None, "all slots of the server are taken; you are next"),
            (0, time, "all slots of the server are taken; you are next, in about 2 s"),
            (3, None, "3 ahead of you"),
            (3, time, "3 ahead of you, about 2 s"),
        ] {
            assert_eq!(queued(ahead, expected).english(), words);
        }
    }
}
