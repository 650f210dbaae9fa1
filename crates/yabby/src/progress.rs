//! Progress bars for downloads and loading.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use yabby_core::{Text, text};
use yabby_servers::managed::Report;

use crate::terminal::Terminal;

/// Draws each step on standard error; where nobody watches, each step is one line.
pub(crate) struct Bars {
    terminal: Terminal,
    bar: Mutex<Option<ProgressBar>>,
}

const BYTES: &str = "{msg:28} {bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec} {eta}";
const SPINNER: &str = "{msg:28} {spinner} {elapsed}";

impl Bars {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            bar: Mutex::new(None),
        }
    }

    fn with_bar(&self, action: impl FnOnce(&mut Option<ProgressBar>)) {
        action(&mut self.bar.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Report for Bars {
    fn begin(&self, what: Text, total: Option<u64>) {
        let words = self.terminal.say(&what);
        if !self.terminal.watched {
            match total {
                Some(bytes) => self.terminal.notice(&text!(
                    "{what} ({megabytes} MB) …",
                    what = words,
                    megabytes = bytes / 1_000_000
                )),
                None => self.terminal.notice(&text!("{what} …", what = words)),
            }
            return;
        }
        let template = if total.is_some() { BYTES } else { SPINNER };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_message(words);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        self.with_bar(|current| {
            if let Some(old) = current.replace(bar) {
                old.finish_and_clear();
            }
        });
    }

    fn advance(&self, done: u64) {
        self.with_bar(|bar| {
            if let Some(bar) = bar {
                bar.set_position(done);
            }
        });
    }

    fn end(&self) {
        self.with_bar(|bar| {
            if let Some(bar) = bar.take() {
                if bar.length().is_some() {
                    bar.finish();
                } else {
                    bar.finish_and_clear();
                }
            }
        });
    }
}
