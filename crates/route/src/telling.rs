//! What a person is told while an answer takes its time.
//!
//! [`progress_words`] says what a model does, for whoever can draw the same line again and again. [`Telling`] is for slow
//! channels, where each line stays: it says nothing for [`PATIENCE`], then what is known, and again only when there is
//! something new.

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{ModelEvent, ModelRef, Progress, Text, text};

use crate::RouteEvent;

/// A wait of this length is worth a line, and so long it is until the next.
const PATIENCE: Duration = Duration::from_secs(8);
/// Other numbers of the same work are worth a line after this long.
const NUMBERS: Duration = Duration::from_secs(30);

/// Which lines are told of one answer, and when. It has no clock: whoever uses it says what time it is, and asks again at
/// [`Telling::due`].
///
/// ```no_run
/// # use futures_util::{Stream, StreamExt};
/// # use tokio::time::{Instant, sleep_until};
/// # use yabby_route::{RouteEvent, Telling};
/// # fn show(_: yabby_core::Text) {}
/// # async fn example(mut events: impl Stream<Item = RouteEvent> + Unpin) {
/// let mut telling = Telling::new(Instant::now());
/// loop {
///     tokio::select! {
///         event = events.next() => match event {
///             Some(event) => telling.saw(&event, Instant::now()),
///             None => break,
///         },
///         () = telling.wait() => {}
///     }
///     if let Some(line) = telling.line(Instant::now()) {
///         show(line);
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Telling {
    /// Since when the person waits: the beginning, or the last that was seen of the answer.
    since: Instant,
    model: Option<ModelRef>,
    now: Option<Work>,
    last: Option<Told>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Waiting,
    Progress(Progress),
    Thinking,
}

#[derive(Clone, Debug)]
struct Told {
    at: Instant,
    model: Option<ModelRef>,
    work: Option<Work>,
    words: Option<Text>,
}

impl Telling {
    /// A person begins to wait.
    pub const fn new(now: Instant) -> Self {
        Self {
            since: now,
            model: None,
            now: None,
            last: None,
        }
    }

    /// Takes note of an event.
    pub fn saw(&mut self, event: &RouteEvent, now: Instant) {
        match event {
            RouteEvent::Trying(model) => {
                self.model = Some(model.clone());
                self.now = Some(Work::Waiting);
            }
            RouteEvent::Model(ModelEvent::Progress(progress)) => self.progress(*progress),
            RouteEvent::Model(ModelEvent::Reasoning(_)) => self.now = Some(Work::Thinking),
            // There is something to look at.
            RouteEvent::Model(ModelEvent::Text(_)) => {
                self.since = now;
                self.now = None;
            }
            // A line of its own, which says who is asked next.
            RouteEvent::Notice(_) => self.told(now),
            RouteEvent::Done(_) | RouteEvent::Failed(_) => self.now = None,
            RouteEvent::Model(_) | RouteEvent::Attempt(_) => {}
        }
    }

    /// The model has said what is done.
    pub fn progress(&mut self, progress: Progress) {
        if progress != Progress::Alive {
            self.now = Some(Work::Progress(progress));
        }
    }

    /// The person was told something else.
    pub fn told(&mut self, now: Instant) {
        match &mut self.last {
            Some(last) => last.at = now,
            None => {
                self.last = Some(Told {
                    at: now,
                    model: None,
                    work: None,
                    words: None,
                });
            }
        }
    }

    /// What is to be told now, once.
    pub fn line(&mut self, now: Instant) -> Option<Text> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let words = self.words()?;
        self.last = Some(Told {
            at: now,
            model: self.model.clone(),
            work: self.now,
            words: Some(words.clone()),
        });
        Some(words)
    }

    /// When there will be a line, if nothing happens before.
    pub fn due(&self) -> Option<Instant> {
        let words = self.words()?;
        let first = self.since + PATIENCE;
        let Some(last) = &self.last else { return Some(first) };
        if last.words.as_ref() == Some(&words) {
            return None;
        }
        let same_kind =
            last.model == self.model && last.work.zip(self.now).is_some_and(|(last, now)| last.is_like(now));
        let pause = if same_kind { NUMBERS } else { PATIENCE };
        Some(first.max(last.at + pause))
    }

    /// Waits until there is a line; for ever when there is nothing to say.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn wait(&self) {
        match self.due() {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// What is known now, however long the wait has been.
    pub fn words(&self) -> Option<Text> {
        let model = self.model.as_ref().map_or("?", ModelRef::model);
        Some(match self.now? {
            Work::Waiting => waiting_words(model),
            Work::Thinking => text!("{model} is thinking", model = model),
            Work::Progress(progress) => progress_words(model, progress)?,
        })
    }
}

impl Work {
    /// Whether only numbers differ.
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Progress(one), Self::Progress(other)) => {
                let reads = |it| matches!(it, Progress::Prefill { .. } | Progress::Working { .. });
                std::mem::discriminant(&one) == std::mem::discriminant(&other) || (reads(one) && reads(other))
            }
            (one, other) => one == other,
        }
    }
}

/// That a model was asked and nothing more is known.
pub fn waiting_words(model: &str) -> Text {
    text!("waiting for {model}", model = model)
}

/// What a model does; nothing for a mere sign of life.
pub fn progress_words(model: &str, progress: Progress) -> Option<Text> {
    Some(match progress {
        Progress::Alive => return None,
        Progress::Loading { usual: None } => text!("loading {model}", model = model),
        Progress::Loading { usual: Some(time) } => text!(
            "loading {model} ({seconds} s usually)",
            model = model,
            seconds = seconds(time)
        ),
        Progress::Prefill { done, total } if total > 0 => text!(
            "reading {tokens} tokens, {percent} %",
            tokens = rounded(total),
            percent = (u64::from(done) * 100 / u64::from(total)).min(100)
        ),
        Progress::Prefill { .. } | Progress::Working { expected: None } => {
            text!("{model} is reading the prompt", model = model)
        }
        Progress::Working { expected: Some(time) } => text!(
            "{model} is reading the prompt (about {seconds} s)",
            model = model,
            seconds = seconds(time)
        ),
        // Those that are answered now are not counted.
        Progress::Queued {
            ahead: 0,
            expected: None,
        } => text!("all slots of the server are taken; you are next"),
        Progress::Queued {
            ahead: 0,
            expected: Some(time),
        } => text!(
            "all slots of the server are taken; you are next, in about {seconds} s",
            seconds = seconds(time)
        ),
        Progress::Queued { ahead, expected: None } => text!("{count} ahead of you", count = ahead),
        Progress::Queued {
            ahead,
            expected: Some(time),
        } => text!(
            "{count} ahead of you, about {seconds} s",
            count = ahead,
            seconds = seconds(time)
        ),
    })
}

fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

/// A number of tokens as people say it: `640`, `1.2k`, `23k`.
pub fn rounded(tokens: u32) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..9950 => {
            let tenths = (tokens + 50) / 100;
            if tenths.is_multiple_of(10) {
                format!("{}k", tenths / 10)
            } else {
                format!("{}.{}k", tenths / 10, tenths % 10)
            }
        }
        _ => format!("{}k", (u64::from(tokens) + 500) / 1000),
    }
}

#[cfg(test)]
mod tests;
