//! What is shown while a slow answer is waited for: a spinner on a terminal, seldom lines where nobody watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use yabby_core::{ModelEvent, Text};
use yabby_route::{RouteEvent, Telling};

use crate::terminal::Terminal;

/// A line on standard error. On a terminal it is drawn at once, and goes away with the first word of the answer.
pub(crate) struct Waiting {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    telling: Telling,
}

impl Waiting {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            bar: None,
            telling: Telling::new(Instant::now()),
        }
    }

    /// Takes note of an event.
    pub(crate) fn saw(&mut self, event: &RouteEvent) {
        self.telling.saw(event, Instant::now());
        let moves = matches!(
            event,
            RouteEvent::Trying(_) | RouteEvent::Model(ModelEvent::Progress(_) | ModelEvent::Reasoning(_))
        );
        if self.terminal.watched
            && moves
            && let Some(words) = self.telling.words()
        {
            self.draw(&words);
        }
    }

    /// Waits until there is a line for those who do not watch.
    pub(crate) async fn is_long(&self) {
        if self.terminal.watched {
            std::future::pending::<()>().await;
        } else {
            self.telling.wait().await;
        }
    }

    /// Tells that line, if it is time.
    pub(crate) fn tell(&mut self) {
        if !self.terminal.watched
            && let Some(line) = self.telling.line(Instant::now())
        {
            self.terminal.notice(&line);
        }
    }

    fn draw(&mut self, what: &Text) {
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

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clear();
    }
}
